"""Canonical form: a request's body without what differs from client to client, so that two can be compared.

Both bodies are brought into it for a comparison; files keep what was recorded. The canonical form is a body,
and its own canonical form:

- Members that are null, empty, or have the default that the API documents are dropped (`DEFAULTS`), and so
  are those about transport, storage and accounting of the answer (`TRANSPORT`).
- `input` is a list of items with their content as parts; instructions, and system or developer messages at
  the beginning, are one list of texts: `instructions`.
- Fields that a server makes are dropped from items (`SERVER_MADE`). Of reasoning, only its presence is kept.
- Ids are renamed in the order of their appearance, §id1, §id2: only which of them are equal is compared.
- A date at the end of the model is dropped; numbers are compared by value, texts in NFC with LF.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from respool.match.signatures import is_output
from respool.protocol.events import dumps, loads
from respool.protocol.items import type_of

JSON = dict[str, Any]

# The meaning of absent members, by path. Source: the descriptions of the parameters in openai 3.57.
DEFAULTS: Mapping[tuple[str, ...], Any] = {
    ("background",): False,
    ("frequency_penalty",): 0,
    ("parallel_tool_calls",): True,
    ("presence_penalty",): 0,
    ("temperature",): 1,
    ("text", "format"): {"type": "text"},
    ("text", "verbosity"): "medium",
    ("tool_choice",): "auto",
    ("top_logprobs",): 0,
    ("top_p",): 1,
    ("truncation",): "disabled",
}

# Members that do not change the answer.
TRANSPORT = frozenset(
    "stream stream_options user safety_identifier metadata prompt_cache_key prompt_cache_retention "
    "prompt_cache_options service_tier background_options client_metadata include store stream_id generate "
    "type event_id".split()
)

# Members of items and of their parts that a server made, or that only matter to it.
SERVER_MADE = frozenset(
    "id status encrypted_content annotations logprobs phase caller created_by agent "
    "internal_chat_message_metadata_passthrough".split()
)

# Members with the id of something that a server made.
IDS = frozenset("call_id approval_request_id previous_response_id conversation item_reference".split())

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
# Ids inside texts: those of the API in their real length, UUIDs, and the names given here.
_TOKEN = re.compile(
    r"\b(?:resp|msg|rs|fc|fco|ctc|ctco|ws|fs|ci|ig|mcp|mcpl|mcpr|call|conv|cmp|sh|sho|apc)_[0-9A-Za-z]{16,}\b"
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
    r"|§id[0-9]+"
)
_SECRET_OF_TOOL = frozenset({"headers", "authorization"})
_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})
_MAX_DEPTH = 100  # levels of values; deeper ones are not compared
_DEEPER = "(deeper)"


def canonical(body: Mapping[str, Any]) -> JSON:
    """Return the canonical form of any JSON body. Never fails."""
    found: JSON = {}
    for name in sorted(body):
        value = _plain(body[name])
        if name not in TRANSPORT and value is not None:
            found[name] = value
    if isinstance(model := found.get("model"), str):
        found["model"] = _DATE.sub("", model)
    _items(found)
    if isinstance(tools := found.get("tools"), list):
        found["tools"] = _in_order(list(map(_tool, tools)))
    for path, usual in DEFAULTS.items():
        _drop_default(found, path, usual)
    if isinstance(conversation := found.get("conversation"), dict):
        id_ = conversation.get("id")
        found["conversation"] = id_ if isinstance(id_, str) else None
    found = {name: value for name, value in found.items() if value not in (None, [], {}, "")}
    return _Renaming().body(found)


def digest(value: Any) -> str:
    """Return a short digest of a canonical form: equal for equal forms."""
    try:
        text = _encoder()(value)
    except Exception:  # lone surrogates, numbers beyond 64 bits
        text = dumps(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@cache
def _encoder() -> Callable[[Any], bytes]:
    from msgspec.json import Encoder  # imported late: only comparing requests needs it

    return Encoder().encode


def map_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """Return a value with every text in it changed by `change`; keys stay."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: map_texts(one, change) for key, one in value.items()}
        case list():
            return [map_texts(one, change) for one in value]
        case _:
            return value


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value with texts and numbers in one form, and keys sorted."""
    match value:
        case str():
            return _text(value)
        case float() if value.is_integer() and abs(value) < 1e15:
            return int(value)
        case dict() | list() if depth > _MAX_DEPTH:
            return _DEEPER
        case dict():
            return {key: _plain(value[key], depth + 1) for key in sorted(value)}
        case list():
            return [_plain(one, depth + 1) for one in value]
        case _:
            return value


def _text(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n")


def _items(found: JSON) -> None:
    """Make `input` a list of items, and `instructions` one list of texts."""
    given = found.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    items = [_item(one) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    instructions = found.get("instructions")
    texts = (
        [instructions]
        if isinstance(instructions, str)
        else list(instructions)
        if isinstance(instructions, list)
        else []
    )
    while items and items[0].get("role") in ("system", "developer"):
        content = items[0].get("content")
        parts = content if isinstance(content, list) else []
        if not all(isinstance(part, dict) and part.get("type") == "input_text" for part in parts):
            break
        texts += [part.get("text") for part in parts]
        del items[0]
    found["input"] = items
    found["instructions"] = [text for text in texts if text not in (None, "")]


def _item(given: JSON) -> JSON:
    type_ = type_of(given)
    if type_ == "reasoning":
        return {"type": "reasoning"}
    if type_ == "item_reference":
        return {"item_reference": given.get("id", given.get("item_reference")), "type": type_}
    item = {
        name: value
        for name, value in given.items()
        if name not in SERVER_MADE and value not in (None, [], {}, "")
    }
    item["type"] = type_
    if type_ == "message":
        if item.get("role") == "system":
            item["role"] = "developer"
        kind = "output_text" if is_output(given) else "input_text"
        item["content"] = _parts(given.get("content"), kind)
    if type_.endswith("_output") and isinstance(given.get("output"), str | list):
        item["output"] = _parts(given.get("output"), "input_text")
    if isinstance(arguments := item.get("arguments"), str):
        item["arguments"] = _json_text(arguments)
    return {name: item[name] for name in sorted(item)}


def _parts(content: Any, kind: str) -> Any:
    if isinstance(content, str):
        return [{"text": content, "type": kind}] if content else []
    return [_part(part, kind) for part in content] if isinstance(content, list) else content


def _part(part: Any, kind: str) -> Any:
    if isinstance(part, str):
        return {"text": part, "type": kind}
    if not isinstance(part, dict):
        return part
    known = {name: value for name, value in part.items() if name not in SERVER_MADE and value is not None}
    if known.get("type") in _TEXT_PARTS:
        known["type"] = kind
    if known.get("detail") == "auto":
        del known["detail"]
    return known


def _json_text(text: str) -> str:
    """Return JSON text of arguments in one form: some clients serialise them anew."""
    try:
        return dumps(_plain(loads(text)))
    except (ValueError, RecursionError):
        return text


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict):
        return tool
    return {name: value for name, value in tool.items() if name not in _SECRET_OF_TOOL and value is not None}


def _in_order(tools: list[Any]) -> list[Any]:
    """Return tools sorted by name, and equal names by the rest of the tool, ids aside."""
    by_name = sorted(tools, key=_names)
    if len(set(map(_names, tools))) == len(tools):
        return by_name
    return sorted(by_name, key=lambda tool: (_names(tool), _TOKEN.sub("§", dumps(tool))))


def _names(tool: Any) -> tuple[str, ...]:
    if not isinstance(tool, dict):
        return ("", "", "")
    return tuple(str(tool.get(name, "")) for name in ("type", "name", "server_label"))


def _drop_default(found: JSON, path: tuple[str, ...], usual: Any) -> None:
    holder: Any = found
    for name in path[:-1]:
        holder = holder.get(name)
        if not isinstance(holder, dict):
            return
    name = path[-1]
    # Not by ==: to Python, true equals 1.
    if name in holder and type(holder[name]) is type(usual) and holder[name] == usual:
        del holder[name]
    if len(path) > 1 and all(value is None for value in holder.values()):
        holder.clear()


class _Renaming:
    """Renames ids in the order of their appearance, those of the input first."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def body(self, found: JSON) -> JSON:
        first = ("previous_response_id", "conversation", "instructions", "input")
        order = [*(name for name in first if name in found), *(name for name in found if name not in first)]
        renamed = {name: self._value(found[name], name) for name in order}
        return {name: renamed[name] for name in sorted(found)}

    def _value(self, value: Any, key: str) -> Any:
        match value:
            case str() if key in IDS and value:
                return self._name(value)
            case str():
                return _TOKEN.sub(lambda found: self._name(found[0]), value) if _may_hold_id(value) else value
            case dict():
                return {name: self._value(one, name) for name, one in value.items()}
            case list():
                return [self._value(one, "") for one in value]
            case _:
                return value

    def _name(self, id: str) -> str:
        return self._names.setdefault(id, f"§id{len(self._names) + 1}")


def _may_hold_id(text: str) -> bool:
    """Return False for a text without ids, which most are: much faster than a search for one."""
    return len(text) >= 4 and ("_" in text or "-" in text or "§" in text)
