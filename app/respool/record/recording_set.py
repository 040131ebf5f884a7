"""RecordingSet: recordings that are made together, with one Redactor. It names and writes them."""

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
    """The names of recordings, and what is redacted.

    `template` is for names; None is ``{model}/{slug}``, or ``{session}/{slug}`` where there is a session.
    With `append`, turns of a recording that a request names go after those that its file has.
    `on_finished` is called with the name of a recording that was written, its file, and its newest turn.
    """

    template: str | None = None
    overwrite: bool = False
    redactor: Redactor = field(default_factory=Redactor)
    on_finished: Callable[[str, Path, Recording | None], None] = lambda name, path, turn: None
    append: bool = False


class RecordingSet:
    """The recordings of one run, below a folder. One thread uses it.

    Raises RecordingStopped where the folder cannot be written, OptionError for a template that is none.
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
        self._given: dict[str, str] = {}  # the names that were asked for, and what they became
        self._numbers: dict[str, int] = {}  # with a file for each turn: which turn it is

    def problem(self, text: str) -> None:
        """Say what is not recorded, and why."""
        self.problems.append(text)
        logger.error("%s", text)

    def name_for(self, asked: RecordedRequest, body: Mapping[str, Any]) -> str:
        """Return the name of the recording that an answer belongs to, and keep it for that. `body` is that of
        the request, without secrets."""
        name = self._name_for(asked, body)
        self.shelf.reserve(name)
        return name

    def _name_for(self, asked: RecordedRequest, body: Mapping[str, Any]) -> str:
        wanted = safe(asked.route.name)
        if wanted:
            if wanted not in self._given:
                kept = self.options.append and not self.options.overwrite and self._append_to(wanted)
                self._given[wanted] = wanted if kept else self.shelf.free(wanted)
            return self._given[wanted]
        earlier = self._lineage.continues(body)
        per_turn = self.options.template is not None and "{turn}" in self.options.template
        if earlier and not per_turn:
            return earlier
        session = asked.session or asked.route.session
        template = self.options.template or (SESSION_TEMPLATE if session else DEFAULT_TEMPLATE)
        turn = self._numbers.get(earlier, 1) + 1 if earlier else 1
        name = self.shelf.free(name_of(template, body, session=session, turn=turn))
        self._numbers[name] = turn
        return name

    def _append_to(self, name: str) -> bool:
        """Return True if turns can be appended to the recording that there is; it has the native format
        then."""
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
        """Write a finished turn anew: more of it has come."""
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
        """Remember a response that has begun, so that what continues it is found."""
        self._lineage.learn(name, TurnFacts(request=request), response_id)

    def _checked(self, turn: RecordedTurn, path: Path) -> str | None:
        """Return the text of a turn without secrets; None, and a problem, if it still has what looks like
        one."""
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
