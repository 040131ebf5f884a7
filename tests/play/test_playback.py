import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.check.checker import check
from respool.check.findings import Level
from respool.errors import RequestError
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Changes, Renditions
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event
from respool.protocol.snapshot import Snapshot, fold
from respool.recordings import formats
from respool.recordings.recording import Header, Recording, TimedEvent

CREATED = '{"type":"response.created","response":{"id":"resp_1","status":"in_progress"}}'
KEEPALIVE = '{"type":"keepalive","sequence_number":9}'
COMPLETED = '{"type":"response.completed","response":{"id":"resp_1","status":"completed"}}'
FAILED = '{"type":"response.failed","response":{"id":"resp_1","status":"failed"}}'
INCOMPLETE = '{"type":"response.incomplete","response":{"id":"resp_1","status":"incomplete"}}'
ERROR = '{"type":"error","error":{"type":"server_error","code":null,"message":"Boom.","param":null}}'

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in (ROOT / "fixtures", ROOT.parent / "shared" / "recordings")
    for path in folder.rglob("*")
    if path.is_file() and path.name != "MANIFEST.json" and formats.sniff(path.read_bytes(), str(path))
)
TURNS = [
    pytest.param(turn, id=turn.name)
    for path in FILES
    for turn in formats.read(path.read_bytes(), path.stem, str(path))
    if not turn.plain
]


def play(recording: Recording, started: float = 0.0, **options: Any) -> Playback:
    return Playback(recording, Renditions(Pace()), started, **options)


def playback(*texts: str, started: float = 0.0, gaps: Sequence[float] = (), **options: Any) -> Playback:
    gaps = gaps or [0.0] * len(texts)
    events = (TimedEvent(gap, Event.parse(text)) for gap, text in zip(gaps, texts, strict=True))
    return play(Recording("a", Header(), tuple(events)), started, **options)


# A response of a message, with an event at each second.
RESPONSE = {"id": "resp_1", "object": "response", "output": [], "background": False, "metadata": {"a": "b"}}
ITEM = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
PART = {"type": "output_text", "text": "", "annotations": []}
PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
DONE_PART = {**PART, "text": "Hello"}
DONE_ITEM = {**ITEM, "status": "completed", "content": [DONE_PART]}
MESSAGE = tuple(
    (1.0, kind, {"sequence_number": number, **fields})
    for number, (kind, fields) in enumerate(
        [
            ("response.created", {"response": {**RESPONSE, "status": "in_progress"}}),
            ("response.in_progress", {"response": {**RESPONSE, "status": "in_progress"}}),
            ("response.output_item.added", {"output_index": 0, "item": ITEM}),
            ("response.content_part.added", {**PLACE, "part": PART}),
            ("response.output_text.delta", {**PLACE, "delta": "Hel", "logprobs": []}),
            ("response.output_text.delta", {**PLACE, "delta": "lo", "logprobs": []}),
            ("response.output_text.done", {**PLACE, "text": "Hello", "logprobs": []}),
            ("response.content_part.done", {**PLACE, "part": DONE_PART}),
            ("response.output_item.done", {"output_index": 0, "item": DONE_ITEM}),
            (
                "response.completed",
                {"response": {**RESPONSE, "status": "completed", "output": [DONE_ITEM]}},
            ),
        ]
    )
)


@pytest.fixture
def message(recording: Callable[..., Recording]) -> Playback:
    """A background response that began at 100, with an event at 101, 102, ... 110."""
    return play(recording("a", MESSAGE), 100.0, background=True)


@pytest.mark.parametrize(
    ("texts", "response"),
    [
        ([CREATED, COMPLETED], '{"id":"resp_1","status":"completed"}'),
        ([CREATED, FAILED], '{"id":"resp_1","status":"failed"}'),
        ([CREATED, INCOMPLETE], '{"id":"resp_1","status":"incomplete"}'),
        ([CREATED, ERROR, FAILED], '{"id":"resp_1","status":"failed"}'),
        ([CREATED, COMPLETED, KEEPALIVE], '{"id":"resp_1","status":"completed"}'),
        ([CREATED, COMPLETED, '{"type":"response.completed"}'], '{"id":"resp_1","status":"completed"}'),
    ],
)
def test_the_final_response_is_that_of_the_last_terminal_event(texts: list[str], response: str) -> None:
    assert playback(*texts).final_response() == response


