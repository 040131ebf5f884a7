"""Remembering: storing the effects of a decision in its session."""

from typing import Any

from respool.play.playback import Playback
from respool.server.decision import Decision
from respool.server.session import Session

_MOST_REMEMBERED = 10_000  # per session: used errors, served requests, fresh ids, each


def remember_stub(session: Session, decision: Decision) -> None:
    """Store the effects of a stub's answer in the session."""
    if decision.state is not None:
        session.answered.update(decision.state.answered)
        session.scenarios.update(decision.state.scenarios)


def remember(session: Session, decision: Decision, playback: Playback) -> None:
    """Store the effects of a decision that is being played in the session."""
    session.plays[playback.recording.name] += 1
    origin = decision.origin
    if origin is None:
        return
    if decision.used is not None:
        used = session.used.setdefault(origin.series, {})
        used[decision.used] = None
        _bound(used)
    if decision.served is not None:
        session.served[decision.served[0]] = decision.served[1]
        _bound(session.served)
    remember_stub(session, decision)
    if playback.changes.ids:
        ids = session.ids.setdefault(origin.series, {})
        ids.update(dict.fromkeys(playback.rendition.output_ids, origin.turn))
        _bound(ids)


def _bound(known: dict[Any, Any]) -> None:
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
