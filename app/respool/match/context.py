"""Context: a request as the matchers of stubs see it. Each property is computed on first access."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from respool.match.request import Request, items_of, text_of
from respool.match.signatures import is_output
from respool.protocol.items import type_of

_LONGEST_QUERY = 10_000  # characters


@dataclass(frozen=True)
class Context:
    """A request, and what is known of the conversation that it continues.

    previous_stub  the name of the stub that made the response before
    turn           the turn of the conversation that it asks for, from 1, if lineage is known
    """

    request: Request
    previous_stub: str | None = None
    lineage_turn: int | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        return self.request.body

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, the first of each name."""
        return dict(parse_qsl(self.request.query[:_LONGEST_QUERY], keep_blank_values=True))

    @cached_property
    def items(self) -> Sequence[Mapping[str, Any]]:
        """The items of the input."""
        return items_of(self.body)

    @cached_property
    def last_user_text(self) -> str:
        """The text of the last message of the user; "" if there is none."""
        for item in reversed(self.items):
            if type_of(item) == "message" and item.get("role") == "user":
                return text_of(item)
        return ""

    @cached_property
    def instructions(self) -> str:
        """The parameter `instructions` and all messages of the system and of developers, one a line."""
        given = self.body.get("instructions")
        texts = [given] if isinstance(given, str) else []
        texts += [text_of(item) for item in self.items if item.get("role") in ("system", "developer")]
        return "\n".join(texts)

    @cached_property
    def tools(self) -> frozenset[str]:
        """The tools on offer: their names, or their types where they have no name."""
        found = set()
        given = self.body.get("tools")
        for tool in given if isinstance(given, list) else ():
            if isinstance(tool, dict):
                names = (tool.get("name"), tool.get("server_label"), tool.get("type"))
                found |= {name for name in names if isinstance(name, str)}
        return frozenset(found)

    @cached_property
    def tool_outputs(self) -> Sequence[tuple[str, str, str]]:
        """The outputs of tools in the input: tool name ("" if the call is not there), call id, text."""
        names = {
            item["call_id"]: item["name"]
            for item in self.items
            if is_output(item) and isinstance(item.get("call_id"), str) and isinstance(item.get("name"), str)
        }
        found = []
        for item in self.items:
            call_id = item.get("call_id", item.get("id"))
            if type_of(item).endswith("_output") and isinstance(call_id, str):
                found.append((names.get(call_id, ""), call_id, text_of(item)))
        return found

    @cached_property
    def conversation(self) -> str | None:
        """The id of the conversation."""
        value = self.body.get("conversation")
        id_ = value.get("id") if isinstance(value, dict) else value
        return id_ if isinstance(id_, str) else None

    @cached_property
    def text_format(self) -> frozenset[str]:
        """The type of the text's format, and its name."""
        text = self.body.get("text")
        format_ = text.get("format") if isinstance(text, dict) else None
        if not isinstance(format_, dict):
            return frozenset({"text"})
        names = (format_.get("type"), format_.get("name"))
        return frozenset(name for name in names if isinstance(name, str))

    @cached_property
    def turn(self) -> int:
        """The turn that the request asks for: that of its lineage, or one after the runs of output in its
        input."""
        if self.lineage_turn is not None:
            return self.lineage_turn
        made = [is_output(item) for item in self.items if type_of(item) != "reasoning"]
        return 1 + sum(now and not before for before, now in pairwise([False, *made]))
