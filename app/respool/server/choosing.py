"""Choosing the recording that answers a request, and its turn, and saying why.

In this order: the name in the path, in the header, as the model; stubs, the session's own first; recordings
by their recorded requests; the default, or the only recording; an improvised answer. If an upstream answers
what is not recorded, the only recording is no default.

`decide` reads a session and changes nothing; `remember` stores the effects of a decision in the session.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from respool.errors import (
    AmbiguousMatch,
    NoMatchingRecording,
    NotRecorded,
    RecordingError,
    TurnsExhausted,
    printable,
)
from respool.match.canonical import canonical, digest
from respool.match.recorded import Forms, Place, Seen
from respool.play.offload import offload
from respool.play.playback import Origin
from respool.recordings.recording import Recording, turn_name
from respool.recordings.store import Store
from respool.server.indexes import Indexes
from respool.server.request import PLAY_HEADER, Request
from respool.server.rule_set import Playable, named
from respool.server.session import Session
from respool.server.whole_request import whole_forms

if TYPE_CHECKING:
    from respool.match.context import Context
from respool.server.decision import IMPROVISED, RELAYED, Decision

RETRY_HEADER = "x-stainless-retry-count"


class AskUpstream(NoMatchingRecording):
    """The request is for an upstream. Without one, nothing answers."""

    def __init__(self, decision: Decision, message: str) -> None:
        self.decision = decision
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """The look-up of a request that names no recording. Its canonical forms are computed on access."""

    request: Request
    session: Session
    indexes: Indexes
    lineage: Origin | None
    forms: list[Forms] = field(default_factory=list)

    def compared(self) -> Forms:
        if not self.forms:
            self.forms.append(self.request.forms(self.indexes.recorded))
        return self.forms[0]


def decide(request: Request, session: Session, now: float, indexes: Indexes) -> Decision:
    """Return the answer to a request of a session, at its moment `now`. Nothing is changed.

    A name in the path or the header must be that of a recording; a model need not be. Raises
    NoMatchingRecording, which names the nearest ones; AskUpstream if an upstream is to answer.
    """
    try:
        return _decide(request, session, now, indexes)
    except (NotRecorded, TurnsExhausted, AmbiguousMatch) as error:
        if asks_upstream(session, indexes) not in ("misses", "always"):
            raise
        raise ask_upstream(error, lineage_of(request, session, now)) from None


def asks_upstream(session: Session, indexes: Indexes) -> str:
    """Return which requests of a session go to an upstream, one of ASKS_UPSTREAM."""
    return session.asks_upstream or indexes.options.asks_upstream


def ask_upstream(error: Exception, lineage: Origin | None) -> AskUpstream:
    """Return the error that makes the caller ask an upstream, since nothing here answers."""
    why = str(error).partition(". ")[0].removesuffix(".")
    return AskUpstream(Decision(RELAYED, why, None, _deeper(Origin(RELAYED), lineage)), str(error))


def _decide(request: Request, session: Session, now: float, indexes: Indexes) -> Decision:
    store = indexes.store
    if request.plays is not None:
        return _turn(request.plays, "steer", request, session, now, indexes)
    for name, tier in ((request.path_name, "path"), (request.header_name, "header")):
        if name:
            turns = store.turns(name)
            if len(turns) == 1 and not _continues(request):  # by far the most frequent case
                return Decision(tier, "", turns[0])
            if (found := named(store, name)) is None:
                where = "the path" if tier == "path" else f"the header {PLAY_HEADER}"
                raise miss(f"No recording is named {_quote(name)}, as {where} asks for.", store, name)
            return _turn(found, tier, request, session, now, indexes)
    if (model := request.model) and (found := named(store, model)):
        return _turn(found, "model", request, session, now, indexes)
    asks = asks_upstream(session, indexes)
    default = _default(store, indexes.options.default, or_only=asks in ("never", "stubs"))
    lookup = _Lookup(request, session, indexes, lineage_of(request, session, now))
    decision = _by_stub(lookup, now)
    if decision is None and session.default and (found := named(store, session.default)):
        return _turn(found, "default", request, session, now, indexes)  # set by a test
    if decision is None and asks == "always":
        raise NotRecorded("The upstream is asked for everything.")
    if decision is None and not (default and default[0] == "only"):  # the only recording answers all requests
        decision = _by_request(lookup, now)
    if decision is not None:
        return decision
    if default is not None:
        return _turn(default[1], default[0], request, session, now, indexes)
    if indexes.options.on_miss == "improvise":
        return Decision(IMPROVISED, "", None, _deeper(Origin(IMPROVISED), lookup.lineage))
    named_so = f"no recording is named {_quote(model)}" if model else "the request names none"
    raise miss(f"No recording matches: {named_so} and there is no default.", store, model or "")


def default_of(store: Store, default: str | None) -> Recording | None:
    """Return the first turn of the default recording, or of the only one; None if there is neither."""
    found = _default(store, default)
    return found and found[1].turns[(found[1].pinned or 1) - 1]


def _default(store: Store, default: str | None, *, or_only: bool = True) -> tuple[str, Playable] | None:
    """Return "default" or "only", with the default or the only recording; None if there is neither."""
    if default and (found := named(store, default)):
        return "default", found
    if not or_only or (only := store.only) is None:
        return None
    return "only", Playable(only.name, store.turns(only.name) or (only,))


def lineage_of(request: Request, session: Session, now: float) -> Origin | None:
    """Return the origin of the response that a request continues; None if it continues none."""
    if (previous := request.previous_response_id) is not None:
        playback = session.history.get(previous) or request.continued
        if playback is None:
            return None
        return playback.origin or Origin(playback.recording.name)
    if (conversation := request.conversation_id) is not None:
        return session.conversations.origin(conversation, now)
    return None


def miss(problem: str, store: Store, name: str) -> NoMatchingRecording:
    """Return the error for a request that nothing answers. `name` is the name in the request."""
    base = name.rpartition("#")[0]
    for refusal in store.refused:
        if refusal.name in (name, base) and not refusal.kept:
            return NoMatchingRecording(f"The recording {_quote(refusal.name)} was refused: {refusal.error}")
    if turns := store.turns(base):
        problem = f"{problem} The recording has {len(turns)} turn{'s' if len(turns) > 1 else ''}."
    nearest = store.nearest(name)
    if nearest:
        shown = f"Nearest: {', '.join(nearest)}."
    elif store.names:
        more = " and others" if len(store.names) > 5 else ""
        shown = f"There are: {', '.join(store.names[:5])}{more}."
    else:
        shown = "There are no recordings at all."
    return NotRecorded(
        f"{problem} {shown} Name one in the path (/r/NAME/v1/responses), "
        f"in the header {PLAY_HEADER}, or as the model.",
        nearest,
    )


def _turn(
    found: Playable, tier: str, request: Request, session: Session, now: float, indexes: Indexes
) -> Decision:
    """Return the decision for the turn that a request asks for."""
    series, turns, pinned = found.series, found.turns, found.pinned
    if len(turns) == 1:
        if not _continues(request):
            return Decision(tier, "", turns[0])
        origin = _deeper(Origin(series), lineage_of(request, session, now))
        return Decision(tier, "", turns[0], origin)
    lineage = lineage_of(request, session, now)
    if pinned is not None:
        origin = _deeper(Origin(series, pinned), lineage)
        return Decision(tier, f"turn {pinned}, as it says", turns[pinned - 1], origin)
    index = indexes.turns(series, turns)
    turn = index.choose(
        request.body,
        digest=_digest_of(request) if index.fails else "",
        previous=lineage.turn if lineage and lineage.series == series else None,
        ids=session.ids.get(series),
        used=session.used.get(series, ()),
        on_exhausted=indexes.options.on_exhausted,
    )
    origin = _deeper(Origin(series, turn.number), lineage)
    why = f"turn {turn.number}, since {turn.why}"
    return Decision(tier, why, turns[turn.number - 1], origin, turn.used)


def _digest_of(request: Request) -> str:
    return offload(request.size, "digest", lambda: digest(canonical(request.body)))


def _continues(request: Request) -> bool:
    """Return True if a request continues a response, or belongs to a conversation."""
    return request.previous_response_id is not None or request.conversation_id is not None


def _by_stub(lookup: _Lookup, now: float) -> Decision | None:
    request, session, indexes, lineage = lookup.request, lookup.session, lookup.indexes, lookup.lineage
    sets = [one for one in (session.stub_set, indexes.rule_set.stub_set) if one]
    if not sets:
        return None
    context = stub_context(request, lineage)
    matches = (one.answer(context, session.stub_state) for one in sets)
    match = next((match for match in matches if match is not None), None)
    if match is None:
        return None
    stub = match.stub
    origin = _deeper(Origin(f"stub {stub.name}", 1, stub.name), lineage)
    if stub.play.word == "improvise":
        return Decision(IMPROVISED, match.why, None, origin, stub=stub, state=match.state)
    if stub.play.word is not None:
        missing = f"The stub {_quote(stub.name)} plays {stub.play.word}, and this server has no --upstream."
        if asks_upstream(session, indexes) == "never":
            raise NoMatchingRecording(missing)
        relayed = Decision(RELAYED, match.why, None, origin, stub=stub, state=match.state)
        raise AskUpstream(relayed, missing)
    try:
        found = indexes.playable(stub)
    except RecordingError as error:
        raise NoMatchingRecording(f"Nothing to play: {error}") from None
    decision = _turn(found, "stub", request, session, now, indexes)
    at = decision.origin or Origin(found.series)
    why = f"{match.why}; {decision.why}" if decision.why else match.why
    origin = Origin(at.series, at.turn, stub.name, origin.depth)
    return Decision("stub", why, decision.recording, origin, decision.used, None, stub, match.state)


def _by_request(lookup: _Lookup, now: float) -> Decision | None:
    session, lineage, index = lookup.session, lookup.lineage, lookup.indexes.recorded
    if not len(index):
        return None
    look = partial(
        index.match,
        seen=Seen(_Played(session.plays), session.served),
        lineage=(lineage.series, lineage.turn) if lineage else None,
        retry=lookup.request.header(RETRY_HEADER) not in (None, "0"),
        # Ask the upstream again rather than play what was recorded for another request.
        strictness=lookup.indexes.options.match
        or (None if asks_upstream(session, lookup.indexes) in ("never", "stubs") else "strict"),
    )
    match = look(lookup.compared())
    if match is None and (whole := whole_forms(lookup.request, session, now, index)):
        match = look(whole)
    if match is None:
        return None
    turns = lookup.indexes.store.turns(match.recording)
    if match.turn > len(turns):  # the files have just changed
        return None
    why = f"{turn_name(match.recording, match.turn)}, since {match.why}"
    origin = _deeper(Origin(match.recording, match.turn), lineage)
    return Decision(match.tier, why, turns[match.turn - 1], origin, served=(match.digest, match.place))


def stub_context(request: Request, lineage: Origin | None) -> "Context":
    """Return a request as the matchers of stubs see it. `lineage` is the response that it continues."""
    from respool.match.context import Context  # late: most servers have no stubs

    if lineage is None:
        return Context(request)
    return Context(request, lineage.stub or None, lineage.depth + 1)


class _Played(Collection[Place]):
    """The turns that a session has played, as places."""

    def __init__(self, plays: Mapping[str, int]) -> None:
        self._plays = plays

    def __contains__(self, place: object) -> bool:
        return isinstance(place, tuple) and turn_name(*place) in self._plays

    def __iter__(self) -> Iterator[Place]:
        return iter([(name, 1) for name in self._plays])

    def __len__(self) -> int:
        return len(self._plays)


def _deeper(origin: Origin, lineage: Origin | None) -> Origin:
    return origin._replace(depth=lineage.depth + 1) if lineage else origin


def _quote(name: str) -> str:
    return f'"{printable(name)}"'
