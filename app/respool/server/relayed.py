"""Storing the response of an upstream, after it was recorded."""

from respool.play.playback import Origin, Playback
from respool.recordings.recording import Recording
from respool.server.decision import Decision
from respool.server.mock_server import MockServer
from respool.server.request import Request


def remember_relayed(
    server: MockServer, request: Request, decision: Decision, turn: Recording, series: str, number: int
) -> None:
    """Store a response as if the recorded `turn`, the `number`-th of `series`, had just been played to its
    end, so that it can be continued and retrieved."""
    session = server.session(request.session)
    origin = decision.origin
    recording = server.saved_answers.streamed(turn)
    rendition = server.renditions.get(recording)
    now = session.clock.now()
    playback = Playback(
        recording,
        server.renditions,
        now - rendition.sse.schedule.end,
        background=request.background,
        streamed=request.stream,
        stored=request.store,
        body=request.kept_body,
        size=request.size,
        origin=Origin(series, number, origin.stub if origin else "", origin.depth if origin else 1),
    )
    server.state.played(turn.name)
    session.plays[turn.name] += 1
    if not recording.plain and playback.stored and playback.id:
        session.history.add(playback.id, playback)
        server.sessions.keep_within_bounds(session)
