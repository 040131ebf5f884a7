from collections.abc import Callable

import pytest

from respool.play.pace import Pace
from respool.play.rendition import MOST_CHANGED, Changes, RenditionCache, Renditions
from respool.protocol.event_frames import encode_sse
from respool.recordings import formats
from respool.recordings.recording import Recording

SCRIPT = b"request: {temperature: 0.5}\ntext: Hello\n"


@pytest.fixture
def script() -> Recording:
    return formats.read(SCRIPT, "hello", "hello.script.yaml")[0]


def test_without_changes_the_events_are_the_recorded_ones_and_shared(
    recording: Callable[..., Recording],
) -> None:
    recorded, renditions = recording(), Renditions(Pace())
    first = renditions.get(recorded)
    assert first.events == tuple(timed.event for timed in recorded.events)
    assert renditions.get(recorded) is first


def test_what_was_changed_is_made_once_while_it_is_among_the_latest(
    recording: Callable[..., Recording],
) -> None:
    recorded, renditions = recording(), Renditions(Pace())
    first = renditions.get(recorded, Changes(ids="0"))
    assert renditions.get(recorded, Changes(ids="0")) is first
    for number in range(MOST_CHANGED):
        renditions.get(recorded, Changes(ids=str(number + 1)))
    again = renditions.get(recorded, Changes(ids="0"))
    assert again is not first
    assert again.events == first.events, "it can be made again at any time"


def test_a_script_answers_the_request_that_it_gets(script: Recording) -> None:
    changes = Changes(request='{"model":"gpt-x","metadata":{"a":"b"},"input":"four or so tokens"}')
    events = Renditions(Pace()).get(script, changes).events
    for event in (events[0], events[1], events[-1]):
        response = event.data["response"]
        assert (response["model"], response["metadata"], response["temperature"]) == (
            "gpt-x",
            {"a": "b"},
            0.5,
        )
    assert events[-1].data["response"]["usage"]["input_tokens"] == 5
    assert [event.type for event in events] == [timed.event.type for timed in script.events]


def test_a_script_asked_for_in_the_background_is_queued(script: Recording) -> None:
    rendition = Renditions(Pace(gap=1.0)).get(script, Changes(request='{"background":true}'))
    begin = [(event.type, event.data["response"]["status"]) for event in rendition.events[:3]]
    assert begin == [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ]
    assert list(rendition.sse.schedule.moments[:3]) == [1.0, 2.0, 3.0]


def test_a_recording_repeats_a_request_only_where_it_is_told_to(
    recording: Callable[..., Recording],
) -> None:
    events = Renditions(Pace()).get(recording(), Changes(request='{"metadata":{"a":"b"}}')).events
    assert events[0].data["response"] == {
        "id": "resp_1",
        "created_at": 1700000000,
        "metadata": {"a": "b"},
    }
    assert events[1] == recording().events[1].event


@pytest.mark.parametrize(
    "changes", [Changes(ids="x"), Changes(obfuscation=False), Changes(ids="x", obfuscation=False)]
)
def test_changes_of_bytes_change_no_moment(changes: Changes, recording: Callable[..., Recording]) -> None:
    renditions = Renditions(Pace(jitter=0.1))
    plain, changed = renditions.get(recording()), renditions.get(recording(), changes)
    assert list(plain.sse.schedule.moments) == list(changed.sse.schedule.moments)


def test_the_sentinel_of_a_recording_stays_at_its_end(recording: Callable[..., Recording]) -> None:
    rendition = Renditions(Pace()).get(recording(done=True), Changes(ids="x"))
    assert len(rendition.sse.schedule) == len(rendition.events) + 1


def test_a_response_has_the_id_that_is_asked_for_whatever_its_other_ids_are(
    recording: Callable[..., Recording],
) -> None:
    events = Renditions(Pace()).get(recording(), Changes(id="resp_x", ids="0")).events
    assert [event.data["response"]["id"] for event in (events[0], events[-1])] == ["resp_x"] * 2


def test_a_whole_response_has_what_was_not_recorded(recording: Callable[..., Recording]) -> None:
    last = Renditions(Pace()).get(recording(), Changes(whole=True)).events[-1].data["response"]
    assert list(last)[:2] == ["id", "status"], "what was recorded comes first"
    assert (last["status"], last["tools"], last["tool_choice"]) == ("completed", [], "auto")


CAPTURE = (
    ": hello\n\n"
    'data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}\n\n'
    ": still here\n\n"
    'event: response.completed\r\ndata: {"type":"response.completed","response":{"id":"resp_1"}}\r\n\r\n'
    "data: <html>\n\n"
)


def captured() -> Recording:
    from respool.recordings.formats import sse

    [turn] = sse.read(CAPTURE.encode(), "a", "a.sse")
    return turn


def test_a_capture_is_sent_as_it_was_captured() -> None:
    rendition = Renditions(Pace()).get(captured())
    assert rendition.sse.schedule.encoded.data == CAPTURE.encode()
    assert [rendition.sse.events_in(frames) for frames in range(6)] == [0, 0, 1, 1, 2, 2]
    assert not rendition.sse.done


def test_normal_framing_sends_the_events_alone_as_the_api_does() -> None:
    rendition = Renditions(Pace(), framing="normal").get(captured())
    assert rendition.sse.schedule.encoded.data == b"".join(encode_sse(event) for event in rendition.events)


def test_a_changed_event_of_a_capture_is_framed_anew() -> None:
    rendition = Renditions(Pace()).get(captured(), Changes(id="resp_2"))
    assert b"resp_1" not in rendition.sse.schedule.encoded.data
    assert rendition.sse.schedule.encoded.data.startswith(b": hello\n\ndata: {")
    assert rendition.sse.schedule.encoded.data.endswith(b"data: <html>\n\n")


def test_texts_between_events_keep_their_share_of_the_time() -> None:
    from respool.recordings.formats import jsonl

    text = '[1.0, {"type":"response.created"}]\n[1.0, ": a\\n\\n"]\n[3.0, {"type":"response.completed"}]\n'
    [turn] = jsonl.read(text.encode(), "a", "a.jsonl")
    assert [timed.gap for timed in turn.events] == [1.0, 4.0]
    assert list(Renditions(Pace(speed=2)).get(turn).sse.schedule.moments) == [0.5, 1.0, 2.5]


def test_changed_renditions_hold_a_bounded_number_of_bytes(
    recording: Callable[..., Recording],
) -> None:
    cache = RenditionCache()
    renditions = Renditions(Pace(), cache=cache)
    one = recording("a", [(0.0, "response.x", {"d": "x" * 1000})])
    made = [renditions.get(one, Changes(ids=str(number))) for number in range(3)]
    assert [renditions.get(one, Changes(ids=str(number))) is made[number] for number in range(3)] == [
        True
    ] * 3
    cache.most_bytes = 4000
    latest = renditions.get(one, Changes(ids="3"))
    assert renditions.get(one, Changes(ids="3")) is latest, "the latest is kept in any case"
    assert renditions.get(one, Changes(ids="0")) is not made[0]


def test_renditions_at_all_paces_hold_a_bounded_number_of_bytes_together(
    recording: Callable[..., Recording],
) -> None:
    one = recording("a", [(0.0, "response.x", {"d": "x" * 1000})])
    cache = RenditionCache(most_bytes=10_000)
    for speed in range(1, 50):
        Renditions(Pace(speed=speed), cache=cache).get(one, Changes(ids="a"))
    assert cache.used <= 10_000
    assert 1 < len(cache) < 5
