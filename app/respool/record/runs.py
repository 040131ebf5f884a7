"""Runs: unfinished responses, namely background runs that are polled, and streams that may be resumed."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from respool.record.background import RUNNING, Poll, made_stream
from respool.record.exchange import COMPLETE, STOPPED
from respool.record.recording_set import RecordingSet
from respool.record.shelf import Slot
from respool.record.turn import RecordedLine, RecordedTurn, json_object, sequence_number

_MOST = 1000
CANCELLED = "cancelled"


@dataclass(slots=True)
class BackgroundRun:
    """A response that has not ended. `turn` is not redacted; `began` is the moment of its create.

    With a `slot` it is polled, and not written yet; else it is the `number`-th turn of its recording.
    """

    name: str
    turn: RecordedTurn
    began: float
    slot: Slot | None = None
    number: int = 0
    polls: list[Poll] = field(default_factory=list)


class Runs:
    """The unfinished responses, by their ids: the newest thousand."""

    def __init__(self, recordings: RecordingSet) -> None:
        self._recordings = recordings
        self._runs: OrderedDict[str, BackgroundRun] = OrderedDict()

    def add(self, id: str, run: BackgroundRun) -> None:
        """Add an unfinished response. Write the oldest one if there are too many."""
        self._runs[id] = run
        while len(self._runs) > _MOST:
            _, oldest = self._runs.popitem(last=False)
            self._finish(oldest, STOPPED)

    def knows(self, id: str) -> bool:
        """Return True if a response is one of these."""
        return id in self._runs

    def saw(self, id: str, body: str, at: float) -> None:
        """Add a poll's Response object, or that of a cancel. Ignore it if its run is not polled."""
        run = self._runs.get(id)
        if run is None or run.slot is None:
            return
        response = json_object(body)
        if isinstance(response.get("status"), str):
            poll = Poll(at - run.began, response)
            run.polls.append(poll)
            if poll.status not in RUNNING:
                del self._runs[id]
                self._finish(run, CANCELLED if poll.status == CANCELLED else COMPLETE)

    def resumed(self, id: str, lines: Sequence[RecordedLine], began: float, end: RecordedTurn) -> None:
        """Add the rest of a stream, without events that are known already."""
        run = self._runs.get(id)
        if run is None:
            return
        old = run.turn if run.slot is None else replace(made_stream(run.turn, run.polls[:1]), lines=())
        merged = _merge(old, run.began, lines, began, end)
        if run.slot is not None:
            run.number = self._recordings.finish(run.slot, merged)
            run.slot = None
        else:
            self._recordings.replace(run.name, run.number, merged)
        run.turn = merged
        if merged.ended or not run.number:
            del self._runs[id]

    def close(self) -> None:
        """Write all polled runs, as far as they came."""
        for run in self._runs.values():
            self._finish(run, STOPPED)
        self._runs.clear()

    def _finish(self, run: BackgroundRun, how: str) -> None:
        if run.slot is None:
            return
        turn = made_stream(run.turn, run.polls)
        fields = {**turn.fields, "ended": how}
        if how == STOPPED:
            fields["faults"] = ["stall(after=100%)"]
        self._recordings.finish(run.slot, replace(turn, fields=fields))


def _merge(
    old: RecordedTurn, old_began: float, lines: Sequence[RecordedLine], began: float, end: RecordedTurn
) -> RecordedTurn:
    last = old.last_sequence_number()
    upto = old_began + old.seconds
    new: list[RecordedLine] = []
    at = began
    for line in lines:
        at += line.gap
        number = sequence_number(line.frame)
        if number is None or number > last:
            new.append(replace(line, gap=max(0.0, at - upto)))
            upto = max(at, upto)
    # A connection that was cut is cut again, once: the client then resumes.
    events = sum(bool(line.frame.type) for line in old.lines)
    faults = [
        fault.replace("after=100%", f"after={events}, times=1")
        for fault in old.fields.get("faults", ())
        if not fault.startswith("stall")
    ]
    fields: dict[str, Any] = {name: value for name, value in old.fields.items() if name != "faults"}
    fields["fidelity"] = end.fields["fidelity"]
    fields["ended"] = end.fields["ended"]
    fields["resumed"] = fields.get("resumed", 0) + 1
    if faults := [*faults, *end.fields.get("faults", ())]:
        fields["faults"] = faults
    return RecordedTurn(fields, [*old.lines, *new])
