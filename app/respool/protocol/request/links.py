"""Links: references of input items to calls, outputs and stored items.

The service checks them for any model. Legal input is never refused: an output may come several turns after
its call, and a call of an ``async`` tool needs none. A reference that an unknown part of the history may hold
is accepted.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respool.protocol import api_errors
from respool.protocol.items import type_of

Item = Mapping[str, Any]

# Calls that the client answers, as the service's messages name them. Source: its answers for function calls
# and computer calls; the others are worded like them.
_CALLS: Mapping[str, str] = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "computer_call": "computer call",
    "local_shell_call": "local shell call",
    "apply_patch_call": "apply patch call",
}
_OUTPUTS: Mapping[str, str] = {f"{call}_output": call for call in _CALLS}

# After these items the earlier history is gone, or encrypted.
_COMPACTED = frozenset({"compaction", "compaction_summary", "compaction_trigger"})


@dataclass(frozen=True, slots=True)
class Known:
    """The known history that a request continues.

    context     the items of the continued responses or conversation; None: unknown
    find        returns the stored item of an id, or None; without it no item counts as missing
    not_stored  ids in responses that were not stored
    repeated    ids sent more than once, as by a recording that plays twice: they may come twice
    """

    context: Sequence[Item] | None = None
    find: Callable[[str], Item | None] | None = None
    not_stored: Container[str] = ()
    repeated: Container[str] = ()


NOTHING = Known()


def check_links(body: Mapping[str, Any], known: Known = NOTHING) -> None:
    """Check the history of a request. Raise RequestError, in the service's words."""
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
    """Check references, and reasoning without content: both are sent by their ids alone."""
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
    complete = known.context is not None or not (body.get("previous_response_id") or body.get("conversation"))
    if any(type_of(item) in _COMPACTED for item in history):
        complete = False
    calls: set[tuple[str, str]] = set()
    outputs: set[tuple[str, str]] = set()
    for item in history:
        found = item
        if type_of(item) == "item_reference":
            referred = known.find(_text(item, "id")) if known.find else None
            if referred is None:
                complete = False
                continue
            found = referred
        type_ = type_of(found)
        if type_ in _CALLS:
            # An output may refer to a local shell's call by the id of the item.
            calls |= {(type_, _text(found, "call_id")), (type_, _text(found, "id"))}
        elif type_ in _OUTPUTS:
            outputs |= {(_OUTPUTS[type_], id_) for id_ in _answered(found)}
    for item in items:
        type_ = type_of(item)
        if complete and type_ in _OUTPUTS:
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
    """Return the ids of the call that an output may answer. Only a local shell's output has it as its own
    `id`."""
    names = ("call_id", "id") if type_of(output) == "local_shell_call_output" else ("call_id",)
    return [id_ for name in names if (id_ := _text(output, name))]


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