@pytest.mark.parametrize(
    "response",
    [
        '{"z":1,"a":2,"unknown":{"b":[1.0,1e5,-0]}}',
        '{ "text" : "caf\\u00e9 é \\/ \\u2028 \u2028" ,\t"id":"x" }',
        '{"id":1,"id":2}',
        '{"text":"\\ud800"}',
        '{"text":"\\"response\\":{}}"}',
        '{"output":[ ] }',
        "{}",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        '{{"type":"response.completed","response":{}}}',
        '{{ "response" : {} , "type" : "response.completed", "sequence_number":7 }}',
        '{{"type":"response.completed","response":{{"id":"an earlier one"}},"response":{}}}',
    ],
)
def test_the_final_response_is_byte_for_byte_as_recorded(response: str, around: str) -> None:
    assert playback(CREATED, around.format(response)).final_response() == response


def test_a_final_response_without_the_output_that_came_before_it_gets_it() -> None:
    item = '{"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message"}}'
    final = '{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}'
    assert json.loads(playback(CREATED, item, final).final_response()) == {
        "id": "resp_1",
        "status": "completed",
        "output": [{"id": "msg_1", "type": "message"}],
    }


def test_a_failed_response_stays_without_output() -> None:
    item = '{"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message"}}'
    final = '{"type":"response.failed","response":{"id":"resp_1","status":"failed","output":[]}}'
    assert playback(CREATED, item, final).final_response() == '{"id":"resp_1","status":"failed","output":[]}'


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}},
            {"status": 429, "type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."},
        ),
        (
            {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "No more."}},
            {"status": 429, "type": "insufficient_quota", "code": "insufficient_quota"},
        ),
        (
            {"error": {"type": "server_error", "code": None, "message": "Boom.", "param": None}},
            {"status": 500, "type": "server_error", "code": None, "message": "Boom.", "param": None},
        ),
        (
            {"code": "rate_limit_exceeded", "message": "Slow down.", "param": None},
            {"status": 429, "type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down."},
        ),
        (
            {"code": "ERR_SOMETHING", "message": "Boom."},
            {"status": 500, "type": "server_error", "code": "ERR_SOMETHING", "message": "Boom."},
        ),
        ({"error": {}}, {"status": 500, "type": "server_error", "code": None}),
        ({"error": None}, {"status": 500, "type": "server_error", "code": None}),
        ({"error": "Boom."}, {"status": 500, "type": "server_error", "code": None}),
        (
            {"error": {"type": 5, "code": 429, "message": None, "param": ["tools"]}},
            {"type": "server_error", "code": None, "param": None},
        ),
        pytest.param(
            {"error": {"code": None, "message": "No such tool.", "param": "tools"}}, {"param": "tools"}
        ),
    ],
)
def test_a_stream_that_ends_with_an_error_event_is_answered_with_that_error(
    event: dict[str, Any], fields: dict[str, Any], recording: Callable[..., Recording]
) -> None:
    ended = recording("a", [(None, "response.created"), (None, "error", event)])
    with pytest.raises(RequestError) as raised:
        play(ended).final_response()
    assert raised.value.message
    assert {name: getattr(raised.value, name) for name in fields} == fields


@pytest.mark.parametrize("texts", [[CREATED], [CREATED, KEEPALIVE], ['{"type":"response.completed"}'], []])
def test_a_stream_that_was_cut_has_no_final_response(texts: list[str]) -> None:
    with pytest.raises(RequestError, match="The recording a ends without a final response") as raised:
        playback(*texts).final_response()
    assert (raised.value.status, raised.value.code) == (500, "recording_without_end")


