"""Lifecycle: checks the response as a whole, and the Response objects in its events."""

from collections.abc import Mapping
from typing import Any

from respool.check import dialects
from respool.check.comparison import difference
from respool.check.findings import Level
from respool.check.json_values import shown
from respool.check.machines import allowed, any_of, missing
from respool.check.same_ids import SameIds
from respool.check.verdicts import Verdicts
from respool.protocol.event_types import EVENT_TYPES, EventKind, EventType
from respool.protocol.transitions import AUDIO, ITEM, MachineState

_CREATED = "response.created"

_STATUSES: Mapping[str, tuple[str, ...]] = {
    "response.created": ("in_progress", "queued"),
    "response.queued": ("queued",),
    "response.in_progress": ("in_progress",),
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete",),
    "response.failed": ("failed", "cancelled"),
}

# Fields that stay the same from the first event to the last.
_CONSTANT = ("created_at", "model", "object")

# Fields that other checks judge.
_MAY_CHANGE = frozenset({"id", "status", "output", "usage", *_CONSTANT})

_CHANGES_AT_END = frozenset(
    {"completed_at", "service_tier", "tool_usage", "moderation", "error", "incomplete_details"}
)

_TERMINAL = tuple(name for name, row in EVENT_TYPES.items() if row.kind is EventKind.TERMINAL)


class Lifecycle:
    """The state machine of the response, and the checks of the Response objects in its events."""

    def __init__(self, report: Verdicts, ids: SameIds) -> None:
        self.state = MachineState.START
        self.from_start = True  # False: this stream was resumed
        self._report = report
        self._ids = ids
        self._created: Mapping[str, Any] | None = None
        self._response_ids: dict[str, None] = {}  # in the order of their arrival
        self._constants: dict[str, object] = {}
        self._first: str | None = None  # the type of the first event of a resumed stream

    @property
    def over(self) -> bool:
        """True if the response has ended, so that nothing may follow."""
        return self.state is MachineState.CLOSED

    def knows(self, id: object) -> bool:
        """Return True if the response has this id."""
        return isinstance(id, str) and id in self._response_ids

    def receive(self, row: EventType, data: Mapping[str, Any]) -> None:
        """Check an event. An item's event only changes the state."""
        response = data.get("response")
        if row.name == _CREATED and self.state is MachineState.START and isinstance(response, dict):
            self._report.dialect = dialects.recognise(data, response)
        self._step(row, data)
        if row.kind in (EventKind.LIFECYCLE, EventKind.TERMINAL) and isinstance(response, dict):
            self._check_response(row, response)

    def _step(self, row: EventType, data: Mapping[str, Any]) -> None:
        event = ITEM if row.of_item else AUDIO if row.name.startswith("response.audio.") else row.name
        way = missing("response", self.state, event)
        if way is None:
            expected = allowed("response", self.state)
            message = f"{row.name}: the response is {self.state}; expected {expected}"
            about = row.name if self.state is MachineState.RUNNING else self.state
            self._report.once(about, "RS103", message)
            return
        steps, then = way
        if steps and self.state is MachineState.START:
            self._begin_late(row, data.get("sequence_number"))
        elif steps:
            self._report.add("RS102", f"{row.name}: expected {any_of(steps)} before it")
        self.state = then

    def _begin_late(self, row: EventType, number: object) -> None:
        if type(number) is int and number > 0:
            self._first = row.name
            self.from_start = False
        else:
            self._report.add("RS101", f"{row.name}: the stream has not begun; expected {_CREATED}")

    def _check_response(self, row: EventType, response: Mapping[str, Any]) -> None:
        self._check_id(row, response.get("id"))
        self._check_constants(row, response)
        status = response.get("status")
        if isinstance(status, str) and status not in _STATUSES[row.name]:
            expected = any_of(_STATUSES[row.name])
            self._report.add("RS501", f"{row.name}: response.status is {status}, expected {expected}")
        if row.kind is EventKind.TERMINAL:
            self._check_end(row, response)
        else:
            self._check_start(row, response)
        if self._first and "background" in response:
            self._check_resumed(response["background"])

    def _check_id(self, row: EventType, id_: object) -> None:
        if not isinstance(id_, str):
            self._report.add("RS601", f"{row.name}: no response.id")
            return
        if id_ in self._response_ids:
            self._ids.agree()
        elif self._response_ids:
            before = next(iter(self._response_ids))
            self._ids.differ((id_,), "RS301", f"{row.name}: response.id is {id_}, expected {before}")
        self._response_ids.setdefault(id_)

    def _check_constants(self, row: EventType, response: Mapping[str, Any]) -> None:
        for key in _CONSTANT:
            value = response.get(key)
            before = self._constants.setdefault(key, value)
            if value is not None and before is not None and value != before:
                message = f"{row.name}: response.{key} is {shown(value)}, but was {shown(before)}"
                self._report.once(key, "RS504", message)

    def _check_start(self, row: EventType, response: Mapping[str, Any]) -> None:
        for key in ("output", "usage"):
            if response.get(key):
                self._report.add(
                    "RS503", f"{row.name}: response.{key} is filled before the response has ended"
                )
        if self._created is None:
            self._created = response
        elif differs := difference("response", self._created, response, _MAY_CHANGE):
            level = None if differs.hard else Level.INFO
            self._report.once("start", "RS502", f"{row.name}: {differs}, as in {_CREATED}", level)

    def _check_end(self, row: EventType, response: Mapping[str, Any]) -> None:
        # Many producers repeat only some of the settings at the end.
        before = {key: value for key, value in (self._created or {}).items() if key in response}
        differs = difference("response", before, response, _MAY_CHANGE | _CHANGES_AT_END)
        if differs and differs.hard and differs.now is not None:
            self._report.add("RS502", f"{row.name}: {differs}, as in {_CREATED}")
        if row.name == "response.failed":
            if not response.get("error") and response.get("status") != "cancelled":
                self._report.add("RS507", f"{row.name}: response.error does not say why")
        elif row.name == "response.incomplete":
            details = response.get("incomplete_details")
            if not (isinstance(details, dict) and details.get("reason")):
                self._report.add("RS507", f"{row.name}: response.incomplete_details does not say why")
        elif not response.get("usage"):
            self._report.add("RS508", f"{row.name}: no response.usage")

    def _check_resumed(self, background: object) -> None:
        """Report a resumed stream of a response without `background`: only background responses can be
        resumed."""
        if background is False:
            self._report.add(
                "RS101", f"{self._first}: the stream has not begun; expected {_CREATED}", event=0
            )
            self._first = None

    def finish(self) -> None:
        """Report the findings that had to wait for the end of the stream."""
        if self._first:
            self._report.add(
                "RS116", f"{self._first}: the stream is the rest of one that was resumed", event=0
            )
        if self.state not in (MachineState.CLOSED, MachineState.ERRORED):
            expected = any_of(_TERMINAL)
            self._report.of_stream("RS106", f"the stream ends without a terminal event; expected {expected}")
