import gc
import json
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from respool.errors import NoMatchingRecording, OptionError, RequestError
from respool.faults import parse
from respool.play.clock import ManualClock, SystemClock
from respool.play.pace import Pace
from respool.protocol import sse
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.request import ValidationLevel
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

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
    for validate in ("off", ValidationLevel.OFF):
        assert server(validate=validate).start(wrong).recording.name == "a"
    assert server().start(unknown).recording.name == "a"
    with pytest.raises(RequestError) as raised:
        server().start(wrong)
    assert raised.value.param == "temperature"
    with pytest.raises(RequestError) as raised:
        server(validate="strict").start(unknown)
    assert raised.value.code == "unknown_parameter"


def test_a_level_that_does_not_exist_is_refused(server: Serve) -> None:
    with pytest.raises(OptionError, match=r"^validate-requests is all, expected off or basic or strict$"):
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


def test_schedules_are_prepared_one_at_each_step_and_kept(server: Serve, recording: Make) -> None:
    serving = server([recording("a"), recording("a", note="second")], recording("b"))
    with mock.patch.object(sse, "encode", wraps=sse.encode) as encode:
        encoded = [(one.name, encode.call_count) for one in serving.recordings() if serving.schedule(one)]
        assert encoded == [("a", 4), ("a#2", 8), ("b", 12)]
        list(serving.start(Request({"model": "b"})).frames())
        assert encode.call_count == 12


def test_what_was_not_prepared_is_encoded_at_its_first_play(server: Serve, recording: Make) -> None:
    with mock.patch.object(sse, "encode", wraps=sse.encode) as encode:
        serving = server(recording("a"), recording("b"))
        assert encode.call_count == 0, "making a server encodes nothing: with many recordings that takes long"
        for _ in range(2):
            list(serving.start(Request({"model": "b"})).frames())
            assert encode.call_count == 4


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
    serving.history.clear()  # its responses could still be retrieved
    gc.collect()
    assert old() is None


def test_an_instant_pace_has_everything_due_at_the_start(server: Serve) -> None:
    playback = server(pace=Pace(speed=math.inf), clock=ManualClock(5.0)).start(Request({"model": "a"}))
    assert playback.ends == 5.0
    assert playback.due(5.0) == 4


def test_the_faults_of_an_answer_are_those_of_the_recording_of_the_server_and_of_the_request(
    server: Serve, recording: Make
) -> None:
    recorded = recording("a", faults=["abort"])
    serving = server(recorded, faults=parse("bom"))
    assert serving.faults == parse("bom")
    active = serving.draw_faults(serving.store.turns("a")[0], parse("cut; gzip"), ["gzip"])
    assert [str(one.fault) for one in active] == ["abort", "bom", "cut", "gzip"]
    assert serving.draw_faults(recording("b")) != ()
    serving.faults = ()
    assert serving.draw_faults(recording("b")) == ()


def test_the_chance_of_faults_is_that_of_the_seed_and_setting_them_begins_anew(
    server: Serve, recording: Make
) -> None:
    def plays(serving: MockServer) -> list[bool]:
        return [bool(serving.draw_faults(recording("a"))) for _ in range(100)]

    faults = parse("abort(probability=0.5)")
    serving = server(faults=faults)
    first = plays(serving)
    assert plays(serving) != first
    serving.faults = faults
    assert plays(serving) == first == plays(server(faults=faults))
    assert plays(server(faults=faults, pace=Pace(seed=1))) != first


def test_a_bad_request_is_refused_before_a_recording_is_looked_for(server: Serve) -> None:
    with pytest.raises(RequestError, match="Invalid type for 'stream'"):
        server().start(Request({"model": "no such recording", "stream": 1}, "no such recording"))


def test_a_request_that_nothing_answers_is_refused(server: Serve) -> None:
    with pytest.raises(NoMatchingRecording):
        server().start(Request({}, "b"))


