"""JSONObject: the text of a JSON object, parsed when somebody looks at it."""

from collections.abc import Iterator, Mapping
from typing import Any

from respool.protocol.events import loads


class JSONObject(Mapping[str, Any]):
    """A JSON object that is kept as its text: parsed it takes many times as much.

    Nothing that was parsed is kept; who looks at several members takes a `dict` of it.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        """`text` has been parsed before, so that it is known to be an object."""
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