def test_a_playback_ends_with_its_last_event_by_the_clock() -> None:
    assert playback(CREATED, COMPLETED, gaps=(0.5, 2.0), started=100.0).ends == 102.5
    assert playback(started=100.0).ends == 100.0


def test_a_frame_carries_its_event_and_the_sentinel_carries_none() -> None:
    events = tuple(TimedEvent(1.0, Event.parse(text)) for text in (CREATED, COMPLETED))
    run = play(Recording("a", Header({"done": True}), events))
    assert [frame.event for frame in run.frames()] == [*(timed.event for timed in events), None]
    assert [frame.event for frame in run.frames(0)] == [events[1].event, None]


def test_the_frames_of_a_playback_are_in_seconds_since_it_began() -> None:
    frames = playback(CREATED, COMPLETED, gaps=(0.5, 1.0), started=100.0).frames()
    first, last = (encode_sse(Event.parse(text)) for text in (CREATED, COMPLETED))
    assert [(frame.at, frame.data) for frame in frames] == [(0.5, first), (1.5, last)]


def test_the_status_follows_the_clock(message: Playback) -> None:
    moments = [100.0, 101.0, 101.9, 102.0, 109.9, 110.0, 1000.0]
    assert [message.status(now) for now in moments] == [
        *["queued"] * 3,
        *["in_progress"] * 2,
        *["completed"] * 2,
    ]
    assert [message.ended(now) for now in moments] == [False] * 5 + [True] * 2


def test_only_a_background_response_is_ever_queued(recording: Callable[..., Recording]) -> None:
    assert play(recording("a", MESSAGE)).status(0.0) == "in_progress"


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([FAILED], "failed"),
        ([INCOMPLETE], "incomplete"),
        ([ERROR], "failed"),
        ([ERROR, FAILED], "failed"),
        ([], "in_progress"),
    ],
)
def test_the_last_status_is_that_of_the_event_that_ends_the_response(ends: list[str], status: str) -> None:
    in_progress = CREATED.replace("created", "in_progress")
    assert playback(CREATED, in_progress, *ends, background=True).status(0.0) == status


def test_a_snapshot_is_what_has_come_by_then(message: Playback) -> None:
    fields = {**RESPONSE, "background": True}
    assert json.loads(message.snapshot(100.0)) == {**fields, "status": "queued"}
    assert json.loads(message.snapshot(101.5)) == {**fields, "status": "queued"}
    assert json.loads(message.snapshot(102.0)) == {**fields, "status": "in_progress"}
    begun = {**ITEM, "content": [{**PART, "text": "Hel"}]}
    assert json.loads(message.snapshot(105.5)) == {**fields, "status": "in_progress", "output": [begun]}
    final = {**fields, "status": "completed", "output": [DONE_ITEM]}
    assert json.loads(message.snapshot(110.0)) == final
    assert json.loads(message.snapshot(103.0))["output"] == [ITEM], "any moment may be looked at"


def test_a_snapshot_of_the_end_is_the_recorded_response_byte_for_byte() -> None:
    final = '{"type":"response.completed","response":{ "id":"resp_1","n":1.50,"u":"\\u00e9" }}'
    assert playback(CREATED, final).snapshot(0.0) == '{ "id":"resp_1","n":1.50,"u":"\\u00e9" }'


def test_a_response_that_ended_with_an_error_event_has_failed_with_that_error() -> None:
    ended = json.loads(playback(CREATED, ERROR, background=True).snapshot(0.0))
    assert (ended["status"], ended["error"]) == ("failed", {"code": None, "message": "Boom."})


@pytest.mark.parametrize(
    ("after", "first"), [(None, 0), (-1, 0), (0, 1), (4, 5), (8, 9), (9, 10), (10, 10), (10**6, 10)]
)
def test_a_stream_is_resumed_after_a_sequence_number(
    after: int | None, first: int, message: Playback
) -> None:
    assert message.first(after) == first
    assert list(message.frames(after)) == list(message.frames())[first:]


