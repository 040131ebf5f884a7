"""A session that was written down and read again decides as before."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respool.errors import RespoolError
from respool.faults import parse
from respool.match.stubs_file import read_stub
from respool.play.clock import ManualClock
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.choosing import decide
from respool.server.conversations import PlaybackInConversation
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session import Session
from respool.server.session_record import PlaybackRecord, SessionRecord, restore, to_record

FILES = {
    "loop.script.yaml": "turns: [{output: [{function_call: {name: f, arguments: {}}}]}, {text: Two}]",
    "retry.script.yaml": "turns: [{status: 429, body: {}}, {status: 503, body: {}}, {text: Three}]",
    "one.jsonl": '{"respool":1,"request":{"model":"m","input":"same"}}\n{"type":"response.created"}\n',
    "two.jsonl": '{"respool":1,"request":{"model":"m","input":"same"}}\n{"type":"response.created"}\n',
    "stubs.yaml": (
        "stubs:\n"
        "  - {match: {last_user_text: in}, play: {text: In}, scenario: {name: s, becomes: In}}\n"
        "  - {match: {last_user_text: who}, play: {text: Ann}, scenario: {name: s, requires: In}}\n"
        "  - {match: {last_user_text: once}, play: [loop, retry], times: 2}\n"
        "  - {match: {last_user_text: who}, play: {text: Nobody}}\n"
    ),
}
ANSWER = {"type": "function_call_output", "call_id": "?", "output": "x"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served")
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


STEPS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["loop", "retry", "m", "gpt"]),
        "input": st.sampled_from(["in", "who", "once", "same", "else"]),
        "link": st.sampled_from(["", "previous", "conversation"]),
        "store": st.booleans(),
        "background": st.booleans(),
        "advance": st.sampled_from([0.0, 0.01, 50.0]),
    }
)


def body_of(step: dict[str, Any], server: MockServer, session: Session) -> dict[str, Any]:
    body = {name: step[name] for name in ("model", "input", "store", "background")}
    latest = [playback.id for playback in session.history]
    if step["link"] == "previous" and latest:
        body["previous_response_id"] = latest[-1]
    if step["link"] == "conversation":
        states = session.conversations.states()
        body["conversation"] = states[0].id if states else session.conversations.create(0)["id"]
    return body


def decided(server: MockServer, session: Session, body: dict[str, Any]) -> Any:
    try:
        found = decide(Request(body), session, session.clock.now(), server.indexes)
    except RespoolError as error:
        return str(error)
    name = found.recording and found.recording.name
    return found.tier, found.why, name, found.origin, found.used, found.served, found.state


def again(server: MockServer, session: Session) -> Session:
    """The session, written down and read by another server."""

    runs = [state.run for state in session.conversations.states()]
    playbacks = [*session.history, *(run.playback for run in runs if isinstance(run, PlaybackInConversation))]
    known = {playback.recording.name: playback.recording for playback in playbacks}

    def find(one: PlaybackRecord) -> Recording | None:
        return known[one.recording]

    data = msgspec.json.encode(to_record(session))
    record = msgspec.json.decode(data, type=SessionRecord)
    made = MockServer(server.store, clock=server.clock, ids=server.ids).session(session.name)
    restore(made, record, find, server.renditions)
    return made


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=8), ids=st.sampled_from(["recorded", "fresh"]))
def test_the_decision_is_the_same_after_the_session_was_written_down(
    steps: list[dict[str, Any]], ids: str, folder: Path
) -> None:
    server = MockServer(Store([folder]), clock=ManualClock(1000.0), ids=ids, on_miss="improvise")
    session = server.session("s")
    session.stubs.append(read_stub({"match": {"last_user_text": "else"}, "play": {"text": "m"}, "times": 1}))
    for step in steps:
        with suppress(RespoolError):
            server.start(Request(body_of(step, server, session), session="s"))
        assert isinstance(server.clock, ManualClock)
        server.clock.advance(step["advance"])
    copy = again(server, session)
    assert to_record(copy) == to_record(session)
    for model in ("loop", "retry", "m"):
        for text in ("in", "who", "once", "same", "else"):
            for link in ("", "previous", "conversation"):
                step = {"model": model, "input": text, "link": link, "store": True, "background": False}
                body = body_of(step, server, session)
                if "conversation" in body and not copy.conversations.states():
                    continue  # it has just begun
                assert decided(server, copy, body) == decided(server, session, body)


def test_clock_faults_and_a_cancelled_playback_are_kept(folder: Path) -> None:
    server = MockServer(Store([folder]), clock=ManualClock(1000.0))
    session = server.session("s")
    session.clock.set("frozen", now=1500.0)
    session.faults = parse("abort(after=2,times=3)")
    playback = server.start(Request({"model": "loop#2", "input": "x", "background": True}, session="s"))
    server.draw_faults(playback.recording, session="s")
    server.cancel(playback.id, session="s")
    copy = again(server, session)
    assert copy.clock.now() == 1500.0
    assert [str(fault) for fault in copy.faults or ()] == [str(fault) for fault in session.faults]
    assert (copy.sampler.plays, copy.sampler.happened) == (session.sampler.plays, session.sampler.happened)
    (kept,) = copy.history
    assert kept.status(1500.0) == "cancelled"
    assert kept.snapshot(1500.0) == playback.snapshot(1500.0)