# A background response that is queued for a second, in progress for two more, and then completed.
RUN = (
    (0.0, "response.created", {"sequence_number": 0, "response": {"id": "resp_1", "status": "in_progress"}}),
    (1.0, "response.in_progress", {"sequence_number": 1, "response": {"id": "resp_1"}}),
    (1.0, "response.output_text.delta", {"sequence_number": 2, "delta": "Hi", "obfuscation": "xx"}),
    (1.0, "response.completed", {"sequence_number": 3, "response": {"id": "resp_1", "status": "completed"}}),
)
BACKGROUND = {"model": "a", "background": True, "stream": True}


@pytest.fixture
def running(server: Serve, recording: Make) -> Callable[..., MockServer]:
    """A server on which a response resp_1 was created with this body at the moment 0."""

    def run(body: dict[str, Any], events: Any = RUN, **options: Any) -> MockServer:
        serving = server(recording("a", events), **options)
        serving.start(Request({"model": "a", **body}))
        return serving

    return run


def refusal(call: Callable[[], object]) -> tuple[int, str | None, str]:
    with pytest.raises(RequestError) as raised:
        call()
    return raised.value.status, raised.value.param, raised.value.message


NOT_FOUND = (404, None, "Response with id 'resp_1' not found.")


@pytest.mark.parametrize(
    ("body", "moment", "found"),
    [
        (BACKGROUND, 0.0, True),
        (BACKGROUND, 1e9, True),
        ({}, 0.0, False),
        ({}, 2.9, False),
        ({}, 3.0, True),
        ({"stream": True}, 2.9, False),
        ({"stream": True}, 3.0, True),
        ({"store": None}, 3.0, True),
        ({"store": False}, 3.0, False),
    ],
)
def test_a_background_response_can_be_retrieved_at_any_time_another_when_it_has_ended(
    body: dict[str, Any], moment: float, found: bool, running: Callable[..., MockServer]
) -> None:
    serving = running(body)
    if found:
        assert serving.retrieve("resp_1", moment).id == "resp_1"
    else:
        assert refusal(lambda: serving.retrieve("resp_1", moment)) == NOT_FOUND


def test_a_response_that_was_cut_never_ends(running: Callable[..., MockServer]) -> None:
    assert refusal(lambda: running({}, RUN[:3]).retrieve("resp_1", 1e6)) == NOT_FOUND
    assert running(BACKGROUND, RUN[:3]).retrieve("resp_1", 1e6).status(1e6) == "in_progress"


@pytest.mark.parametrize("name", ["retrieve", "stream", "cancel", "delete"])
def test_an_id_that_was_never_played_here_is_not_found(name: str, server: Serve) -> None:
    assert refusal(lambda: getattr(server(), name)("resp_1")) == NOT_FOUND


def not_created_with(parameter: str) -> tuple[int, str, str]:
    reason = f"because it was not created with {parameter}=true."
    return 400, "stream", f"This response cannot be streamed {reason}"


def test_only_a_response_of_the_background_that_was_a_stream_is_streamed_again(
    running: Callable[..., MockServer],
) -> None:
    assert running(BACKGROUND).stream("resp_1", now=1.0).background
    without = {**BACKGROUND, "stream": False}
    assert refusal(lambda: running(without).stream("resp_1", now=1.0)) == not_created_with("stream")
    assert refusal(lambda: running({}).stream("resp_1", now=3.0)) == not_created_with("background")
    assert refusal(lambda: running({}).stream("resp_1", now=1.0)) == NOT_FOUND


def test_the_events_of_a_response_are_kept_for_a_while_after_its_end(
    running: Callable[..., MockServer],
) -> None:
    serving = running(BACKGROUND, replay_window=120)
    assert serving.stream("resp_1", now=123.0)
    gone = "This response can no longer be streamed because it is more than 2 minutes old."
    assert refusal(lambda: serving.stream("resp_1", now=123.1)) == (400, "stream", gone)
    assert serving.retrieve("resp_1", 123.1).ended(123.1)
    assert running(BACKGROUND, RUN[:3], replay_window=0).stream("resp_1", now=1e6), "it is still in progress"


