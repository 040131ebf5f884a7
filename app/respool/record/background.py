"""Makes a stream of a polled background run: its states when polls saw them, then its output."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from respool.errors import RespoolError
from respool.protocol.events import compact
from respool.record.frame_splitter import SplitFrame
from respool.record.turn import RawJSON, RecordedLine, RecordedTurn, json_object
from respool.recordings.recording import Recording
from respool.repair import Options, repair

RUNNING = frozenset({"queued", "in_progress"})
_ENDS = {"completed": "response.completed", "failed": "response.failed", "incomplete": "response.incomplete"}


@dataclass(frozen=True, slots=True)
class Poll:
    """A polled Response object, and the seconds from the run's create to the poll."""

    at: float
    response: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.response.get("status"))


def is_run(turn: RecordedTurn) -> bool:
    """Return True if an answer begins a background run that clients poll."""
    body = turn.fields.get("body")
    if turn.fields.get("status") != 200 or not isinstance(body, RawJSON):
        return False
    response = json_object(body.text)
    return response.get("background") is True and response.get("status") in RUNNING


def made_stream(turn: RecordedTurn, polls: Sequence[Poll]) -> RecordedTurn:
    """Return the turn of a run: the events of its states at the times of the polls that first saw them.

    The events of its items were never sent: they are made from the last Response object.
    """
    lines = list(_states(polls))
    fields = {name: value for name, value in turn.fields.items() if name not in ("body", "elapsed")}
    fields["fidelity"] = {**fields["fidelity"], "body": "made from polls", "timing": "polled"}
    fields["polls"] = len(polls) - 1
    stream = RecordedTurn(fields, lines)
    if polls[-1].status not in _ENDS:
        return stream
    try:
        data = repair(RecordedTurn({}, lines).render().encode(), "polls", Options(renumber=True)).data
    except RespoolError:  # an output that repair does not know
        return stream
    return replace(stream, lines=_read(data))


def _states(polls: Sequence[Poll]) -> Sequence[RecordedLine]:
    found: list[tuple[float, str, dict[str, Any]]] = [(polls[0].at, "response.created", polls[0].response)]
    status = ""
    for poll in polls:
        if poll.status != status and poll.status in RUNNING:
            found.append((poll.at, f"response.{poll.status}", poll.response))
        status = poll.status
    if status in _ENDS:
        if not any(type_ == "response.in_progress" for _, type_, _ in found):
            begun = {**polls[0].response, "status": "in_progress"}
            found.append((polls[-1].at, "response.in_progress", begun))
        found.append((polls[-1].at, _ENDS[status], polls[-1].response))
    lines, last = [], 0.0
    for number, (at, type_, response) in enumerate(found):
        text = compact({"type": type_, "sequence_number": number, "response": response})
        lines.append(
            RecordedLine(
                at - last, SplitFrame(f"event: {type_}\ndata: ", text, "\n\n", plain=True, type=type_)
            )
        )
        last = at
    return lines


def _read(data: bytes) -> list[RecordedLine]:
    from respool.recordings import formats

    recordings: Sequence[Recording] = formats.read(data, "polls", "polls")
    return [
        RecordedLine(
            timed.gap or 0.0, SplitFrame("", timed.event.text, "", plain=True, type=timed.event.type)
        )
        for recording in recordings
        for timed in recording.events
    ]