def test_where_there_are_no_sequence_numbers_the_places_count(recording: Callable[..., Recording]) -> None:
    plain = play(recording())
    assert [plain.first(after) for after in (-1, 0, 2, 3)] == [0, 1, 3, 4]


def test_numbers_that_fall_are_no_reason_to_send_an_event_twice() -> None:
    numbers = [0, 5, 2, 6]
    texts = [f'{{"type":"response.x","sequence_number":{number}}}' for number in numbers]
    assert [playback(*texts).first(after) for after in (0, 2, 4, 5, 6)] == [1, 1, 1, 3, 4]


def texts_of(playback: Playback) -> list[dict[str, Any]]:
    return [event.data for event in playback.events]


@pytest.mark.parametrize("moment", [102.0, 103.0, 105.5, 109.9])
def test_a_cancelled_response_ends_at_once_with_a_failed_event(moment: float, message: Playback) -> None:
    before = texts_of(message)[: message.due(moment)]
    message.cancel(moment)
    *kept, last = texts_of(message)
    cancelled = {**RESPONSE, "background": True, "status": "cancelled"}
    assert kept == before
    assert last == {
        "type": "response.failed",
        "sequence_number": len(before),
        "response": cancelled,
    }
    assert message.due(moment) == len(message.schedule), "all of it is due"
    assert (message.status(moment), message.ended(moment)) == ("cancelled", True)
    assert json.loads(message.snapshot(moment + 1)) == cancelled


@pytest.mark.parametrize("moment", [100.0, 100.5, 101.0])
def test_a_response_that_is_cancelled_while_queued_still_tells_its_id(
    moment: float, message: Playback
) -> None:
    message.cancel(moment)
    assert [data["type"] for data in texts_of(message)] == ["response.created", "response.failed"]
    assert message.due(moment) == 2


def test_the_event_of_a_cancel_is_written_as_the_others_are(recording: Callable[..., Recording]) -> None:
    created = '{ "response": {"b":1,"id":"resp_1","status":"in_progress"}, "type": "response.created" }'
    cancelled = playback(created, COMPLETED, gaps=(0.0, 9.0), background=True)
    cancelled.cancel(1.0)
    assert cancelled.events[-1].text == (
        '{ "response": {"b":1,"id":"resp_1","status":"cancelled","output":[],"background":true}, '
        '"type": "response.failed" }'
    )


def test_a_second_cancel_changes_nothing(message: Playback) -> None:
    message.cancel(103.0)
    first = message.schedule
    message.cancel(105.0)
    assert message.schedule is first
    assert message.run.cancelled == 103.0


@pytest.mark.parametrize(("after", "rest"), [(None, 5), (-1, 5), (2, 2), (3, 1), (4, 0), (9, 0)])
def test_a_cancelled_stream_can_be_resumed(after: int | None, rest: int, message: Playback) -> None:
    message.cancel(104.0)
    assert len(list(message.frames(after))) == rest


def test_those_who_subscribed_are_told_of_a_cancel_once(message: Playback) -> None:
    calls: list[str] = []
    message.subscribe(lambda: calls.append("a"))
    message.subscribe(lambda: calls.append("b"))()
    message.cancel(103.0)
    message.cancel(104.0)
    assert calls == ["a"]


def test_a_cancel_elsewhere_comes_after_what_was_sent_here_meanwhile(message: Playback) -> None:
    message.subscribe(lambda: None)
    due = message.due(103.5)
    message.follow([], 102.0, 103.5)  # two more were sent since
    assert message.run.cancelled == 103.5
    assert message.events[due].type == "response.failed"


def test_a_cancel_elsewhere_that_came_later_is_followed_where_nobody_is_sent_anything(
    message: Playback,
) -> None:
    message.follow([], 102.0, 104.0)
    assert message.run.cancelled == 102.0
    message.follow([], 103.0, 104.0)
    assert (message.run.cancelled, len(message.run.edits)) == (103.0, 1)
    assert message.events[message.due(103.0) - 1].type == "response.failed"