def test_a_stream_without_obfuscation_is_the_same_run(running: Callable[..., MockServer]) -> None:
    serving = running(BACKGROUND)
    view = serving.stream("resp_1", include_obfuscation=False, now=1.0)
    assert "obfuscation" not in view.events[2].data
    serving.cancel("resp_1", 1.0)
    assert view.status(1.0) == "cancelled"


def test_a_background_response_can_be_cancelled_until_it_ends(running: Callable[..., MockServer]) -> None:
    for moment in (0.0, 0.5, 1.0, 2.9):
        serving = running(BACKGROUND)
        assert serving.cancel("resp_1", moment).status(moment) == "cancelled"
        assert serving.cancel("resp_1", moment + 100).run.cancelled == moment, "again: the same"


@pytest.mark.parametrize(
    ("body", "events", "moment", "message"),
    [
        (BACKGROUND, RUN, 3.0, "Cannot cancel a completed response."),
        (
            BACKGROUND,
            [*RUN[:2], (0.0, "response.failed", {"response": {}})],
            9.0,
            "Cannot cancel a failed response.",
        ),
        (
            BACKGROUND,
            [*RUN[:2], (0.0, "response.incomplete", {"response": {}})],
            9.0,
            "Cannot cancel an incomplete response.",
        ),
        ({}, RUN, 1.0, "Cannot cancel a synchronous response."),
        ({"stream": True}, RUN, 9.0, "Cannot cancel a synchronous response."),
    ],
)
def test_what_has_ended_or_is_not_in_the_background_cannot_be_cancelled(
    body: dict[str, Any], events: Any, moment: float, message: str, running: Callable[..., MockServer]
) -> None:
    serving = running(body, events)
    assert refusal(lambda: serving.cancel("resp_1", moment)) == (400, None, message)


def test_a_response_can_be_deleted_when_it_has_ended(running: Callable[..., MockServer]) -> None:
    serving = running(BACKGROUND)
    in_flight = (400, None, "Cannot delete an in-flight response.")
    assert refusal(lambda: serving.delete("resp_1", 1.0)) == in_flight
    serving.delete("resp_1", 3.0)
    assert refusal(lambda: serving.retrieve("resp_1", 3.0)) == NOT_FOUND
    assert refusal(lambda: serving.delete("resp_1", 3.0)) == NOT_FOUND


def test_a_client_that_leaves_ends_its_response_unless_it_is_in_the_background(
    running: Callable[..., MockServer],
) -> None:
    for body, found in (({"stream": True}, False), (BACKGROUND, True)):
        serving = running(body)
        (playback,) = serving.history
        serving.client_left(playback)
        assert (serving.history.get("resp_1") is playback) is found


def test_a_client_that_leaves_takes_nothing_from_a_later_response_of_that_id(
    running: Callable[..., MockServer],
) -> None:
    serving = running({"stream": True})
    (first,) = serving.history
    later = serving.start(Request({"model": "a", "stream": True}))
    serving.client_left(first)
    assert serving.history.get("resp_1") is later


def test_a_response_may_follow_one_that_is_known(running: Callable[..., MockServer]) -> None:
    serving = running({})
    assert serving.start(Request({"model": "a", "previous_response_id": "resp_1"}))
    unknown = "Previous response with id 'resp_2' not found."
    follow = Request({"model": "a", "previous_response_id": "resp_2"})
    assert refusal(lambda: serving.start(follow)) == (400, "previous_response_id", unknown)


def test_fresh_ids_are_others_for_each_play(server: Serve, recording: Make) -> None:
    serving = server(recording("a", RUN), recording("b", RUN, ids="recorded"), ids="fresh")
    first, second = (serving.start(Request({"model": "a"})) for _ in range(2))
    assert len({first.id, second.id, "resp_1"}) == 3
    assert serving.retrieve(first.id, 9.0) is first
    assert serving.start(Request({"model": "b"})).id == "resp_1"


