"""Lanes: the events of a WebSocket, which are several streams at a time.

Each lane (`stream_id`; the default lane has none) is a sequence of responses, and each response is checked as
a stream of its own. Differences on a socket: an `error` alone may refuse a create, a warm-up has no event
between its first and its last, and the events that set an item up may be left out. Source: the tests and
README of openai 3.57's WebSocket helpers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from respool.check import checker
from respool.check.checker import SequenceChecker
from respool.check.findings import Finding, Level
from respool.protocol.event_types import EVENT_TYPES, EventKind
from respool.protocol.events import CREATED, ENDING_TYPES, Event

# Events that a client does not need on a socket: those that open items and parts.
_NOT_NEEDED = frozenset({"RS107", "RS108"})
_OVERLAP = "RS103"


def check(events: Iterable[Event]) -> list[Finding]:
    """Return all findings about the events of one turn, or of one socket if some of them name lanes."""
    known = list(events)
    return check_lanes(known) if any(map(_is_of_a_socket, known)) else checker.check(known)


def check_lanes(events: Iterable[Event]) -> list[Finding]:
    """Return all findings about the events of one socket, in their order; those of a whole response are
    last."""
    lanes: dict[object, _LaneChecker] = {}
    findings: list[Finding] = []
    for place, event in enumerate(events):
        data = event.data
        name = data.get("stream_id")
        lane = lanes.setdefault(name if isinstance(name, str) else None, _LaneChecker(name))
        findings += lane.receive(place, event, data)
    for lane in lanes.values():
        findings += lane.finish()
    return sorted(findings, key=lambda finding: (finding.event is None, finding.event or 0))


def _is_of_a_socket(event: Event) -> bool:
    if event.type.startswith(("response.steer.", "response.inject.")):
        return True
    return '"stream_id"' in event.text and "stream_id" in event.data


class _LaneChecker:
    """Checks the responses of one lane."""

    def __init__(self, name: object) -> None:
        self._prefix = f"lane {name}: " if isinstance(name, str) else ""
        self._response: _ResponseChecker | None = None

    def receive(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Take in the next event of the lane."""
        row = EVENT_TYPES.get(event.type)
        ended = self._response is None or self._response.ended
        if event.type == CREATED or (event.type == "error" and ended):
            if ended:
                yield from self.finish()
            else:  # this is the one mistake; its numbers and ids are those of the next response
                findings = self._checked(place, event, data)
                yield from self._named(one for one in findings if one.code == _OVERLAP)
            self._response = _ResponseChecker()
        elif self._response is None and (row is None or row.kind is EventKind.CONNECTION):
            return
        yield from self._named(self._checked(place, event, data))

    def finish(self) -> Iterator[Finding]:
        """End the response: the socket is closed, or another response begins."""
        if self._response:
            yield from self._named(self._response.finish())

    def _checked(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        if self._response is None:
            self._response = _ResponseChecker()
        return self._response.receive(place, event, data)

    def _named(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            yield replace(finding, message=f"{self._prefix}{finding.message}")


class _ResponseChecker:
    """Checks one response of a lane. Its findings have places among all events of the socket."""

    def __init__(self) -> None:
        self.ended = False
        self._checker = SequenceChecker()
        self._places: list[int] = []
        self._types: list[str] = []

    def receive(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Take in the next event."""
        self._places.append(place)
        self._types.append(event.type)
        if event.type in ENDING_TYPES:
            self.ended = True
        empty = _is_empty(data.get("response"))
        for finding in self._checker.receive(event):
            if finding.code != "RS102" or self._types[:-1] != [CREATED] or not empty:
                yield self._placed(finding)

    def finish(self) -> Iterator[Finding]:
        """End the response, and return the findings that had to wait for it."""
        for finding in self._checker.finish():
            if self._types != ["error"]:  # which has no sequence_number
                yield self._placed(finding)

    def _placed(self, finding: Finding) -> Finding:
        level = Level.INFO if finding.code in _NOT_NEEDED else finding.level
        event = None if finding.event is None else self._places[finding.event]
        return replace(finding, level=level, event=event)


def _is_empty(response: Any) -> bool:
    return isinstance(response, dict) and response.get("output") == []
