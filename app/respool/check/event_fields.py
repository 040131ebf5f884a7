"""Fields: checks an event's fields and their types against EVENT_TYPES."""

from collections.abc import Mapping
from typing import Any

from respool.check.findings import Level
from respool.check.verdicts import Verdicts
from respool.protocol.event_types import EVENT_TYPES, EventType
from respool.protocol.events import json_kind

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "object": (dict,),
    "array": (list,),
}
_A = {"string": "a string", "integer": "an integer", "object": "an object", "array": "an array"}

# Other checks judge these.
_ELSEWHERE = frozenset({"sequence_number", "logprobs"})

# Fields that some producers never send.
_NEVER_SENT = ("output_index", "content_index")

_BLOCK = 16  # the characters of delta and obfuscation together are a multiple of this

_REQUIRED = {
    name: tuple(
        (field, json_type, _TYPES[json_type])
        for field, json_type in row.required.items()
        if field not in _ELSEWHERE
    )
    for name, row in EVENT_TYPES.items()
}
_OPTIONAL = {
    name: tuple((field, json_type, _TYPES[json_type]) for field, json_type in row.optional.items())
    for name, row in EVENT_TYPES.items()
}


class Fields:
    """Checks the fields of each event."""

    def __init__(self, report: Verdicts) -> None:
        self._report = report
        self._without: dict[str, list[tuple[int, str]]] = {name: [] for name in _NEVER_SENT}
        self._sent: set[str] = set()
        self._without_logprobs = 0
        self._padded: list[tuple[str, str]] = []
        self._unpadded = 0

    def receive(self, row: EventType, data: Mapping[str, Any]) -> None:
        """Check an event's fields."""
        if row.name == "error":
            data = self._error(data)
        for field, json_type, types in _REQUIRED[row.name]:
            value = data.get(field)
            if type(value) not in types:
                if field in data:
                    self._wrong_type(row.name, field, value, json_type)
                else:
                    self._missing(row.name, field)
            elif field in self._without and field not in self._sent:
                self._is_sent(field)
        for field, json_type, types in _OPTIONAL[row.name]:
            value = data.get(field)
            if value is not None and type(value) not in types:  # vLLM's error code is a number
                self._wrong_type(row.name, field, value, json_type, Level.WARNING)
        number = data.get("sequence_number")
        if number is not None and type(number) is not int:
            self._wrong_type(row.name, "sequence_number", number, "integer")
        if "logprobs" in row.required:
            self._logprobs(row.name, data.get("logprobs"))
        if "obfuscation" in row.optional:
            self._obfuscation(data)

    def _error(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        nested = data.get("error")
        if isinstance(nested, dict):
            return {**nested, "type": data.get("type")}
        self._report.add(
            "RS606", 'error: its details are not nested under "error", as the service sends them'
        )
        return data

    def _wrong_type(
        self, name: str, field: str, value: object, json_type: str, level: Level | None = None
    ) -> None:
        wrong = f"{name}: {field} is {json_kind(value)}, expected {_A[json_type]}"
        self._report.add("RS602", wrong, level)

    def _missing(self, name: str, field: str) -> None:
        if field in self._without and field not in self._sent:
            self._without[field].append((self._report.at, name))
        else:
            self._report.add("RS601", f"{name}: no {field}")

    def _is_sent(self, field: str) -> None:
        self._sent.add(field)
        for event, name in self._without.pop(field):
            self._report.add("RS601", f"{name}: no {field}", event=event)

    def _logprobs(self, name: str, value: object) -> None:
        if value is None:
            self._without_logprobs += 1
        elif not isinstance(value, list):
            self._wrong_type(name, "logprobs", value, "array")

    def _obfuscation(self, data: Mapping[str, Any]) -> None:
        delta, padding = data.get("delta"), data.get("obfuscation")
        if isinstance(delta, str) and isinstance(padding, str):
            self._padded.append((delta, padding))
        else:
            self._unpadded += 1

    def finish(self) -> None:
        """Report the findings that had to wait for the end of the stream."""
        for field, events in self._without.items():
            if len(events) > 1:
                self._report.of_stream("RS211", f"no event has {field}")
            for event, name in events[:1] if len(events) == 1 else ():
                self._report.add("RS601", f"{name}: no {field}", event=event)
        if self._without_logprobs:
            events_ = "event" if self._without_logprobs == 1 else "events"
            self._report.of_stream(
                "RS603", f"no logprobs in {self._without_logprobs} {events_} of output text"
            )
        if self._padded:
            self._finish_obfuscation()

    def _finish_obfuscation(self) -> None:
        total = len(self._padded) + self._unpadded
        if self._unpadded:
            self._report.of_stream("RS604", f"{self._unpadded} of {total} deltas have no obfuscation")
        odd = sum((len(delta) + len(padding)) % _BLOCK != 0 for delta, padding in self._padded)
        if 0 < odd < len(self._padded):  # if none fits, they are placeholders
            self._report.of_stream(
                "RS605", f"{odd} of {total} deltas are not padded to a multiple of {_BLOCK} characters"
            )
