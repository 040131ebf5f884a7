"""SequenceChecker: checks that a stream is a legal Responses stream.

It takes one event at a time and returns findings. After a finding it goes on as a client would, so that one
mistake gives one finding or a few. Its rules for other producers are in docs/checks.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from respool.check.closing import Closing
from respool.check.counting import SequenceNumbers
from respool.check.event_fields import Fields
from respool.check.findings import Finding
from respool.check.lifecycle import Lifecycle
from respool.check.open_items import OpenItems
from respool.check.same_ids import SameIds
from respool.check.verdicts import Verdicts
from respool.protocol.event_types import EVENT_TYPES, EventKind, EventOrigin, EventType
from respool.protocol.events import Event

KEEPALIVE = "keepalive"


def check(events: Iterable[Event]) -> list[Finding]:
    """Return all findings about one stream, in the order of its events. Findings about the whole stream come
    last."""
    checker = SequenceChecker()
    findings = [finding for event in events for finding in checker.receive(event)]
    findings += checker.finish()
    return sorted(findings, key=lambda finding: (finding.event is None, finding.event or 0))


class SequenceChecker:
    """Checks one stream, which is one turn: call `receive` with each event, then `finish`.

    for event in events:
        findings += checker.receive(event)
    findings += checker.finish()

    Some findings can be made only later: that ids change in all events, for instance. So a finding may be
    about an earlier event than the received one; `Finding.event` is its number.
    """

    def __init__(self) -> None:
        self._report = Verdicts()
        self._ids = SameIds(self._report)
        self._fields = Fields(self._report)
        self._numbers = SequenceNumbers(self._report)
        self._lifecycle = Lifecycle(self._report, self._ids)
        self._items = OpenItems(self._report, self._ids)
        self._closing = Closing(self._report, self._ids)

    def receive(self, event: Event) -> list[Finding]:
        """Receive the next event, and return the new findings."""
        self._report.at += 1
        row = EVENT_TYPES.get(event.type)
        if self._lifecycle.over:
            self._receive_after_end(event.type, row)
        elif row is None:
            self._receive_unknown(event)
        else:
            self._receive_known(row, event)
        return self._report.take()

    def _receive_after_end(self, type_: str, row: EventType | None) -> None:
        if type_ == KEEPALIVE:
            self._report.add("RS105", f"{type_}: the response has ended; expected nothing more")
        elif row is None or row.kind is not EventKind.CONNECTION:
            self._report.once("end", "RS104", f"{type_}: the response has ended; expected nothing more")

    def _receive_unknown(self, event: Event) -> None:
        self._report.once(event.type, "RS901", f"{event.type}: a type of event that Respool does not know")
        number = event.data.get("sequence_number")
        if number is not None:
            self._numbers.receive(event.type, number, from_start=True)

    def _receive_known(self, row: EventType, event: Event) -> None:
        data = event.data
        if row.origin not in (EventOrigin.PACKAGE, EventOrigin.WIRE):
            self._report.once(row.name, "RS904", f"{row.name}: an event of {row.origin}")
        self._fields.receive(row, data)
        if row.kind is EventKind.CONNECTION:
            if row.name == KEEPALIVE or self._lifecycle.knows(_target(data)):
                self._numbers.receive(row.name, data.get("sequence_number"), from_start=True)
            return
        self._lifecycle.receive(row, data)
        from_start = self._items.from_start = self._lifecycle.from_start
        self._numbers.receive(row.name, data.get("sequence_number"), from_start=from_start)
        if row.of_item:
            if closed := self._items.receive(row, data):
                self._closing.close(closed, data)
        elif row.kind is EventKind.TERMINAL:
            response = data.get("response")
            output = response.get("output") if isinstance(response, dict) else None
            self._closing.check_open(row.name, self._items.all)
            self._closing.compare_output(row.name, self._items.all, output, from_start=from_start)

    def finish(self) -> list[Finding]:
        """End the stream, and return the findings that had to wait for its end."""
        self._lifecycle.finish()
        self._ids.finish()
        self._numbers.finish()
        self._fields.finish()
        return self._report.take()


def _target(data: Mapping[str, Any]) -> object:
    """Return the id of the response to which a connection event belongs: the two share sequence numbers."""
    steer = data.get("steer")
    return steer.get("previous_response_id") if isinstance(steer, dict) else data.get("response_id")
