from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.check.checker import check
from respool.errors import OptionError
from respool.play.keepalive import KEEPALIVE, MOST, silences, with_events
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Changes, Renditions
from respool.protocol import profiles
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

FIXTURES = Path(__file__).parents[2] / "fixtures"
STORE = Store([FIXTURES])
SLOW = Pace(gap=1.0)


def untimed(turn: Recording) -> Recording:
    """The same, an event each second."""
    return replace(turn, events=tuple(replace(timed, gap=None) for timed in turn.events))


STREAMS = [untimed(turn) for name in STORE.names for turn in STORE.turns(name) if not turn.plain]

streams = pytest.mark.parametrize("recording", STREAMS, ids=lambda recording: recording.name)


def events(*texts: str) -> list[Event]:
    return [Event.parse(text) for text in texts]


def test_a_silence_is_broken_as_often_as_it_is_long() -> None:
    assert list(silences([0.0, 1.0, 35.0, 36.0], 10.0)) == [(2, 11.0), (2, 21.0), (2, 31.0)]


def test_nothing_is_said_at_the_moment_of_a_frame() -> None:
    assert list(silences([0.0, 10.0, 30.0], 10.0)) == [(2, 20.0)]


def test_the_silence_before_the_first_frame_begins_with_the_request() -> None:
    assert list(silences([25.0], 10.0)) == [(0, 10.0), (0, 20.0)]
    assert list(silences([25.0, 45.0], 10.0, first=1)) == [(1, 35.0)]


def test_a_pause_without_end_has_a_limit() -> None:
    assert len(list(silences([0.0, 1e9], 1e-9))) == MOST


@given(
    st.lists(st.floats(0, 1e9), max_size=8).map(sorted),
    st.floats(min_value=0.001, max_value=1e9, exclude_min=True),
)
def test_moments_never_fall(moments: list[float], seconds: float) -> None:
    found = list(islice(silences(moments, seconds), 1000))
    for place, at in found:
        assert (moments[place - 1] if place else 0.0) <= at < moments[place]
    assert found == sorted(found)


def test_a_keepalive_takes_a_number_and_those_after_it_rise() -> None:
    given = events(
        '{"type":"response.created","sequence_number":0}',
        '{"type": "response.in_progress" , "sequence_number" : 1, "x":"é\\u00e9"}',
        '{"sequence_number":2,"type":"response.completed"}',
    )
    sent, times = with_events(given, [0.0, 5.0, 30.0], 10.0)
    assert [event.text for event in sent] == [
        '{"type":"response.created","sequence_number":0}',
        '{"type": "response.in_progress" , "sequence_number" : 1, "x":"é\\u00e9"}',
        '{"type":"keepalive","sequence_number":2}',
        '{"type":"keepalive","sequence_number":3}',
        '{"sequence_number":4,"type":"response.completed"}',
    ]
    assert times == [0.0, 5.0, 15.0, 25.0, 30.0]


def test_only_the_digits_of_a_later_event_change() -> None:
    given = events(
        '{"type":"response.created","sequence_number":0}',
        '{ "type":"response.completed", "sequence_number" : 1 , "x":"\\u00e9" }',
    )
    sent, _ = with_events(given, [0.0, 3.0], 2.0)
    assert sent[2].text == '{ "type":"response.completed", "sequence_number" : 2 , "x":"\\u00e9" }'


def test_there_is_none_before_the_first_event_nor_after_the_last() -> None:
    given = events(
        '{"type":"response.created","sequence_number":0}',
        '{"type":"response.completed","sequence_number":1}',
        '{"type":"late","sequence_number":2}',
    )
    assert with_events(given, [50.0, 51.0, 90.0], 10.0) == (given, [50.0, 51.0, 90.0])


def test_in_a_stream_without_numbers_it_has_none() -> None:
    given = events('{"type":"response.created"}', '{"type":"response.completed"}')
    sent, _ = with_events(given, [0.0, 3.0], 2.0)
    assert [event.text for event in sent] == [given[0].text, '{"type":"keepalive"}', given[1].text]


@streams
def test_with_keepalives_every_recording_is_as_sound_as_it_was(recording: Recording) -> None:
    rendition = Renditions(SLOW, keepalive=0.4).get(recording)
    recorded = tuple(timed.event for timed in recording.events)
    assert any(event.type == KEEPALIVE for event in rendition.events), "else this shows nothing"

    def codes(events: tuple[Event, ...]) -> list[str]:
        return [finding.code for finding in check(events)]

    assert codes(tuple(rendition.events)) == codes(recorded)


