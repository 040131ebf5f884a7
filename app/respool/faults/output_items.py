"""The items of an output, as the model's faults read and change them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class OutputItem:
    """A finished output item; empty if the answer does not have it.

    `origin` is its place in the output of the sound answer; None: a new item.
    """

    value: Mapping[str, Any]
    origin: int | None = None

    @property
    def type(self) -> str:
        return str(self.value.get("type"))

    @property
    def text(self) -> str | None:
        """The first text of a message; None if there is none."""
        if self.type != "message":
            return None
        return next((part["text"] for part in self._content() if _is_text(part)), None)

    def _content(self) -> Sequence[Any]:
        content = self.value.get("content")
        return content if isinstance(content, list) else ()

    def with_fields(self, **fields: Any) -> "OutputItem":
        """Return the item with these fields set."""
        return replace(self, value={**self.value, **fields})

    def with_text(self, text: str, *more: Mapping[str, Any]) -> "OutputItem":
        """Return the message with its first text replaced, and the parts `more` after it."""
        content: list[Any] = []
        found = False
        for part in self._content():
            here = not found and _is_text(part)
            found = found or here
            content += [text_part(text), *more] if here else [part]
        return self.with_fields(content=content)


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "output_text" and isinstance(part.get("text"), str)


def text_part(text: str) -> dict[str, Any]:
    """Return a part with this text."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def new_message(text: str) -> OutputItem:
    """Return a message with this text."""
    return OutputItem({"type": "message", "role": "assistant", "content": [text_part(text)]})


def new_call(name: str, arguments: str, **fields: Any) -> OutputItem:
    """Return a call of a function."""
    return OutputItem({"type": "function_call", "name": name, "arguments": arguments, **fields})


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a sound answer, and the tools that the request offered.

    `first` is the place of the first item that ends at the fault's place or after it.
    """

    items: Sequence[OutputItem]
    tools: Sequence[Mapping[str, Any]]
    first: int = 0

    def find(self, wanted: Callable[[OutputItem], bool]) -> OutputItem | None:
        """Return the first item, from the fault's place on, that `wanted` accepts."""
        return next((item for item in self.items[self.first :] if wanted(item)), None)

    def with_item(self, old: OutputItem, *new: OutputItem) -> list[OutputItem]:
        """Return the items with `new` in place of `old`."""
        return [one for item in self.items for one in (new if item is old else (item,))]
