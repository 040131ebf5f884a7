"""Request: the parts of a request that matching reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Request(Protocol):
    """A request to create a response."""

    @property
    def body(self) -> Mapping[str, Any]: ...
    @property
    def query(self) -> str: ...

    def header(self, name: str) -> str | None:
        """Return the value of a header, by its name in lower case; None if it was not sent."""


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request made in memory. Names of headers are in lower case."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        return self.headers.get(name)


def items_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the items of the parameter `input`. A string is one message of the user; values that are no
    objects are left out."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def text_of(item: Mapping[str, Any]) -> str:
    """Return all text of a message, or of a tool's output. Parts are joined without a separator."""
    content = item.get("content")
    if content is None:
        content = item.get("output")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    found = []
    for part in content:
        if isinstance(part, dict):
            text = part.get("text", part.get("refusal"))
            if isinstance(text, str):
                found.append(text)
    return "".join(found)