def test_a_cancel_reaches_every_view_of_a_run(recording: Callable[..., Recording]) -> None:
    padded = recording(
        "a",
        [
            (0.0, "response.created", {"sequence_number": 0, "response": RESPONSE}),
            (0.0, "response.output_text.delta", {"sequence_number": 1, "delta": "a", "obfuscation": "x"}),
            (9.0, "response.completed", {"sequence_number": 2, "response": RESPONSE}),
        ],
    )
    run = play(padded, background=True)
    view = run.with_obfuscation(False)
    calls: list[str] = []
    view.subscribe(lambda: calls.append("view"))
    run.cancel(1.0)
    assert calls == ["view"]
    assert "obfuscation" in run.events[1].data
    assert "obfuscation" not in view.events[1].data
    assert view.events[-1] == run.events[-1]


@pytest.mark.parametrize("turn", TURNS)
def test_a_snapshot_and_the_events_resumed_after_it_are_the_whole(turn: Recording) -> None:
    whole = fold(timed.event for timed in turn.events)
    run = play(turn, background=True)
    moments = run.schedule.moments[: len(run.events)]
    # At each moment of a short stream, at some of a long one.
    for moment in sorted({*moments})[:: max(1, len(moments) // 12)]:
        due = bisect_right(moments, moment)
        later = Snapshot(json.loads(run.snapshot(moment)))
        number = run.rendition.numbers[due - 1]
        for event in run.events[run.first(number) :]:
            later.receive(event)
        assert _comparable(later.response) == _comparable(whole)


@pytest.mark.parametrize("turn", TURNS)
def test_a_stream_that_is_cancelled_at_any_moment_is_legal(turn: Recording) -> None:
    if next(iter(turn.events)).event.type != "response.created":
        pytest.skip("a resumed stream")
    sound = not _problems(timed.event for timed in turn.events)
    count = len(turn.events)
    for place in range(0, count, max(1, count // 8)):
        run = play(turn, background=True)
        moment = run.schedule.moments[place] - 1e-9 if place else 0.0
        if run.ended(moment):
            break
        run.cancel(moment)
        assert not sound or not _problems(run.events)
        assert run.events[-1].data["response"]["status"] == "cancelled"


def _problems(events: Iterable[Event]) -> list[str]:
    return [str(finding) for finding in check(events) if finding.level is Level.ERROR]


def _comparable(value: Any) -> Any:
    """Without what a background run has of its own, and what the service encrypts anew each time."""
    if isinstance(value, dict):
        return {
            key: _comparable(inner)
            for key, inner in value.items()
            if key not in ("background", "encrypted_content")
        }
    return [_comparable(inner) for inner in value] if isinstance(value, list) else value


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 1 / 3]), min_size=10, max_size=10),
    st.floats(0, 4),
    st.floats(0, 4),
    st.integers(-1, 12),
    st.sampled_from([0.0, 1000.1, 123456.7]),
)
def test_whenever_it_is_cancelled_what_was_sent_is_a_prefix(
    gaps: list[float], at: float, look: float, after: int, started: float
) -> None:
    events = tuple(
        TimedEvent(gap, Event.parse(json.dumps({"type": kind, **fields})))
        for gap, (_, kind, fields) in zip(gaps, MESSAGE, strict=True)
    )
    run = play(Recording("a", Header(), events), started, background=True, changes=Changes())
    now = started + min(at, look)
    sent = [frame.data for frame in run.frames()][: run.due(now)]
    resumed = [frame.data for frame in run.frames(after)]
    due_then = max(0, run.due(now) - run.first(after))
    if run.ended(now):
        return
    run.cancel(now)
    assert [frame.data for frame in run.frames()][: len(sent)] == sent
    assert run.due(now) == len(run.schedule)
    assert [frame.data for frame in run.frames(after)][:due_then] == resumed[:due_then]
    assert list(accumulate(run.schedule.moments, max)) == list(run.schedule.moments)
