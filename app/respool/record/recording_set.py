"""RecordingSet: names and writes the recordings of one run, with one Redactor."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from respool.errors import RecordingError
from respool.match.turn_choice import TurnFacts, facts
from respool.record.continuation import Lineage
from respool.record.exchange import RecordedRequest
from respool.record.naming import DEFAULT_TEMPLATE, SESSION_TEMPLATE, check_template, name_of, safe
from respool.record.redaction import Redactor, SecretLeft
from respool.record.shelf import Shelf, Slot
from respool.record.turn import RecordedTurn
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording

logger = logging.getLogger("respool")


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """Options for the names of recordings, and for redaction.

    `template` is for names; None is ``{model}/{slug}``, or ``{session}/{slug}`` in a session.
    With `append`, a recording that a request names gets its turns after those in its file.
    `on_finished` is called with the name of a written recording, its file, and its newest turn.
    """

    template: str | None = None
    overwrite: bool = False
    redactor: Redactor = field(default_factory=Redactor)
    on_finished: Callable[[str, Path, Recording | None], None] = lambda name, path, turn: None
    append: bool = False


class RecordingSet:
    """The recordings of one run, below a folder. One thread uses it.

    Raises RecordingStopped if the folder cannot be written, OptionError for an invalid template.
    """

    def __init__(self, folder: Path, options: RecordOptions) -> None:
        if options.template is not None:
            check_template(options.template)
        self.options = options
        self.redactor = options.redactor
        self.shelf = Shelf(folder, options.overwrite)
        self.problems: list[str] = []
        self._lineage = Lineage()
        self.begun: set[str] = set()  # the ids of responses whose streams have begun
        self._given: dict[str, str] = {}  # the names of recordings, by the names in requests
        self._numbers: dict[str, int] = {}  # with a file for each turn: the number of its turn

    def problem(self, text: str) -> None:
        """Report an answer that is not recorded, and why."""
        self.problems.append(text)
        logger.error("%s", text)

    def name_for(self, request: RecordedRequest, body: Mapping[str, Any]) -> str:
        """Return and reserve the name of the recording for an answer. `body` is the redacted body of the
        request."""
        name = self._name_for(request, body)
        self.shelf.reserve(name)
        return name

    def _name_for(self, request: RecordedRequest, body: Mapping[str, Any]) -> str:
        wanted = safe(request.route.name)
        if wanted:
            if wanted not in self._given:
                kept = self.options.append and not self.options.overwrite and self._append_to(wanted)
                self._given[wanted] = wanted if kept else self.shelf.free(wanted)
            return self._given[wanted]
        earlier = self._lineage.continues(body)
        per_turn = self.options.template is not None and "{turn}" in self.options.template
        if earlier and not per_turn:
            return earlier
        session = request.session or request.route.session
        template = self.options.template or (SESSION_TEMPLATE if session else DEFAULT_TEMPLATE)
        turn = self._numbers.get(earlier, 1) + 1 if earlier else 1
        name = self.shelf.free(name_of(template, body, session=session, turn=turn))
        self._numbers[name] = turn
        return name

    def _append_to(self, name: str) -> bool:
        """Return True if there is a recording of this name to which turns can be appended: one in the native
        format."""
        path = self.shelf.path(name)
        try:
            turns = jsonl.read(path.read_bytes(), name, str(path))
        except (OSError, RecordingError):
            return False
        return self.shelf.append_to(name, len(turns))

    def finish(self, slot: Slot, turn: RecordedTurn) -> int:
        """Write a turn that has ended. Return its number in its file; 0 if it was refused."""
        path = self.shelf.path(slot.name)
        if (text := self._checked(turn, path)) is None:
            self.shelf.abandon(slot, keep=False)
            return 0
        self.shelf.finish(slot, text)
        self._learn(slot.name, text, path, turn)
        return self.shelf.finished_turns(slot.name)

    def replace(self, name: str, number: int, turn: RecordedTurn) -> None:
        """Rewrite a finished turn after more of it has come."""
        path = self.shelf.path(name)
        if text := self._checked(turn, path):
            if self.shelf.replace_turn(name, number, text) is None:
                self.problem(f"{path} was changed: the rest of its turn {number} is not recorded")
            else:
                self._learn(name, text, path, turn)

    def knows(self, response_id: str) -> bool:
        """Return True if a response was begun in this run."""
        return response_id in self.begun or self._lineage.knows(response_id)

    def learn_run(self, name: str, request: Mapping[str, Any], response_id: str) -> None:
        """Remember a response that has begun, to recognise requests that continue it."""
        self._lineage.learn(name, TurnFacts(request=request), response_id)

    def _checked(self, turn: RecordedTurn, path: Path) -> str | None:
        """Return the redacted text of a turn. If it may still hold a secret, report a problem and return
        None."""
        clean = turn.redacted(self.redactor)
        text = clean.render()
        if text != turn.render():
            fidelity = {**turn.fields.get("fidelity", {}), "redacted": True}
            text = replace(clean, fields={**clean.fields, "fidelity": fidelity}).render()
        try:
            self.redactor.refuse(text, str(path))
        except SecretLeft as error:
            self.problem(str(error))
            return None
        return text

    def _learn(self, name: str, text: str, path: Path, turn: RecordedTurn) -> None:
        recording = None
        try:
            for recording in jsonl.read(text.encode(), name, str(path)):
                self._lineage.learn(name, facts(recording), turn.response_id())
        except RecordingError as error:
            self.problem(f"{error}: this was recorded, but cannot be played")
        self.options.on_finished(name, path, recording)
