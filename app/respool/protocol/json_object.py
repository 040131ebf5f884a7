"""JSONObject: the text of a JSON object, parsed when somebody looks at it."""

from collections.abc import Iterator, Mapping
from typing import Any

from respool.protocol.events import loads

LARGE = 64 * 1024  # bytes of a text from which its small members are kept beside it
_SHORT = 64  # characters of a text that is a small member
_MOST_SMALL = 32
NOT_KEPT = object()  # in place of a member that is not small


def small_members(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the members of an object with `NOT_KEPT` in place of those that are not small: of ids, flags and
    numbers the values are kept, and so that of a conversation, which may be an object of its id. Return None
    for an object that has too many members, or a long name among them."""
    if len(value) > _MOST_SMALL or any(len(name) > _SHORT for name in value):
        return None
    return {name: member if _is_small(member) else NOT_KEPT for name, member in value.items()}


def _is_small(member: Any) -> bool:
    if isinstance(member, str):
        return len(member) <= _SHORT
    if isinstance(member, dict):
        return len(member) == 1 and all(
            isinstance(one, str) and len(one) <= _SHORT for one in member.values()
        )
    return not isinstance(member, list)


class JSONObject(Mapping[str, Any]):
    """A JSON object that is kept as its text: parsed it takes many times as much.

    Nothing that was parsed is kept, but the small members of a large one (`small_members`); who looks at
    several large members takes a `dict` of it.
    """

    __slots__ = ("_small", "text")

    def __init__(self, text: bytes, small: Mapping[str, Any] | None = None) -> None:
        """`text` has been parsed before, so that it is known to be an object. With `small`, a member that is
        neither there nor `NOT_KEPT` is none."""
        self.text = text
        self._small = small

    def __getitem__(self, name: str) -> Any:
        if self._small is not None and (value := self._small[name]) is not NOT_KEPT:
            return value
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed() if self._small is None else self._small)

    def __len__(self) -> int:
        return len(self._parsed() if self._small is None else self._small)

    def __repr__(self) -> str:
        return f"JSONObject({len(self.text)} bytes)"

    def _parsed(self) -> dict[str, Any]:
        value: dict[str, Any] = loads(self.text)
        return value
