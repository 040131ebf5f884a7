"""Taping: writes one exchange into a recording while it comes. No threads: see `recorder`."""

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

# Called for each written turn, with the recording's name and the turn's number in it.
OnRecorded = Callable[[str, int], object]


class Taping:
    """Writes an exchange as it comes. Raises RecordingStopped if nothing can be written any more.

    An exchange that cannot be recorded is a problem of the set; later calls do nothing.
    """

    def __init__(
        self,
        recordings: RecordingSet,
        runs: Runs,
        request: RecordedRequest,
        on_recorded: OnRecorded | None = None,
    ) -> None:
        self._recordings = recordings
        self._runs = runs
        self._request = request
        self._on_recorded = on_recorded
        self._begun = False  # the id of its response is known
        self._name = ""
        self._request_body: RawJSON | str = ""
        self._slot: Slot | None = None
        self._exchange: RecordedExchange | None = RecordedExchange(request, recordings.redactor)
        if request.route.kind == CREATE:
            self._request_body = self._exchange.request_body()
            self._name = recordings.name_for(request, self._request_object())

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
        """Add fields to the header."""
        if self._exchange is not None:
            self._exchange.notes.update(fields)

    def end(self, how: str, at: float, timing: str = RECORDED) -> None:
        """Write the recording after the answer's end."""
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
        """Write the exchange so far: the recorder stops."""
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
        what = self._name or self._request.route.path
        self._recordings.problem(f"{what} is not recorded to its end: the recorder is {behind} behind{kept}")

    def leave(self) -> None:
        """Stop writing after an error, and keep the partial file."""
        self._exchange = None
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=True)

    def _finish(self, turn: RecordedTurn, slot: Slot) -> None:
        id_, began = turn.response_id(), self._request.at
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
        """Take the answer to a request about an existing response."""
        id_ = self._request.route.id
        body = turn.fields.get("body")
        if not self._runs.knows(id_) and not self._recordings.knows(id_):
            self._add_earlier(turn, id_)
            return
        if turn.lines:
            self._runs.resumed(id_, turn.lines, self._request.at, turn)
        elif isinstance(body, RawJSON):
            self._runs.saw(id_, body.text, self._request.at + turn.fields["elapsed"])

    def _add_earlier(self, turn: RecordedTurn, id_: str) -> None:
        """Record a response from before this run, without its request: its whole stream, its end, or its
        states from now on. The name is its model and its id."""
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
                name, turn, self._request.at, slot, polls=[Poll(turn.fields["elapsed"], response)]
            )
            self._recordings.learn_run(name, {}, id_)
            self._runs.add(id_, run)
            return
        self._recordings.finish(slot, turn)

    def _request_object(self) -> dict[str, object]:
        return json_object(self._request_body.text) if isinstance(self._request_body, RawJSON) else {}

    def _give_up(self, error: RespoolError) -> None:
        if isinstance(error, RecordingStopped):
            raise error
        self._recordings.problem(f"{self._name or self._request.route.path} is not recorded: {error}")
        self._exchange = None
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=True)

    def _forget(self) -> None:
        if self._slot is not None:
            self._recordings.shelf.abandon(self._slot, keep=False)
        if self._name:
            self._recordings.shelf.release(self._name)
