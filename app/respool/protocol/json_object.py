"""JSONObject: the text of a JSON object, parsed on access."""

from collections.abc import Iterator, Mapping
from typing import Any

from respool.protocol.events import loads

LARGE = 64 * 1024  # bytes of a text from which its small members are kept beside it
_SHORT = 64  # characters of a text that is a small member
_MOST_SMALL = 32
NOT_KEPT = object()  # in place of a member that is not small


def small_members(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the members of an object, with `NOT_KEPT` in place of large ones. Ids, flags and numbers keep
    their values, and so does a conversation that is an object with its id. Return None for an object with too
    many members, or with a long name."""
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
    """A JSON object that is kept as text, since the parsed form takes many times the memory.

    Each access parses the text again, except for the small members of a large one (`small_members`): make a
    `dict` of it to read several large members.
    """

    __slots__ = ("_small", "text")

    def __init__(self, text: bytes, small: Mapping[str, Any] | None = None) -> None:
        """`text` must be a valid JSON object. `small` has all its members, with `NOT_KEPT` for large ones."""
        self.text = text
        self._small = small

    @classmethod
    def of(cls, text: bytes, value: Mapping[str, Any]) -> "JSONObject":
        """Return the JSONObject for a text and its parsed `value`. For a large one, keep small members."""
        return cls(text, small_members(value) if len(text) > LARGE else None)

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
