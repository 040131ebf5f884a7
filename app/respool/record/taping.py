"""Taping: one exchange, written into a recording while it comes. No threads: see `recorder`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from respool.errors import RespoolError
from respool.record.background import RUNNING, Poll, is_run
from respool.record.exchange import RECORDED, STOPPED, RecordedExchange, RecordedRequest
from respool.record.naming import name_of
from respool.record.recording_set import RecordingSet
from respool.record.routes import CREATE
from respool.record.runs import BackgroundRun, Runs
from respool.record.shelf import RecordingStopped, Slot
from respool.record.turn import RawJSON, RecordedTurn, json_object

# Told of a turn that was written: the recording's name, and the turn's number in it.
OnRecorded = Callable[[str, int], object]


class Taping:
    """Writes an exchange as it comes. Raises RecordingStopped where nothing can be written any more.

    An exchange that cannot be recorded is a problem of the set, and what follows of it is passed over.
    """

    def __init__(
        self,
        recordings: RecordingSet,
        runs: Runs,
        asked: RecordedRequest,
        on_recorded: OnRecorded | None = None,
    ) -> None:
        self._recordings = recordings
        self._runs = runs
        self._asked = asked
        self._on_recorded = on_recorded
        self._begun = False  # the id of its response is known
        self._name = ""
        self._request: RawJSON | str = ""
        self._slot: Slot | None = None
        self._exchange: RecordedExchange | None = RecordedExchange(asked, recordings.redactor)
        if asked.route.kind == CREATE:
            self._request = self._exchange.request()
            self._name = recordings.name_for(asked, self._request_object())

    def head(self, status: int, headers: Sequence[tuple[str, str]], at: float) -> None:
        """Take the head of the answer."""
        if self._exchange is None:
            return
        try:
            self._exchange.head(status, headers, at)
        except RespoolError as error:
            self._give_up(error)
            return
        if self._name:
            self._slot = self._recordings.shelf.begin(self._name, self._exchange.opening().render())

    def chunk(self, data: bytes, at: float) -> None:
        """Take a part of the body."""
        if self._exchange is None:
            return
        try:
            text = self._exchange.chunk(data, at)
        except RespoolError as error:
            self._give_up(error)
            return
        if self._slot is not None:
            if not self._begun and (id_ := self._exchange.response_id):
                self._begun = True
                self._recordings.begun.add(id_)
            self._recordings.shelf.append(self._slot, text)

    def note(self, fields: Mapping[str, Any]) -> None:
        """Have these fields in the header."""
        if self._exchange is not None:
            self._exchange.notes.update(fields)

    def end(self, how: str, at: float, timing: str = RECORDED) -> None:
        """Write the recording: the answer has ended."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        turn = exchange.end(how, at, timing)
        if turn is None:
            self._forget()
        elif self._name:
            if self._slot is None:  # there was no head
                self._slot = self._recordings.shelf.begin(self._name, "")
            self._finish(turn, self._slot)
        elif exchange.status == 200:
            self._add(turn)

    def stop(self, at: float) -> None:
        """Write what has come: the recorder is ended."""
        self.end(STOPPED, at)

    def forget(self) -> None:
        """Drop the exchange: keep nothing of it."""
        self._exchange = None
        self._forget()

    def overrun(self, behind: str, begun: bool) -> None:
        """Note that the rest is missing: the recorder is too far behind."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        kept = ""
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=True)
            kept = f"; what came before is in {self._slot.partial}"
        what = self._name or self._asked.route.path
        self._recordings.problem(f"{what} is not recorded to its end: the recorder is {behind} behind{kept}")

    def leave(self) -> None:
        """Stop writing after an error: leave the partial file as it is."""
        self._exchange = None
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=True)

    def _finish(self, turn: RecordedTurn, slot: Slot) -> None:
        id_, began = turn.response_id(), self._asked.at
        body = turn.fields.get("body")
        if is_run(turn) and isinstance(body, RawJSON):
            first = Poll(turn.fields["elapsed"], json_object(body.text))
            self._recordings.learn_run(self._name, self._request_object(), id_)
            self._runs.add(id_, BackgroundRun(self._name, turn, began, slot, polls=[first]))
            return
        number = self._recordings.finish(slot, turn)
        if number and self._on_recorded is not None:
            self._on_recorded(self._name, number)
        if number and id_ and turn.lines and not turn.ended:
            self._runs.add(id_, BackgroundRun(self._name, turn, began, number=number))

    def _add(self, turn: RecordedTurn) -> None:
        """Take the answer to what was asked of a response that is there."""
        id_ = self._asked.route.id
        body = turn.fields.get("body")
        if not self._runs.knows(id_) and not self._recordings.knows(id_):
            self._add_earlier(turn, id_)
            return
        if turn.lines:
            self._runs.resumed(id_, turn.lines, self._asked.at, turn)
        elif isinstance(body, RawJSON):
            self._runs.saw(id_, body.text, self._asked.at + turn.fields["elapsed"])

    def _add_earlier(self, turn: RecordedTurn, id_: str) -> None:
        """Record a response that was begun before this run, so that what asked for it is not known: its whole
        stream, its end, or its states from now on. It is named by its model and its id."""
        body = turn.fields.get("body")
        response = json_object(body.text) if isinstance(body, RawJSON) else turn.first_response()
        begins_later = bool(turn.lines) and turn.first_sequence_number() != 0
        if response.get("id") != id_ or begins_later or not (turn.lines or response.get("status")):
            return
        name = name_of("{model}/{session}", response, session=id_)
        if self._recordings.shelf.free(name) != name:  # it was recorded before
            return
        self._recordings.shelf.reserve(name)
        slot = self._recordings.shelf.begin(name, "")
        if not turn.lines and response["status"] in RUNNING:
            run = BackgroundRun(
                name, turn, self._asked.at, slot, polls=[Poll(turn.fields["elapsed"], response)]
            )
            self._recordings.learn_run(name, {}, id_)
            self._runs.add(id_, run)
            return
        self._recordings.finish(slot, turn)

    def _request_object(self) -> dict[str, object]:
        return json_object(self._request.text) if isinstance(self._request, RawJSON) else {}

    def _give_up(self, error: RespoolError) -> None:
        if isinstance(error, RecordingStopped):
            raise error
        self._recordings.problem(f"{self._name or self._asked.route.path} is not recorded: {error}")
        self._exchange = None
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=True)

    def _forget(self) -> None:
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=False)
        if self._name:
            self._recordings.shelf.release(self._name)
