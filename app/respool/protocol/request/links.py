"""Links: what the items of an input refer to is there: calls and outputs, stored items.

The service checks this for any model. What is legal is never refused: an output may come several turns after
its call, a call of a tool that is ``async`` needs none, and where not all of a history is known, nothing is
said of what may be in the rest.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respool.protocol import api_errors
from respool.protocol.items import type_of

Item = Mapping[str, Any]

# Calls which the client answers, as the service's messages name them. Source: function calls and computer
# calls were seen in its answers, the others are worded like them.
_CALLS: Mapping[str, str] = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "computer_call": "computer call",
    "local_shell_call": "local shell call",
    "apply_patch_call": "apply patch call",
}
_OUTPUTS: Mapping[str, str] = {f"{call}_output": call for call in _CALLS}

# After these the history before is not there any more, or stands in what nobody can read.
_COMPACTED = frozenset({"compaction", "compaction_summary", "compaction_trigger"})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the history that a request continues.

    context     the items before the input: of the responses or the conversation that it continues; None:
                not known
    find        gives the stored item of an id, or None; without it no item is known to be missing
    not_stored  ids which were given out by responses that were not stored
    repeated    ids which were given out more than once, as recordings do that are played twice: they may
                come twice
    """

    context: Sequence[Item] | None = None
    find: Callable[[str], Item | None] | None = None
    not_stored: Container[str] = ()
    repeated: Container[str] = ()


NOTHING = Known()


def check_links(body: Mapping[str, Any], known: Known = NOTHING) -> None:
    """Find what the service refuses in the history of a request. Raises RequestError in its words."""
    given = body.get("input")
    if not isinstance(given, list) or body.get("multi_agent"):
        return
    items = [item for item in given if isinstance(item, dict)]
    _check_ids(items, known)
    _check_stored(items, known, not_stored=body.get("store") is False)
    _check_calls(body, items, known)


def _check_ids(items: Iterable[Item], known: Known) -> None:
    seen = {id_ for item in known.context or () if (id_ := _text(item, "id"))}
    for item in items:
        id_ = _text(item, "id")
        if not id_ or type_of(item) in ("item_reference", "local_shell_call_output"):
            continue
        if id_ in seen and id_ not in known.repeated:
            raise api_errors.duplicate_item(id_)
        seen.add(id_)


def _check_stored(items: Iterable[Item], known: Known, *, not_stored: bool) -> None:
    """References, and reasoning without content, are sent by their ids alone."""
    inside = {_text(item, "id") for item in known.context or ()}
    for item in items:
        id_, type_ = _text(item, "id"), type_of(item)
        if not id_ or id_ in inside or (known.find and known.find(id_) is not None):
            continue
        if type_ == "item_reference":
            if known.find:
                raise api_errors.item_not_persisted(id_)
        elif (
            type_ == "reasoning"
            and not (item.get("encrypted_content") or item.get("content"))
            and (not_stored or id_ in known.not_stored)
        ):
            raise api_errors.item_not_persisted(id_)


def _check_calls(body: Mapping[str, Any], items: Sequence[Item], known: Known) -> None:
    history = [*(known.context or ()), *items]
    whole = known.context is not None or not (body.get("previous_response_id") or body.get("conversation"))
    if any(type_of(item) in _COMPACTED for item in history):
        whole = False
    calls: set[tuple[str, str]] = set()
    outputs: set[tuple[str, str]] = set()
    for item in history:
        found = item
        if type_of(item) == "item_reference":
            referred = known.find(_text(item, "id")) if known.find else None
            if referred is None:
                whole = False
                continue
            found = referred
        type_ = type_of(found)
        if type_ in _CALLS:
            # To a local shell's call an output may refer by the id of the item.
            calls |= {(type_, _text(found, "call_id")), (type_, _text(found, "id"))}
        elif type_ in _OUTPUTS:
            outputs |= {(_OUTPUTS[type_], id_) for id_ in _answered(found)}
    for item in items:
        type_ = type_of(item)
        if whole and type_ in _OUTPUTS:
            call, ids = _OUTPUTS[type_], _answered(item)
            if ids and not any((call, id_) in calls for id_ in ids):
                raise api_errors.no_tool_call(_CALLS[call], ids[0])
    for item in history:
        type_ = type_of(item)
        if type_ in _CALLS and item.get("status") in (None, "completed") and item.get("async") is not True:
            ids = [id_ for name in ("call_id", "id") if (id_ := _text(item, name))]
            if ids and not any((type_, id_) in outputs for id_ in ids):
                raise api_errors.no_tool_output(_CALLS[type_], ids[0])


def _answered(output: Item) -> list[str]:
    """The ids of the call which an output may answer: only a local shell's has that as its own `id`."""
    names = ("call_id", "id") if type_of(output) == "local_shell_call_output" else ("call_id",)
    return [id_ for name in names if (id_ := _text(output, name))]


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
