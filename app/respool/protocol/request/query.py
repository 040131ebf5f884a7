"""Parsing of query strings: pairs of text in, values out.

All values are checked at every level, since the server needs them. Exceptions: the values of ``include`` are
checked at STRICT only, and at OFF a list has any limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from respool.protocol.request import sdk_types
from respool.protocol.request.level import ValidationLevel
from respool.protocol.request.parameter_types import Parameter, boolean, enum, integer, string

Pairs = Iterable[tuple[str, str]]

DEFAULT_LIMIT = 20
DEFAULT_ORDER = "desc"

_FLAG = boolean()
_AFTER = integer(0)
_LIMIT = integer(1, 100)
_ANY_LIMIT = integer()
_ORDER = enum("asc", "desc")
_CURSOR = string()
_BOOLEANS = {"true": True, "false": False}
_INCLUDE = ("include", "include[]")


@dataclass(frozen=True, slots=True)
class RetrieveQuery:
    """The query of ``GET /responses/{id}``."""

    stream: bool = False
    starting_after: int | None = None  # the sequence_number after which to start; None: at the beginning
    include_obfuscation: bool | None = None  # None: as recorded
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of a list of items: one page of it."""

    after: str | None = None  # the id of the item before the page; None: from the start
    limit: int = DEFAULT_LIMIT
    order: str = DEFAULT_ORDER  # or asc
    include: tuple[str, ...] = ()


def read_retrieve(pairs: Pairs, level: ValidationLevel = ValidationLevel.BASIC) -> RetrieveQuery:
    """Read the query of ``GET /responses/{id}``. Raise RequestError; unknown names pass."""
    pairs = list(pairs)
    return RetrieveQuery(
        stream=_last(pairs, "stream", _FLAG) or False,
        starting_after=_last(pairs, "starting_after", _AFTER),
        include_obfuscation=_last(pairs, "include_obfuscation", _FLAG),
        include=read_include(pairs, level),
    )


def read_list(pairs: Pairs, level: ValidationLevel = ValidationLevel.BASIC) -> ListQuery:
    """Read the query of a list of items. Raise RequestError; unknown names pass."""
    pairs = list(pairs)
    limit = _last(pairs, "limit", _ANY_LIMIT if level is ValidationLevel.OFF else _LIMIT)
    return ListQuery(
        after=_last(pairs, "after", _CURSOR),
        limit=limit if limit and limit > 0 else DEFAULT_LIMIT,
        order=_last(pairs, "order", _ORDER) or DEFAULT_ORDER,
        include=read_include(pairs, level),
    )


def read_include(pairs: Pairs, level: ValidationLevel = ValidationLevel.BASIC) -> tuple[str, ...]:
    """Return the values of ``include``, in any array form: ``include[]=a``, ``include[0]=a``, ``include=a``.
    Raise RequestError for a value that ValidationLevel.STRICT does not know."""
    found = tuple(value for name, value in pairs if name in _INCLUDE or _is_numbered(name))
    if level is ValidationLevel.STRICT and found:
        sdk_types.check_include(found)
    return found


def _is_numbered(name: str) -> bool:
    return name.startswith("include[") and name[8:-1].isdecimal() and name.endswith("]")


def _last(pairs: list[tuple[str, str]], name: str, parameter: Parameter) -> Any:
    """Return the last value of a name; None if it is absent or empty."""
    texts = [text for key, text in pairs if key == name]
    if not texts or not texts[-1]:
        return None
    value = _value(texts[-1], parameter)
    parameter.check(name, value)
    return value


def _value(text: str, parameter: Parameter) -> bool | int | str:
    if bool in parameter.types:
        return _BOOLEANS.get(text.lower(), text)
    digits = text[1:] if text[0] == "-" else text
    if int in parameter.types and digits.isascii() and digits.isdecimal() and len(digits) < 19:
        return int(text)
    return text