def test_a_recording_may_ask_for_fresh_ids_itself(server: Serve, recording: Make) -> None:
    assert server(recording("a", RUN, ids="fresh")).start(Request({"model": "a"})).id != "resp_1"


@pytest.mark.parametrize(("ids", "metadata"), [("recorded", {}), ("fresh", {"a": "b"})])
def test_with_fresh_ids_a_recording_repeats_the_request(
    ids: str, metadata: dict[str, str], server: Serve, recording: Make
) -> None:
    recorded = recording("a", RUN, request={"model": "gpt", "temperature": 0.5})
    body = {"model": "gpt", "temperature": 0.5, "metadata": {"a": "b"}, "service_tier": "auto", "input": "x"}
    response = server(recorded, ids=ids, default="a").start(Request(body)).events[0].data["response"]
    assert response.get("metadata", {}) == metadata
    assert not response.keys() & {"temperature", "input", "service_tier", "model"}, "as recorded"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": "new"}, "ids is new, expected recorded or fresh"),
        ({"replay_window": -1}, "replay-window is -1, expected seconds, 0 or more"),
        ({"on_unknown_id": "new"}, "on-unknown-id is new, expected not-found or default"),
        (
            {"on_miss": "record"},
            "on-miss is record, but this server has no upstream: --upstream URL names one",
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str, server: Serve) -> None:
    with pytest.raises(OptionError) as raised:
        server(**options)
    assert str(raised.value) == message


def texts_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["role"], item["content"][0]["text"]) for item in items]


