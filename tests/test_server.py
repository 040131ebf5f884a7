import gc
import math
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from respool.clock import ManualClock, SystemClock
from respool.errors import NoMatchingRecording, OptionError, RequestError
from respool.formats import jsonl
from respool.frames import SSE_DONE, encode_sse
from respool.matching import Request
from respool.pace import Pace
from respool.protocol.request import Level
from respool.recording import Recording
from respool.server import MockServer
from respool.store import Store

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]


def test_a_server_has_a_pace_and_a_clock_of_its_own(store: Callable[..., Store]) -> None:
    server = MockServer(store())
    assert server.pace == Pace()
    assert isinstance(server.clock, SystemClock)


def test_a_default_that_is_no_recording_is_refused_with_the_nearest(server: Serve, recording: Make) -> None:
    unknown = "default is {}, but no recording has that name".format
    with pytest.raises(OptionError) as raised:
        server(recording("hello"), default="hallo")
    assert str(raised.value) == f"{unknown('hallo')}; nearest: hello"
    with pytest.raises(OptionError) as raised:
        server(default="zzz")
    assert str(raised.value) == unknown("zzz")


def test_how_much_of_a_request_is_checked_is_an_option(server: Serve) -> None:
    unknown = Request({"model": "a", "input": "Hi", "zzz": 1})
    wrong = Request({"model": "a", "input": "Hi", "temperature": "hot"})
    for validate in ("off", Level.OFF):
        assert server(validate=validate).start(wrong).recording.name == "a"
    assert server().start(unknown).recording.name == "a"
    with pytest.raises(RequestError) as raised:
        server().start(wrong)
    assert raised.value.param == "temperature"
    with pytest.raises(RequestError) as raised:
        server(validate="strict").start(unknown)
    assert raised.value.code == "unknown_parameter"


def test_a_level_that_does_not_exist_is_refused(server: Serve) -> None:
    with pytest.raises(OptionError, match="expected one of off, basic, strict"):
        server(validate="all")


def test_a_turn_may_be_the_default(server: Serve, recording: Make) -> None:
    serving = server([recording("a"), recording("a", note="second")], recording("b"), default="a#2")
    assert serving.start(Request({"model": "gpt-5.2"})).recording.header.note == "second"


def test_a_playback_begins_now_or_at_the_moment_that_is_given(server: Serve) -> None:
    serving = server(clock=ManualClock(100.0))
    assert serving.start(Request({"model": "a"})).started == 100.0
    assert serving.start(Request({"model": "a"}), 99.5).started == 99.5


def test_a_schedule_is_the_encoded_events_at_the_moments_of_the_pace(server: Serve, recording: Make) -> None:
    recorded = recording("a", [(1.0, "response.created"), (None, "response.output_text.delta")])
    frames = list(server(recorded, pace=Pace(gap=3, speed=2)).start(Request({"model": "a"})).frames())
    assert [frame.at for frame in frames] == [0.5, 2.0]
    assert [frame.data for frame in frames] == [encode_sse(timed.event) for timed in recorded.events]


def test_a_recording_with_the_sentinel_ends_with_it_at_the_moment_of_its_last_event(
    server: Serve, recording: Make
) -> None:
    frames = list(server(recording(done=True)).start(Request({"model": "a"})).frames())
    assert [(frame.at, frame.data) for frame in frames[-1:]] == [(3.0, SSE_DONE)]
    assert len(frames) == 5


def test_all_playbacks_of_a_recording_share_its_schedule(server: Serve) -> None:
    serving = server()
    first, second = (serving.start(Request({"model": "a"})) for _ in range(2))
    assert first.schedule is second.schedule


def test_an_edited_recording_is_played_with_its_new_events_and_times(
    server: Serve, recording: Make, tmp_path: Path
) -> None:
    serving = server()
    running = serving.start(Request({"model": "a"}))
    edited = recording("a", [(7.0, "response.created", {"note": "edited"})])
    (tmp_path / "a.jsonl").write_text(jsonl.write([edited]))
    serving.store.refresh()
    assert serving.start(Request({"model": "a"})).ends == 7.0
    assert len(list(running.frames())) == 4, "what runs already goes on unchanged"


def test_a_recording_that_was_replaced_is_forgotten(server: Serve, recording: Make, tmp_path: Path) -> None:
    serving = server()
    serving.start(Request({"model": "a"}))
    old = weakref.ref(serving.store.turns("a")[0])
    (tmp_path / "a.jsonl").write_text(jsonl.write([recording("a", [(7.0, "response.created")])]))
    serving.store.refresh()
    gc.collect()
    assert old() is None


def test_an_instant_pace_has_everything_due_at_the_start(server: Serve) -> None:
    playback = server(pace=Pace(speed=math.inf), clock=ManualClock(5.0)).start(Request({"model": "a"}))
    assert playback.ends == 5.0
    assert playback.schedule.due(0.0) == 4


def test_a_bad_request_is_refused_before_a_recording_is_looked_for(server: Serve) -> None:
    with pytest.raises(RequestError, match="Invalid type for 'stream'"):
        server().start(Request({"model": "no such recording", "stream": 1}, "no such recording"))


def test_a_request_that_nothing_answers_is_refused(server: Serve) -> None:
    with pytest.raises(NoMatchingRecording):
        server().start(Request({}, "b"))
