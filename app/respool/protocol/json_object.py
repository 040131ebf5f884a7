"""JSONObject: the text of a JSON object, parsed on access."""

from collections.abc import Iterator, Mapping
from typing import Any

from respool.protocol.events import loads


class JSONObject(Mapping[str, Any]):
    """A JSON object that is kept as text, since the parsed form takes many times the memory.

    Each access parses the text anew: make a `dict` of it to read several members.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        """Keep `text`, which must be known to be a JSON object."""
        self.text = text

    def __getitem__(self, name: str) -> Any:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())

    def __repr__(self) -> str:
        return f"JSONObject({len(self.text)} bytes)"

    def _parsed(self) -> dict[str, Any]:
        value: dict[str, Any] = loads(self.text)
        return value