def answering(recording: Make, name: str) -> Recording:
    part = {"type": "output_text", "text": f"answer of {name}", "annotations": []}
    output = [{"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}]
    events = [
        (1.0, "response.created", {"response": {"id": f"resp_{name}"}}),
        (1.0, "response.completed", {"response": {"id": f"resp_{name}", "output": output}}),
    ]
    return recording(name, events)


def test_what_comes_before_an_input_are_the_responses_that_it_continues(
    server: Serve, recording: Make
) -> None:
    serving = server(answering(recording, "a"), answering(recording, "b"))
    assert serving.context({}) == serving.context({"previous_response_id": None}) == []
    serving.start(Request({"model": "a", "input": "first"}), 0.0)
    serving.start(Request({"model": "b", "input": "second", "previous_response_id": "resp_a"}), 2.0)
    first, second = ("user", "first"), ("user", "second")
    assert texts_of(serving.context({"previous_response_id": "resp_a"}, 2.0)) == [
        first,
        ("assistant", "answer of a"),
    ]
    following = {"previous_response_id": "resp_b"}
    assert texts_of(serving.context(following, 3.0))[2:] == [second]
    assert texts_of(serving.context(following, 4.0))[2:] == [second, ("assistant", "answer of b")]
    serving.delete("resp_a", 4.0)
    assert texts_of(serving.context(following, 4.0)) == [second, ("assistant", "answer of b")]
    assert refusal(lambda: serving.context({"previous_response_id": "resp_a"}, 4.0)) == (
        400,
        "previous_response_id",
        "Previous response with id 'resp_a' not found.",
    )


def test_a_response_that_continues_itself_comes_before_it_once(server: Serve, recording: Make) -> None:
    serving = server(answering(recording, "a"))
    serving.start(Request({"model": "a", "input": "first"}), 0.0)
    serving.start(Request({"model": "a", "input": "again", "previous_response_id": "resp_a"}), 2.0)
    assert texts_of(serving.context({"previous_response_id": "resp_a"}, 9.0)) == [
        ("user", "again"),
        ("assistant", "answer of a"),
    ]


@pytest.mark.parametrize("form", [lambda one: one, lambda one: {"id": one}])
def test_what_comes_before_an_input_are_the_items_of_its_conversation(
    form: Callable[[str], object], server: Serve
) -> None:
    serving = server()
    one = serving.conversations.create(0, [{"role": "user", "content": "hi"}])["id"]
    assert texts_of(serving.context({"conversation": form(one)})) == [("user", "hi")]
    assert refusal(lambda: serving.context({"conversation": form("conv_1")}))[0] == 404


def test_the_input_items_of_a_response_are_those_of_its_request(running: Callable[..., MockServer]) -> None:
    serving = running({"input": "Hello"})
    (item,) = serving.input_items("resp_1", 3.0)
    assert (item["role"], item["content"][0]["text"]) == ("user", "Hello")
    assert serving.input_items("resp_1", 4.0) == [item], "the same ids each time"
    assert refusal(lambda: serving.input_items("resp_1", 1.0)) == NOT_FOUND


def conversing(serving: MockServer, **body: Any) -> str:
    """The id of a new conversation in which a response begins at the moment 0."""
    conversation: str = serving.conversations.create(0)["id"]
    serving.start(Request({"model": "a", "input": "Hello", "conversation": conversation, **body}), 0.0)
    return conversation


def test_a_conversation_has_the_items_of_its_responses_that_have_ended(
    server: Serve, recording: Make
) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    ended = (1.0, "response.completed", {"response": {"id": "resp_1", "output": [message]}})
    serving = server(recording("a", [*RUN[:3], ended]))
    conversation = conversing(serving)
    assert serving.conversations.items(conversation, 2.9) == []
    items = serving.conversations.items(conversation, 3.0)
    assert [item["role"] for item in items] == ["user", "assistant"]


def test_a_conversation_has_one_response_at_a_time(running: Callable[..., MockServer]) -> None:
    serving = running({})
    conversation = conversing(serving)
    again = Request({"model": "a", "conversation": {"id": conversation}})
    locked = "Another process is currently operating on this conversation. Please retry in a few seconds."
    assert refusal(lambda: serving.start(again, 2.0)) == (400, "conversation", locked)
    assert serving.start(again, 3.0)


@pytest.mark.parametrize(("background", "free"), [(False, True), (True, False)])
def test_a_client_that_leaves_frees_its_conversation_unless_the_response_goes_on(
    background: bool, free: bool, running: Callable[..., MockServer]
) -> None:
    serving = running({})
    conversation = conversing(serving, background=background)
    *_, playback = serving.history
    serving.client_left(playback)
    again = Request({"model": "a", "conversation": conversation})
    if free:
        assert serving.start(again, 1.0)
        assert serving.conversations.items(conversation, 1.0) == []
    else:
        assert refusal(lambda: serving.start(again, 1.0))[1] == "conversation"


def test_a_cancel_frees_the_conversation(running: Callable[..., MockServer]) -> None:
    serving = running({})
    conversation = conversing(serving, background=True)
    serving.cancel("resp_1", 1.0)
    assert serving.start(Request({"model": "a", "conversation": conversation}), 1.0)


def test_an_unknown_conversation_is_not_found(server: Serve) -> None:
    request = Request({"model": "a", "conversation": "conv_x"})
    not_found = (404, None, "Conversation with id 'conv_x' not found.")
    assert refusal(lambda: server().start(request)) == not_found


def test_an_answer_that_is_an_error_adds_nothing_to_a_conversation(server: Serve, recording: Make) -> None:
    serving = server(recording("a", (), status=429, body={}))
    conversation = conversing(serving)
    assert serving.conversations.items(conversation, 9.0) == []
    serving.conversations.check_free(conversation, 0.0)


@pytest.fixture
def standing_in(server: Serve, recording: Make) -> MockServer:
    """A server on which every id is known: at other times too, and when nothing is kept."""
    return server(recording("a", RUN), recording("b"), default="a", on_unknown_id="default", replay_window=0)


def test_for_an_unknown_id_the_default_answers_with_that_id(standing_in: MockServer) -> None:
    for now in (None, 0.0, 1e9):
        playback = standing_in.retrieve("resp_x", now)
        response = json.loads(playback.snapshot(standing_in.clock.now() if now is None else now))
        assert (response["id"], response["status"]) == ("resp_x", "completed")
        assert playback.id == "resp_x"
    assert len(standing_in.history) == 0, "it is not remembered"


def test_for_an_unknown_id_there_is_a_stream(standing_in: MockServer) -> None:
    playback = standing_in.stream("resp_x", include_obfuscation=False)
    assert [event.type for event in playback.events] == [kind for _, kind, *_ in RUN]
    assert playback.due(standing_in.clock.now()) == len(RUN)
    ids = [event.data["response"]["id"] for event in playback.events if "response" in event.data]
    assert set(ids) == {"resp_x"}
    assert "obfuscation" not in playback.events[2].data


@pytest.mark.parametrize("pace", [Pace(), Pace(speed=math.inf)])
def test_an_unknown_response_is_cancelled_as_one_that_was_in_progress(
    pace: Pace, server: Serve, recording: Make
) -> None:
    serving = server(recording("a", RUN), on_unknown_id="default", pace=pace)
    for _ in range(2):
        response = json.loads(serving.cancel("resp_x").snapshot(0.0))
        assert (response["id"], response["status"], response["output"]) == ("resp_x", "cancelled", [])
    assert serving.retrieve("resp_x").status(0.0) == "completed"


def test_an_unknown_response_is_deleted_and_followed(standing_in: MockServer) -> None:
    standing_in.delete("resp_x")
    standing_in.delete("resp_x")
    assert standing_in.start(Request({"model": "b", "previous_response_id": "resp_x"})).recording.name == "b"


def test_a_known_response_is_not_stood_in_for(standing_in: MockServer) -> None:
    played = standing_in.start(Request({"model": "a", "background": True}))
    assert standing_in.retrieve("resp_1") is played
    assert refusal(lambda: standing_in.delete("resp_1"))[0] == 400


def test_where_ids_stand_for_others_no_response_lacks_a_field(standing_in: MockServer) -> None:
    playback = standing_in.start(Request({"model": "a"}))
    for response in (json.loads(playback.final_response()), playback.events[0].data["response"]):
        assert response.keys() >= {"created_at", "model", "object", "output", "tools", "tool_choice"}
    assert playback.id == "resp_1"


def test_an_answer_that_is_no_response_stands_in_for_none(server: Serve, recording: Make) -> None:
    serving = server(recording("a", [], status=429, body={}), on_unknown_id="default")
    assert refusal(lambda: serving.retrieve("resp_1")) == NOT_FOUND


def test_a_recording_without_an_end_stands_in_as_it_is(server: Serve, recording: Make) -> None:
    serving = server(recording("a", RUN[:3]), on_unknown_id="default")
    assert json.loads(serving.retrieve("resp_x").snapshot(0.0))["status"] == "in_progress"
    serving.delete("resp_x")


def test_without_a_default_nothing_can_stand_in(server: Serve, recording: Make) -> None:
    with pytest.raises(OptionError, match="give the name of a recording as default"):
        server(recording("a"), recording("b"), on_unknown_id="default")


def test_for_an_unknown_conversation_there_are_the_items_of_the_default(
    server: Serve, recording: Make
) -> None:
    one = recording("a", RUN, request={"input": "Hi"})
    serving = server(one, on_unknown_id="default")
    (first,) = serving.conversations.items("conv_x", 0.0)
    assert (first["role"], first["content"][0]["text"]) == ("user", "Hi")
    for _ in range(2):  # while the first one is still under way
        assert serving.start(Request({"model": "a", "conversation": "conv_x"})).recording.name == "a"
    assert serving.context({"conversation": "conv_x"}) == [first]
    bare = server(recording("a", [], status=429, body={}), on_unknown_id="default")
    assert [item["role"] for item in bare.conversations.items("conv_x", 0.0)] == ["user"]


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ({}, ValidationLevel.BASIC),
        ({"on_unknown_id": "default"}, ValidationLevel.OFF),
        ({"on_unknown_id": "default", "validate": "basic"}, ValidationLevel.BASIC),
    ],
)
def test_where_ids_stand_for_others_requests_are_not_checked_unless_that_is_asked_for(
    options: dict[str, str], level: ValidationLevel, server: Serve
) -> None:
    assert server(**options).validate is level
