"""Steering: the place where a steer ends a recorded response, the text of that end, and the items that the
client must send before the response can go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from respool.protocol.events import Event, compact_recorded
from respool.protocol.members import set_members
from respool.protocol.rewrite import edit_response, has_response
from respool.protocol.snapshot import fold

ITEM_ADDED = "response.output_item.added"
ITEM_DONE = "response.output_item.done"
INCOMPLETE = "response.incomplete"

# Of each call that the client answers: the type of that answer, and the members which the stub repeats.
# Source: `required_input` of response.steer.pending in openai 3.57.
_ANSWERS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "function_call": ("function_call_output", ("call_id", "name")),
        "custom_tool_call": ("custom_tool_call_output", ("call_id",)),
        "computer_call": ("computer_call_output", ("call_id",)),
        "shell_call": ("shell_call_output", ("call_id",)),
        "apply_patch_call": ("apply_patch_call_output", ("call_id",)),
        "tool_search_call": ("tool_search_output", ("call_id", "execution")),
        "mcp_approval_request": ("mcp_approval_response", ()),
    }
)


@dataclass(frozen=True, slots=True)
class AcceptedSteer:
    """A steer that waits for its response to end."""

    id: str
    input: Any


@dataclass(frozen=True, slots=True)
class WaitingSteers:
    """Steers of an ended response, for the input of the next one. `number` is the sequence number of the next
    frame about them."""

    response_id: str
    steers: tuple[AcceptedSteer, ...]
    number: int

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids, in the order of their arrival."""
        return tuple(steer.id for steer in self.steers)

    @property
    def items(self) -> list[Any]:
        """The input items that they add, in the order of their arrival."""
        return [item for steer in self.steers for item in input_list(steer.input)]


def input_list(given: Any) -> list[Any]:
    """Return the input of a request as a list of items."""
    if isinstance(given, str):
        part = {"type": "input_text", "text": given}
        return [{"type": "message", "role": "user", "content": [part]}]
    return list(given) if isinstance(given, list) else []


def required_input(output: Any) -> list[dict[str, Any]]:
    """Return the stubs of the items that the client must send before a response with this output can go
    on."""
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    answered = {_key(item) for item in items if str(item.get("type")).endswith("_output")}
    return [_stub(item) for item in items if _is_for_client(item) and _key(item) not in answered]


def output_of(events: Sequence[Event]) -> Any:
    """Return the output items of a response, folded from its events."""
    return fold(events).get("output")


def place_to_cut(events: Sequence[Event], sent: int, end: int | None) -> int | None:
    """Return the place of the event after which a response is cut, if `sent` of its events were sent.

    None: it goes on to its own end, since no other item follows the current one, or since the client must
    answer a call first.
    """
    last = len(events) if end is None else end
    calls = {_key(stub) for stub in required_input([_item(event) for event in events[:last]])}
    opened = 0
    for place, event in enumerate(events[:last]):
        if event.type == ITEM_ADDED:
            opened += 1
        if event.type != ITEM_DONE:
            continue
        opened = max(0, opened - 1)
        item = _item(event)
        if _is_for_client(item) and _key(_stub(item)) in calls:
            return None
        if place >= sent and not opened:
            more = any(following.type == ITEM_ADDED for following in events[place + 1 : last])
            return place if more else None
    return None


def steered_text(events: Sequence[Event], number: int | None) -> str:
    """Return the ``response.incomplete`` that ends a steered response of these events."""
    response = fold(events)
    output = response.get("output")
    items = [_ended(item) for item in output] if isinstance(output, list) else []
    changes = {"status": "incomplete", "incomplete_details": {"reason": "steered"}, "output": items}
    first = next((event for event in events if has_response(event)), None)
    text = edit_response(first.text, changes) if first else compact_recorded({"response": changes})
    text = set_members(text, {"type": INCOMPLETE})
    return text if number is None else set_members(text, {"sequence_number": number})


def _ended(item: Any) -> Any:
    running = isinstance(item, dict) and item.get("status") == "in_progress"
    return {**item, "status": "incomplete"} if running else item


def _item(event: Event) -> dict[str, Any]:
    item = event.data.get("item") if event.type == ITEM_DONE else None
    return item if isinstance(item, dict) else {}


def _is_for_client(item: Mapping[str, Any]) -> bool:
    type_ = item.get("type")
    if not isinstance(type_, str) or type_ not in _ANSWERS:
        return False
    return type_ != "tool_search_call" or item.get("execution") == "client"


def _stub(item: Mapping[str, Any]) -> dict[str, Any]:
    type_, members = _ANSWERS[item["type"]]
    if type_ == "mcp_approval_response":
        return {"type": type_, "approval_request_id": item.get("id")}
    return {"type": type_, **{name: item.get(name) for name in members}}


def _key(item: Mapping[str, Any]) -> str:
    """Return the key that a call, its stub and its answer share, apart from their ids."""
    ids = [item.get("call_id"), item.get("approval_request_id") or item.get("id")]
    return compact_recorded(ids[0] if ids[0] is not None else ids)
