"""The syntax of faults: ``name``, ``name(key=value, key=value)``, several separated by ``;``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from json import JSONDecodeError, JSONDecoder
from typing import Any

from respool.errors import FaultError, printable
from respool.faults.fault import Fault, limit, options_of
from respool.faults.table import FAULTS
from respool.protocol.events import json_kind

_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_BARE = re.compile(r"""[^\s,;()="]+""")
_SPACE = re.compile(r"\s*")
_DECODER = JSONDecoder()

_SYNTAX = "name, or name(key=value, key=value)"
MAX_TEXT = 8 * 1024  # characters


def parse(text: str) -> tuple[Fault, ...]:
    """Return the faults in a text, in order; empty for an empty text.

    A value with spaces or one of ``,;()="`` is quoted as a JSON string. Raise FaultError, also for a text of
    more than MAX_TEXT characters or MAX_FAULTS faults.

    Example: ``parse('stall(after=output_text.delta#3, seconds=2); reset_peer')``
    """
    if len(text) > MAX_TEXT:
        raise FaultError(f"the faults are {len(text)} characters long, expected no more than {MAX_TEXT}")
    return limit(_read_faults(text))


def _read_faults(text: str) -> Iterator[Fault]:
    at = _skip(text, 0)
    while at < len(text):
        fault, at = _read_fault(text, at)
        yield fault
        if at < len(text):
            if text[at] != ";":
                raise _unexpected(text, at, 'the end, or ";" and another fault')
            at = _skip(text, at + 1)


def read(value: Any) -> tuple[Fault, ...]:
    """Return the faults of a JSON list: strings in the syntax, and objects ``{"fault": "abort", "after":
    5}``.

    Raise FaultError.
    """
    if not isinstance(value, list):
        raise FaultError(f"faults are a list, but this is {json_kind(value)}")
    return limit(_read_list(value))


def _read_list(value: Sequence[Any]) -> Iterator[Fault]:
    for number, one in enumerate(value, start=1):
        match one:
            case str():
                yield from parse(one)
            case {"fault": str(name)}:
                yield make(name, {key: option for key, option in one.items() if key != "fault"})
            case _:
                raise FaultError(
                    f"fault {number} of the list is {json_kind(one)}, "
                    'expected a string or an object with "fault", its name'
                )


def make(name: str, options: Mapping[str, Any]) -> Fault:
    """Return the fault of that name, with these options. Raise FaultError."""
    fault = FAULTS.get(name)
    if fault is None:
        raise FaultError.of_name(printable(name), FAULTS)
    known = options_of(fault)
    for key in options:
        if key not in known:
            raise FaultError.of_key(name, printable(str(key)), known)
    return fault(**options)


def _read_fault(text: str, at: int) -> tuple[Fault, int]:
    match = _NAME.match(text, at)
    if not match:
        raise _unexpected(text, at, "a fault's name")
    name, at = match[1], match.end()
    if name not in FAULTS:
        raise FaultError.of_name(name, FAULTS)
    options: dict[str, str] = {}
    if text[at : at + 1] == "(":
        at = _skip(text, at + 1)
        while text[at : at + 1] != ")":
            if options:
                if text[at : at + 1] != ",":
                    raise _unexpected(text, at, '"," or ")"')
                at += 1
            at = _read_option(text, at, name, options)
        at = _skip(text, at + 1)
    return make(name, options), at


def _read_option(text: str, at: int, name: str, options: dict[str, str]) -> int:
    match = _NAME.match(text, at)
    if not match or text[match.end() : match.end() + 1] != "=":
        known = ", ".join(options_of(FAULTS[name]))
        raise _unexpected(text, at, f"key=value, where key is one of {known}")
    key, at = match[1], _skip(text, match.end() + 1)
    if key in options:
        raise FaultError(f"fault {name}: {key} is given twice", fault=name, key=key)
    if text[at : at + 1] == '"':
        try:
            value, at = _DECODER.raw_decode(text, at)
        except JSONDecodeError:
            raise _unexpected(text, at, f"a JSON string as the value of {key}") from None
    elif bare := _BARE.match(text, at):
        value, at = bare[0], bare.end()
    else:
        raise _unexpected(text, at, f"a value for {key}")
    options[key] = value
    return _skip(text, at)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unexpected(text: str, at: int, expected: str) -> FaultError:
    found = printable(text[at:], 30) if at < len(text) else "the end"
    where = f"at character {at + 1}" if at < len(text) else "there"
    return FaultError(f"{printable(text, 60)}: found {found} {where}, expected {expected} ({_SYNTAX})")
