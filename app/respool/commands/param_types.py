"""Parameters that several commands share: types of values, and the paths."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from respool import option_types
from respool.option_types import OptionType

if TYPE_CHECKING:
    _AnyParam = click.ParamType[Any]
    _FloatParam = click.ParamType[float]
else:  # which is generic from click 8.4 on
    _AnyParam = _FloatParam = click.ParamType


class OptionParam(_AnyParam):
    """A value of an option type."""

    def __init__(self, type: OptionType) -> None:
        self.type = type
        self.name = type.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.type.read(value)
        except (ValueError, KeyError, TypeError, OverflowError):
            self.fail(f"{value!r}, expected {self.type.expected_for(value)}")


class FaultType(_AnyParam):
    """Faults in their syntax. In an environment variable they are separated by ``;``, as in the syntax."""

    name = "FAULT"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [rv]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from respool.faults import FaultError, parse

        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except FaultError as error:
            self.fail(str(error))


class Port(OptionParam):
    """A port to listen on; 0 is any free one."""

    default = 8080

    def __init__(self) -> None:
        super().__init__(option_types.PORT)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).startswith("tcp://"):
            # Kubernetes sets RESPOOL_PORT to this for a service called respool.
            return self.default
        return super().convert(value, param, ctx)


class Age(_FloatParam):
    """A length of time in seconds: 90d, 2w, 12h, 30m, 45s."""

    name = "AGE"
    units: Mapping[str, float] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    pattern = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([smhdw])", re.IGNORECASE)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = self.pattern.fullmatch(str(value))
        if not match:
            self.fail(f"{value!r} is no age: expected a number with s, m, h, d or w, as 90d")
        return float(match[1]) * self.units[match[2].lower()]


SECONDS = OptionParam(option_types.FINITE)
GAP = OptionParam(option_types.GAP)
SPEED = OptionParam(option_types.SPEED)

# A path in PATHS. Several paths in one variable are separated like those of PATH.
DEFAULT_PATH = "fixtures"


def _or_fixtures(context: click.Context, option: click.Parameter, value: Sequence[Path]) -> Sequence[Path]:
    if value or context.resilient_parsing:
        return value
    if not Path(DEFAULT_PATH).is_dir():
        raise click.UsageError(f"no PATHS are given, and here is no folder {DEFAULT_PATH}")
    return (Path(DEFAULT_PATH),)


paths_argument = click.argument(
    "paths",
    nargs=-1,
    type=click.Path(path_type=Path),
    envvar="RESPOOL_PATHS",
    callback=_or_fixtures,
    metavar="[PATHS]...",
)


def headers_of(texts: Sequence[str]) -> dict[str, str]:
    """Return the headers in texts of the form ``NAME:VALUE``. Raise BadParameter."""
    return dict(map(_header, texts))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is no header: expected NAME:VALUE", param_hint="'--header'")
    return name.strip(), value.strip()
