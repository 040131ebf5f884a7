"""Checks of the events of a WebSocket, which are several streams at a time.

Each lane (`stream_id`; the default lane has none) is a sequence of responses, and each response is checked as
a stream of its own. Differences on a socket: an `error` alone may refuse a create, a warm-up has no event
between its first and its last, and the events that set an item up may be left out. Source: the tests and
README of openai 3.57's WebSocket helpers.

In the multi-agent beta, responses of several agents run on one lane at a time, each with its own terminal
event: there an event belongs to the response that it names, or to that of its item or agent. The numbering of
these events is not documented. Source: the `agent` members in openai 3.57's beta types.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from respool.check import checker
from respool.check.checker import SequenceChecker
from respool.check.findings import Finding, Level
from respool.errors import printable
from respool.protocol.event_types import EVENT_TYPES, EventKind
from respool.protocol.events import CREATED, ENDING_TYPES, Event
from respool.protocol.several_responses import Owners, run_together

# Findings about missing events that open items and parts, which a client does not need on a socket.
_NOT_NEEDED = frozenset({"RS107", "RS108"})
_OVERLAP = "RS103"
_OF_NUMBERS = frozenset({"RS201", "RS202", "RS203", "RS204"})  # of sequence numbers


def check(events: Iterable[Event]) -> list[Finding]:
    """Return all findings about the events of one turn, or of one socket if there are several lanes."""
    known = list(events)
    of_a_socket = any(map(_is_of_a_socket, known)) or _has_several(known)
    return check_lanes(known) if of_a_socket else checker.check(known)


def check_lanes(events: Iterable[Event]) -> list[Finding]:
    """Return all findings about the events of one socket, in their order. Findings about whole responses come
    last."""
    known = list(events)
    named = [(_lane(event), event) for event in known]
    lanes: dict[object, _LaneChecker | _AgentsLaneChecker] = {}
    for name in dict.fromkeys(name for name, _ in named):
        its = [event for lane, event in named if lane == name]
        lanes[name] = _AgentsLaneChecker(name, its) if _has_several(its) else _LaneChecker(name)
    findings: list[Finding] = []
    for place, (name, event) in enumerate(named):
        findings += lanes[name].receive(place, event, event.data)
    for lane in lanes.values():
        findings += lane.finish()
    return sorted(findings, key=lambda finding: (finding.event is None, finding.event or 0))


def _is_of_a_socket(event: Event) -> bool:
    if event.type.startswith(("response.steer.", "response.inject.")):
        return True
    return '"stream_id"' in event.text and "stream_id" in event.data


def _has_several(events: Sequence[Event]) -> bool:
    """Return True if several responses run at a time among the events of one lane."""
    return any(map(_is_of_agents, events)) or run_together(events)


def _lane(event: Event) -> str | None:
    if '"stream_id"' not in event.text:
        return None
    name = event.data.get("stream_id")
    return name if isinstance(name, str) else None


def _is_of_agents(event: Event) -> bool:
    return '"agent"' in event.text and isinstance(event.data.get("agent"), dict)


class _LaneChecker:
    """Checks the responses of one lane."""

    def __init__(self, name: object) -> None:
        self._name = name
        self._response: _ResponseChecker | None = None

    def receive(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Check the next event of the lane."""
        row = EVENT_TYPES.get(event.type)
        ended = self._response is None or self._response.ended
        if event.type == CREATED or (event.type == "error" and ended):
            if ended:
                yield from self.finish()
            else:  # report this one mistake; the numbers and ids of the event belong to the next response
                findings = self._checked(place, event, data)
                yield from _named(self._name, (one for one in findings if one.code == _OVERLAP))
            self._response = _ResponseChecker()
        elif self._response is None and (row is None or row.kind is EventKind.CONNECTION):
            return
        yield from _named(self._name, self._checked(place, event, data))

    def finish(self) -> Iterator[Finding]:
        """End the response: the socket is closed, or another response begins."""
        if self._response:
            yield from _named(self._name, self._response.finish())

    def _checked(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        if self._response is None:
            self._response = _ResponseChecker()
        return self._response.receive(place, event, data)


class _AgentsLaneChecker:
    """Checks the responses of one lane on which several run at a time."""

    def __init__(self, name: object, events: Iterable[Event]) -> None:
        self._name = name
        self._owners = Owners(events)
        self._responses: dict[object, _ResponseChecker] = {}  # by their ids

    def receive(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Check the next event of the lane."""
        row = EVENT_TYPES.get(event.type)
        if event.type == "error" and not self._owners.open:
            key: object = place  # a create that was refused
        else:
            key = self._owners.owner(event.type, data)
            if key not in self._responses and (row is None or row.kind is EventKind.CONNECTION):
                return
        response = self._responses.setdefault(key, _ResponseChecker(numbered=False))
        yield from self._labelled(key, response.receive(place, event, data))

    def finish(self) -> Iterator[Finding]:
        """End the responses: the socket is closed."""
        for key, response in self._responses.items():
            yield from self._labelled(key, response.finish())

    def _labelled(self, key: object, findings: Iterable[Finding]) -> Iterator[Finding]:
        named = f"response {printable(key)}: " if isinstance(key, str) else ""
        for finding in _named(self._name, findings):
            yield replace(finding, message=f"{named}{finding.message}")


def _named(name: object, findings: Iterable[Finding]) -> Iterator[Finding]:
    prefix = f"lane {name}: " if isinstance(name, str) else ""
    for finding in findings:
        yield replace(finding, message=f"{prefix}{finding.message}")


class _ResponseChecker:
    """Checks one response of a lane. Its findings have the numbers of events of the whole socket.

    Gaps in its sequence numbers are no mistakes if it is not `numbered` by itself.
    """

    def __init__(self, *, numbered: bool = True) -> None:
        self.ended = False
        self._numbered = numbered
        self._checker = SequenceChecker()
        self._places: list[int] = []
        self._types: list[str] = []

    def receive(self, place: int, event: Event, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Check the next event."""
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
            if self._types != ["error"]:  # an error has no sequence_number
                yield self._placed(finding)

    def _placed(self, finding: Finding) -> Finding:
        unsure = finding.code in _NOT_NEEDED or (finding.code in _OF_NUMBERS and not self._numbered)
        level = Level.INFO if unsure else finding.level
        event = None if finding.event is None else self._places[finding.event]
        return replace(finding, level=level, event=event)


def _is_empty(response: Any) -> bool:
    return isinstance(response, dict) and response.get("output") == []
