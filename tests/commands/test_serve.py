import gc
from collections.abc import Iterator

import pytest

from respool.commands.serve import steady_gc


@pytest.fixture(autouse=True)
def _gc_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_garbage_is_looked_for_after_loading_but_not_in_what_was_loaded() -> None:
    before = gc.get_threshold()
    with steady_gc():
        assert not gc.isenabled()
        loaded = [[number] for number in range(5_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(loaded)
    assert gc.get_threshold() != before


def test_where_loading_fails_garbage_is_looked_for_as_before() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), steady_gc():
        raise ValueError("broken")
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before