@pytest.mark.parametrize("profile", ["openai", "openrouter"])
@streams
def test_a_resume_after_any_number_loses_and_repeats_nothing(recording: Recording, profile: str) -> None:
    renditions = Renditions(SLOW, profiles.find(profile), keepalive=0.4)
    playback = Playback(recording, renditions, started=0.0)
    whole = [frame.event for frame in playback.frames() if frame.event]
    assert whole == list(playback.events)
    frames = list(playback.frames())
    for place, number in enumerate(playback.rendition.numbers):
        rest = list(playback.frames(number))
        assert [frame.event for frame in rest if frame.event] == whole[place + 1 :]
        assert rest == frames[len(frames) - len(rest) :]


@streams
def test_without_profile_and_keepalive_each_recording_is_as_recorded(recording: Recording) -> None:
    rendition = Renditions(Pace()).get(recording)
    frames = b"".join(encode_sse(timed.event) for timed in recording.events)
    assert rendition.sse.schedule.encoded.data == frames
    assert list(rendition.sse.schedule.moments) == Pace().moments(recording)


def test_comments_are_frames_and_no_events(recording: Callable[..., Recording]) -> None:
    renditions = Renditions(Pace(), profiles.find("xai"), keepalive=0.4)
    playback = Playback(recording(), renditions, started=0.0)
    shown = [(round(frame.at, 1), frame.event and frame.event.type) for frame in playback.frames()]
    assert shown == [
        (0.4, None),
        (0.8, None),
        (1.0, "response.created"),
        (1.4, None),
        (1.8, None),
        (2.0, "response.output_text.delta"),
        (2.0, "response.output_text.delta"),
        (2.4, None),
        (2.8, None),
        (3.0, "response.completed"),
    ]
    assert {frame.data for frame in playback.frames() if not frame.event} == {b": keepalive\n\n"}
    assert list(playback.events) == [timed.event for timed in recording().events]


@pytest.mark.parametrize(
    "recording", [turn for turn in STREAMS if not turn.scripted], ids=lambda recording: recording.name
)
def test_with_comments_each_moment_has_the_state_it_has_without(recording: Recording) -> None:
    plain = Playback(recording, Renditions(SLOW), started=0.0)
    spoken = Playback(recording, Renditions(SLOW, profiles.find("xai"), keepalive=0.4), started=0.0)
    for second in range(len(recording.events) + 2):
        for now in (second - 0.1, second + 0.5):
            assert spoken.status(now) == plain.status(now)
            assert spoken.snapshot(now) == plain.snapshot(now)


@pytest.mark.parametrize("profile", ["openai", "xai", "openrouter", "openresponses"])
@given(now=st.floats(0, 40))
def test_a_cancel_leaves_all_that_was_due_as_it_was(profile: str, now: float) -> None:
    hello = STORE.turns("scripts/hello")[0]
    renditions = Renditions(SLOW, profiles.find(profile), keepalive=0.4)
    playback = Playback(hello, renditions, 0.0, Changes(request='{"background":true}'), background=True)
    before = list(playback.frames())
    due = sum(frame.at <= now for frame in before)
    playback.cancel(now)
    after = list(playback.frames())
    kept = [frame for frame in before[:due] if frame.data != b"data: [DONE]\n\n"]
    assert after[: len(kept)] == kept
    sent = [frame.event for frame in after if frame.event]
    assert sent == list(playback.events)
    assert sent[-1].type == "response.failed"
    numbers = [event.sequence_number for event in sent]
    assert numbers == list(range(len(sent)))
    assert [frame.event for frame in playback.frames(numbers[-2]) if frame.event] == [sent[-1]]
    assert not [frame for frame in playback.frames(numbers[-1]) if frame.event]
    assert (after[-1].data == b"data: [DONE]\n\n") == profiles.find(profile).done
    assert all(frame.at <= now for frame in after)


def test_a_server_keeps_its_streams_alive(server: Callable[..., MockServer]) -> None:
    playback = server(keepalive=0.4).start(Request({"model": "a", "stream": True}))
    assert [event.type for event in playback.events][1:3] == ["keepalive", "keepalive"]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_server_refuses_a_silence_of_no_time(server: Callable[..., MockServer], seconds: float) -> None:
    with pytest.raises(OptionError, match=r"^keepalive is .*, expected seconds, more than 0$"):
        server(keepalive=seconds)
