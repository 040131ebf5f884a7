"""Starting a playback: check a request, decide what answers it, and store that in its session."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from respool.errors import NoMatchingRecording, OptionError, RequestError
from respool.play.connection_memory import Remembered
from respool.play.offload import offload
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import UNCHANGED, Renditions
from respool.play.warm_up import warm_up_recording
from respool.protocol.items import Item
from respool.recordings.recording import Recording
from respool.server.choosing import AskUpstream, ask_upstream, asks_upstream, decide
from respool.server.conversations import PlaybackInConversation
from respool.server.decision import Decision
from respool.server.improvising import improvised
from respool.server.remembering import remember, remember_stub
from respool.server.request import Request
from respool.server.requested_changes import requested_changes
from respool.server.session import Session, invalid_session

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

_WARM_UPS = Renditions(Pace(speed=inf))


class Begun(NamedTuple):
    """A playback that begins, the reason for it, and its session."""

    playback: Playback
    decision: Decision
    session: Session
    plain: bool  # its answer is a body instead of a stream


def begin(
    server: "MockServer",
    request: Request,
    now: float | None,
    lineage: Sequence[Remembered] | None,
    arrived: float | None,
) -> Begun:
    """Begin to play the answer to `request`: see `MockServer.begin`."""
    request.check(server.validate)
    server.memory.check(request.body, remembered=bool(lineage))
    try:
        session = server.sessions.get(request.session)
    except OptionError as error:
        raise invalid_session(error) from None
    moment = session.moment(arrived) if now is None else now
    previous, conversation = request.previous_response_id, request.conversation_id
    if previous is not None or conversation is not None:
        try:
            if previous is not None:
                server.references.check_previous(session, request, lineage, moment)
            if conversation is not None:
                session.conversations.check_free(conversation, moment)
        except RequestError as error:
            if asks_upstream(session, server.indexes) not in ("misses", "always"):
                raise
            raise ask_upstream(error, None) from None  # the upstream may know the response
    if lineage:  # the connection may remember responses that are not stored
        playbacks = [getattr(one.turn, "playback", None) for one in lineage]
        request = replace(request, earlier=[one for one in playbacks if one is not None])
    decision = _decide(server, request, session, moment)
    answer = decision.recording or _improvised(server, request, session, moment)
    recording, plain, stub = answer, answer.plain, decision.stub
    if plain:
        recording = server.saved_answers.streamed(answer)
        plain = recording.plain
    paced = stub is not None or request.pace is not None or lineage is not None  # few are
    playback = Playback(
        recording,
        server.paced.of(stub, request, on_socket=lineage is not None) if paced else server.paced.standard,
        moment,
        UNCHANGED
        if plain
        else requested_changes(
            request,
            recording,
            (stub.ids if stub else None) or recording.header.ids or server.ids,
            whole=server.on_unknown_id == "default",
        ),
        background=request.background,
        streamed=request.stream,
        stored=request.store,
        body=request.kept_body,
        size=request.size,
        origin=decision.origin,
        after=(previous, conversation),
    )
    if playback.changes is not UNCHANGED:
        playback.prepare()
    server.state.played(recording.name)
    remember(session, decision, playback)
    begun = Begun(playback, decision, session, plain)
    if plain:
        return begun
    if conversation is not None:
        session.conversations.attach(conversation, PlaybackInConversation(playback), moment)
    if playback.stored and (id_ := playback.id):
        session.history.add(id_, playback)
        server.sessions.keep_within_bounds(session)
    return begun


def _decide(server: "MockServer", request: Request, session: Session, moment: float) -> Decision:
    """Return the answer to a request. Raise as `begin`; a broken history is reported first."""
    try:
        decision = decide(request, session, moment, server.indexes)
    except AskUpstream as error:  # the upstream checks the history itself
        remember_stub(session, error.decision)
        raise
    except NoMatchingRecording as error:
        server.references.check_history(request, session, moment, None)
        raise server.misses.explained(error, request, session, moment) from None
    if isinstance(request.body.get("input"), list):
        server.references.check_history(request, session, moment, decision)
    if decision.tier in ("default", "only"):
        server.misses.note(request, decision)
    return decision


def _improvised(server: "MockServer", request: Request, session: Session, moment: float) -> Recording:
    """Return a recording made from a request, and from what it continues."""
    before: list[Item] = []
    if request.previous_response_id is not None or request.conversation_id is not None:
        before = server.responses.context(request.body, moment, session.name)
    return offload(request.size, "improvised", lambda: improvised(request.body, before))


def warm_up(
    server: "MockServer", request: Request, now: float | None, lineage: Sequence[Remembered]
) -> Playback:
    """Answer a request that wants no output: see `MockServer.warm_up`."""
    request.check(server.validate)
    server.memory.check(request.body, remembered=bool(lineage))
    session = server.session(request.session)
    moment = session.clock.now() if now is None else now
    server.references.check_previous(session, request, lineage, moment)
    id_ = f"resp_{token_hex(25)}"
    playback = Playback(
        warm_up_recording(request.body, id_, moment),
        _WARM_UPS,
        moment,
        stored=request.store,
        body=request.kept_body,
        size=request.size,
    )
    if playback.stored:
        session.history.add(id_, playback)
        server.sessions.keep_within_bounds(session)
    return playback
