"""An output item, folded from its events, in; the fields of a Script's step out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from respool.scripts.records import OneKey, Record
from respool.scripts.steps import ITEMS
from respool.scripts.value_types import Either, ListOf, MapOf, ValueType

JSON = dict[str, Any]


def fields(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON | None:
    """Return the fields of a step for this item, `status` and `id` included; None if there is no step for its
    type.

    `item` is the finished item, `events` are its events. Content that a step cannot have is left out.
    """
    kind = ITEMS.get(str(item.get("type")))
    if kind is None:
        return None
    read = _SPECIAL.get(item["type"])
    try:
        known: JSON = _fit(kind, {**item, **(read(item, events) if read else {})})
    except (AttributeError, KeyError, TypeError):
        return None  # its shape is not the API's
    return known


def _fit(kind: ValueType, value: Any) -> Any:
    """Return the parts of a value that a type knows. In a Script, a field is absent where the API has
    null."""
    match kind:
        case Record() if isinstance(value, Mapping):
            return {
                name: _fit(inner, value[name])
                for name, inner in kind.fields.items()
                if name in kind.required or not _is_absent(inner, value.get(name))
            }
        case ListOf() if isinstance(value, list):
            return [_fit(kind.kind, inner) for inner in value]
        case OneKey() if isinstance(value, Mapping):
            return {name: _fit(kind.kinds[name], inner) for name, inner in value.items()}
        case Either():
            return _fit(next((one for one in kind.kinds if one.fits(value)), ValueType()), value)
        case _:
            return value


def _is_absent(kind: ValueType, value: Any) -> bool:
    return value is None or (not value and isinstance(kind, (ListOf, MapOf)))


def _message(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    parts = [_part(part) for part in item["content"]]
    match parts:
        case [{"output_text": part}]:
            return {"content": None, **part}
        case _:
            return {"content": parts or None}


def _part(part: Mapping[str, Any]) -> JSON:
    if part["type"] == "refusal":
        return {"refusal": part["refusal"]}
    lists = {name: part.get(name) or None for name in ("annotations", "logprobs")}
    return {part["type"]: {"text": part["text"], **lists}}


def _reasoning(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    return {name: _texts(item.get(name) or ()) or None for name in ("summary", "content")}


def _texts(parts: Iterable[Mapping[str, Any]]) -> list[str]:
    return [part["text"] for part in parts]


def _web_search_call(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    match item.get("action"):
        case {"type": "search", "query": query, "queries": [one], **others} if one == query and not others:
            return {"action": None, "query": query}
        case _:
            return {}


def _code_interpreter_call(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    return {"outputs": [_printed(output) for output in item.get("outputs") or ()] or None}


def _printed(output: Any) -> Any:
    match output:
        case {"type": "logs", "logs": text, **others} if not others:
            return text
        case _:
            return output


def _image_generation_call(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    return {"partial_images": _count(events, "response.image_generation_call.partial_image") or None}


def _compaction(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    return {"compacting": _count(events, "response.compaction.compacting") or None}


def _count(events: Iterable[JSON], type: str) -> int:
    return sum(event["type"] == type for event in events)


def _mcp_call(item: Mapping[str, Any], events: Sequence[JSON]) -> JSON:
    match item.get("error"):
        case {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": text}]}:
            return {"error": text}
        case _:
            return {}


# Items with other fields in a Script than in the API.
_SPECIAL: Mapping[str, Callable[[Mapping[str, Any], Sequence[JSON]], JSON]] = {
    "message": _message,
    "reasoning": _reasoning,
    "web_search_call": _web_search_call,
    "code_interpreter_call": _code_interpreter_call,
    "image_generation_call": _image_generation_call,
    "compaction": _compaction,
    "mcp_call": _mcp_call,
}
