import pytest

from respool.errors import OptionError
from respool.protocol.request import Level


@pytest.mark.parametrize("level", Level)
def test_a_level_is_read_by_its_name(level: Level) -> None:
    assert Level.read(level.value) is level
    assert Level.read(level) is level


def test_another_name_is_refused_with_the_right_ones() -> None:
    with pytest.raises(OptionError) as raised:
        Level.read("all")
    assert str(raised.value) == "validation of requests is 'all', expected one of off, basic, strict"
