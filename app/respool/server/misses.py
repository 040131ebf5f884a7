"""Misses: messages about a request that nothing answers, and about one that only the default answers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from respool.errors import NoMatchingRecording, TurnsExhausted, printable
from respool.play.offload import offload
from respool.server.choosing import lineage_of, stub_context
from respool.server.decision import Decision
from respool.server.indexes import Indexes
from respool.server.request import Request
from respool.server.session import Session
from respool.server.whole_request import whole_forms

if TYPE_CHECKING:
    from respool.match.near import Near
    from respool.match.stubs import NearStub

logger = logging.getLogger("respool.matching")

MOST = 3  # stubs that a message lists
_MOST_MODELS = 1000  # names of models that are remembered, to log each once
_SIMILAR = 0.75  # share of equal letters


@dataclass(frozen=True, slots=True)
class NearMisses:
    """The nearest answers to a request: recordings by their recorded requests, and stubs."""

    recordings: "tuple[Near, ...]" = ()
    stubs: "tuple[NearStub, ...]" = ()

    @property
    def line(self) -> str:
        """A line for a log."""
        from respool.match.near import explain  # late: see `indexes`

        lines = [explain(self.recordings)] if self.recordings or not self.stubs else []
        return "; ".join([*lines, *(near.line for near in self.stubs[:1])])

    def to_api(self) -> Sequence[Mapping[str, Any]]:
        """Return the value as errors and the admin API show it."""
        stubs = [{"stub": near.stub.name, "failed": list(near.failed)} for near in self.stubs]
        return [*(near.to_api() for near in self.recordings), *stubs]


def near_misses(request: Request, session: Session, now: float, indexes: Indexes) -> NearMisses:
    """Return the nearest answers to a request of a session, at its moment `now`."""
    context = stub_context(request, lineage_of(request, session, now))
    stubs = [
        near
        for known in (session.stub_set, indexes.rule_set.stub_set)
        for near in (known.near(context, session.stub_state, MOST) if known else ())
    ]
    recordings: tuple[Near, ...] = ()
    if len(index := indexes.recorded):
        forms = whole_forms(request, session, now, index) or request.forms(index)
        recordings = offload(request.size, "nearest", lambda: indexes.nearest(forms))
    return NearMisses(recordings, tuple(sorted(stubs, key=lambda near: len(near.failed))[:MOST]))


class Misses:
    """Explains misses, and logs once what a request may have meant."""

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self._models: set[str] = set()

    def explained(
        self, error: NoMatchingRecording, request: Request, session: Session, now: float
    ) -> NoMatchingRecording:
        """Return the error with the nearest recordings added, and log them. The error for a request that
        names a recording is returned unchanged."""
        if not (request.path_name or request.header_name or isinstance(error, TurnsExhausted)):
            near = near_misses(request, session, now, self._indexes)
            error.near_misses = near.to_api()
            logger.warning("no recording matches: %s", near.line)
        return error

    def note(self, request: Request, decision: Decision) -> None:
        """Log once that a model is almost the name of a recording, though the default answers."""
        model = request.model
        if not model or model in self._models:
            return
        if len(self._models) >= _MOST_MODELS or len(model) > 200:
            return
        self._models.add(model)
        store = self._indexes.store
        base, sharp, _ = model.rpartition("#")
        if sharp and (count := len(store.turns(base))):
            hint = f"the recording {printable(base)} has {count} turn{'s' * (count != 1)}"
        elif near := get_close_matches(model, store.names, n=1, cutoff=_SIMILAR):
            hint = f"the nearest name is {printable(near[0])}"
        else:
            return
        logger.warning(
            'no recording is named "%s", as the model asks for, so the %s answers; %s',
            printable(model),
            "default" if decision.tier == "default" else "only recording",
            hint,
        )
