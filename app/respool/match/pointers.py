"""JSON pointers (RFC 6901) to parts of a canonical form; ``*`` stands for any key or index."""

from collections.abc import Iterable, Sequence
from typing import Any

Parts = tuple[str, ...]
MOST_PARTS = 64


def parse(pointer: str) -> Parts:
    """Return the parts of a pointer. Raise ValueError if it is none."""
    if not pointer.startswith("/"):
        raise ValueError('a JSON pointer begins with "/", such as /input/0/content')
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
    if len(parts) > MOST_PARTS:
        raise ValueError(f"a JSON pointer with {len(parts)} parts, expected at most {MOST_PARTS}")
    return parts


def write(parts: Iterable[str | int]) -> str:
    """Return the pointer of these keys and indices."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def without(value: Any, pointers: Sequence[Parts]) -> Any:
    """Return a value without the parts at these pointers. An element of an array becomes null, so that the
    others keep their indices."""
    for parts in pointers:
        value = _without(value, parts)
    return value


def _without(value: Any, parts: Parts) -> Any:
    first, *rest = parts
    match value:
        case dict():
            keys = value.keys() if first == "*" else {first} & value.keys()
            if not rest:
                return {key: one for key, one in value.items() if key not in keys}
            below = tuple(rest)
            return {key: _without(one, below) if key in keys else one for key, one in value.items()}
        case list():
            below = tuple(rest)
            return [
                (_without(one, below) if below else None) if first in ("*", str(place)) else one
                for place, one in enumerate(value)
            ]
        case _:
            return value
