import pytest

from respool.errors import OptionError
from respool.protocol.request import ValidationLevel


@pytest.mark.parametrize("level", ValidationLevel)
def test_a_level_is_read_by_its_name(level: ValidationLevel) -> None:
    assert ValidationLevel.read(level.value) is level
    assert ValidationLevel.read(level) is level


def test_another_name_is_refused_with_the_right_ones() -> None:
    with pytest.raises(OptionError) as raised:
        ValidationLevel.read("all")
    assert str(raised.value) == "validation of requests is 'all', expected one of off, basic, strict"
