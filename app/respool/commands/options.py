"""Parameters that several commands share: types of values, and the paths."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click


class NumberParam(click.ParamType[float]):
    """A number of 0 or more, or a word that stands for a value."""

    def __init__(self, name: str, words: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.words = words or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self.words:
            return self.words[value]
        try:
            return float(value)
        except ValueError:
            expected = " or ".join(["a number", *map(repr, self.words)])
            self.fail(f"{value!r} is not {expected}")


class Size(click.ParamType[int]):
    """A number of bytes: 1000000, 512K, 32MB, 1GiB."""

    name = "BYTES"
    pattern = re.compile(r"([0-9]{1,15}) *([kmg]?)i?b?", re.IGNORECASE)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = self.pattern.fullmatch(str(value))
        if not match:
            self.fail(f"{value!r} is no size: expected a number of bytes, or one with K, M or G")
        return int(match[1]) * int(1024 ** " kmg".index(match[2].lower() or " "))


class FaultType(click.ParamType[Any]):
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


class Port(click.ParamType[int]):
    """A port to listen on; 0 is any free one."""

    name = "PORT"
    default = 8080

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text.startswith("tcp://"):
            # Kubernetes sets RESPOOL_PORT to this for a service called respool.
            return self.default
        if not text.isdecimal() or len(text) > 5 or int(text) > 65535:
            self.fail(f"{value!r} is no port: expected 0 to 65535")
        return int(text)


class Age(click.ParamType[float]):
    """A length of time in seconds: 90d, 2w, 12h, 30m, 45s."""

    name = "AGE"
    units: Mapping[str, float] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    pattern = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([smhdw])", re.IGNORECASE)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = self.pattern.fullmatch(str(value))
        if not match:
            self.fail(f"{value!r} is no age: expected a number with s, m, h, d or w, as 90d")
        return float(match[1]) * self.units[match[2].lower()]


SECONDS = NumberParam("SECONDS")
GAP = NumberParam("SECONDS|typical", {"typical": "typical"})
SPEED = NumberParam("FACTOR|instant", {"instant": math.inf})

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
    """Return the headers in texts of the form ``NAME:VALUE``. Raises BadParameter."""
    return dict(map(_header, texts))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is no header: expected NAME:VALUE", param_hint="'--header'")
    return name.strip(), value.strip()
