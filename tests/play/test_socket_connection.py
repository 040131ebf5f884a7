import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.play.socket_playbook import Answer, Playbook, call, message, simple, turn

from respool.errors import RequestError
from respool.play.clock import ManualClock
from respool.play.live_turn import FixedTurn, PlaybackTurn
from respool.play.socket_actions import StartTurn
from respool.protocol.websocket.steers import STEER_CODES, SUCCESSOR_FAILED, SteerAt
from respool.recordings.steer_rule import SteerRule
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

MISS = RequestError("No recording matches.", status=404, code="no_matching_recording")
LONG = [message("a", 0), message("b", 1), message("c", 2)]


Step = tuple[float, Callable[[Playbook], object]]


def create(lane: str | None = None, **members: Any) -> Callable[[Playbook], object]:
    return lambda play: play.create(lane, **members)


def raw(text: str) -> Callable[[Playbook], object]:
    return lambda play: play.send(text)


def binary(play: Playbook) -> None:
    play.take(play.connection.receive_binary(play.now))


# What went in and when; what came out.
CONVERSATIONS: dict[str, tuple[list[Step], list[str]]] = {
    "a create plays its events at their moments": (
        [(0.5, create())],
        ["0.5 created r1", "1.5 in_progress", "2.5 completed r1"],
    ),
    "a second create waits for the end of the first": (
        [(0, create()), (0, create())],
        [
            *("0 created r1", "1 in_progress", "2 completed r1"),
            *("2 created r2", "3 in_progress", "4 completed r2"),
        ],
    ),
    "lanes interleave by the moments of their events": (
        [(0, create("a")), (0.5, create("b"))],
        [
            *("0 a created r1", "0.5 b created r2", "1 a in_progress", "1.5 b in_progress"),
            *("2 a completed r1", "2.5 b completed r2"),
        ],
    ),
    "a warm-up has two events at once and can be continued": (
        [(0, create(generate=False)), (0, create(previous_response_id="w1"))],
        ["0 created w1", "0 completed w1", "0 created r1", "1 in_progress", "2 completed r1"],
    ),
    "what is not stored can be continued on its connection": (
        [(0, create()), (3, create(previous_response_id="r1"))],
        [
            "0 created r1",
            "1 in_progress",
            "2 completed r1",
            "3 created r2",
            "4 in_progress",
            "5 completed r2",
        ],
    ),
    "an older response of the lane cannot be continued": (
        [(0, create()), (0, create()), (5, create(previous_response_id="r1"))],
        [
            *("0 created r1", "1 in_progress", "2 completed r1"),
            *("2 created r2", "3 in_progress", "4 completed r2", "5 error previous_response_not_found"),
        ],
    ),
    "an unknown previous response is refused, on its lane, and the socket stays": (
        [(0, create("a", previous_response_id="resp_x")), (1, create("a"))],
        [
            "0 a error previous_response_not_found",
            *("1 a created r1", "2 a in_progress", "3 a completed r1"),
        ],
    ),
    "a failed continuation takes its source away": (
        [
            (0, create()),
            (3, create(previous_response_id="r1", background=True)),
            (4, create(previous_response_id="r1")),
        ],
        [
            *("0 created r1", "1 in_progress", "2 completed r1"),
            *("3 error unsupported_parameter", "4 error previous_response_not_found"),
        ],
    ),
    "a failed fork leaves its source to its lane": (
        [
            (0, create()),
            (3, create("b", previous_response_id="r1", background=True)),
            (4, create(previous_response_id="r1")),
        ],
        [
            *("0 created r1", "1 in_progress", "2 completed r1", "3 b error unsupported_parameter"),
            *("4 created r2", "5 in_progress", "6 completed r2"),
        ],
    ),
    "a lane waits until a fork of its newest response is in progress": (
        [
            (0, create()),
            (3, create("b", previous_response_id="r1")),
            (3, create(previous_response_id="r1")),
        ],
        [
            *("0 created r1", "1 in_progress", "2 completed r1"),
            *("3 b created r2", "4 b in_progress", "4 created r3", "5 in_progress"),
            *("5 b completed r2", "6 completed r3"),
        ],
    ),
    "a lane without previous_response_id begins afresh": (
        [(0, create("a")), (3, create("a"))],
        [
            *("0 a created r1", "1 a in_progress", "2 a completed r1"),
            *("3 a created r2", "4 a in_progress", "5 a completed r2"),
        ],
    ),
    "errors of a create come when it is its turn on the lane": (
        [(0, create()), (0, create(background=True)), (0, create("b", background=True))],
        [
            *("0 created r1", "0 b error unsupported_parameter"),
            *("1 in_progress", "2 completed r1", "2 error unsupported_parameter"),
        ],
    ),
    "generate must be a boolean": ([(0, create(generate="no"))], ["0 error invalid_type"]),
    "a name that is no lane's is refused without it": (
        [(0, create("")), (0, create("a b")), (0, create("a" * 257)), (0, create(None, stream_id=None))],
        ["0 error invalid_stream_id"] * 4,
    ),
    "what is no frame of a client is refused, and the socket stays": (
        [
            (0, raw("{")),
            (0, raw("[]")),
            (0, raw('{"type":"response.cancel","stream_id":"a"}')),
            (0, raw('{"type":7}')),
            (0, raw('{"type":"response.inject","response_id":"r","input":[]}')),
            (0, raw("[" * 100_000)),
        ],
        [
            *("0 error invalid_json", "0 error invalid_json", "0 a error unsupported_event_type"),
            *("0 error unsupported_event_type", "0 error unsupported_event_type", "0 error invalid_json"),
        ],
    ),
    "response.processed is swallowed": (
        [(0, raw('{"type":"response.processed","response_id":"r1"}'))],
        [],
    ),
    "a binary frame closes": ([(1, binary), (2, create())], ["1 close 1003"]),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation(name: str) -> None:
    steps, lines = CONVERSATIONS[name]
    play = Playbook()
    for at, step in steps:
        play.advance(at)
        step(play)
    play.advance(100.0)
    assert play.lines == lines


def test_the_33rd_name_of_a_lane_is_refused_and_old_ones_can_be_used_again() -> None:
    play = Playbook()
    for number in range(33):
        play.advance(10.0 * number)
        play.create(f"lane-{number}")
    play.create("lane-0")
    play.create()
    play.advance(1000.0)
    assert [line for line in play.lines if "error" in line] == [
        "320 lane-32 error websocket_stream_limit_reached"
    ]
    assert sum("created" in line for line in play.lines) == 34
    [error] = [data for data in play.sent if data["type"] == "error"]
    assert error == {
        "type": "error",
        "status": 400,
        "stream_id": "lane-32",
        "error": {
            "type": "invalid_request_error",
            "code": "websocket_stream_limit_reached",
            "message": "This WebSocket connection has reached its maximum number of distinct stream IDs "
            "(32). Reuse an existing stream_id or open a new WebSocket connection.",
            "param": "stream_id",
        },
    }


def test_the_17th_response_waits_without_an_error() -> None:
    play = Playbook()
    for number in range(17):
        play.create(f"lane-{number}")
    assert len(play.lines) == 16
    assert play.connection.queued == 1
    play.advance(10.0)
    assert "2 lane-0 completed r1" in play.lines
    assert "2 lane-16 created r17" in play.lines


@pytest.mark.parametrize("limit", [{"queued": 2}, {"queued_bytes": 100}])
def test_more_creates_than_may_wait_are_refused(limit: dict[str, int]) -> None:
    play = Playbook(**limit)
    for _ in range(5):
        play.create()
    assert play.lines == ["0 created r1", *["0 error websocket_queue_limit_reached"] * 2]
    assert play.connection.queued == 2


def test_a_connection_ends_after_60_minutes_with_an_error() -> None:
    play = Playbook(lambda start, now, name: turn(name, now, gap=1000.0, items=[]))
    play.advance(3000.0)
    play.create()
    play.advance(9999.0)
    assert play.lines == [
        "3000 created r1",
        "3600 error websocket_connection_limit_reached",
        "3600 close 1000",
    ]
    assert play.sent[-1]["error"]["message"] == (
        "Responses websocket connection limit reached (60 minutes). "
        "Create a new websocket connection to continue."
    )
    assert "param" not in play.sent[-1]["error"]
    assert [live.id for live in play.cancelled] == ["r1"]
    assert play.connection.deadline is None


def test_what_was_due_before_the_limit_is_sent_however_late_the_connection_is_woken() -> None:
    play = Playbook()
    play.create()
    play.take(play.connection.wake(5000.0))
    assert play.lines[-4:] == [
        *("0 in_progress", "0 completed r1"),
        *("0 error websocket_connection_limit_reached", "0 close 1000"),
    ]


@pytest.mark.parametrize("text", ["x" * 101, "é" * 60])
def test_a_frame_that_is_too_big_closes(text: str) -> None:
    play = Playbook(frame_bytes=100)
    play.send(text)
    assert play.lines == ["0 close 1009"]


def test_a_close_cancels_what_is_not_stored_and_forgets_the_rest() -> None:
    play = Playbook()
    play.create("a")
    play.create("b", store=True)
    play.create("a")
    play.take(play.connection.receive_close(0.0))
    assert [live.id for live in play.cancelled] == ["r1"]
    play.create()
    play.advance(100.0)
    assert len(play.lines) == 2
    assert play.connection.queued == len(play.connection.memory) == 0


@pytest.mark.parametrize("stored", [False, True])
def test_a_turn_that_starts_after_the_close_is_cancelled(stored: bool) -> None:
    play = Playbook()
    [start] = play.connection.receive_text('{"type":"response.create"}', 0.0)
    assert isinstance(start, StartTurn)
    play.connection.receive_close(0.0)
    play.take(play.connection.started(start, turn("r1", stored=stored), 1.0))
    assert len(play.cancelled) == (not stored)
    assert play.connection.refused(start, MISS, 1.0) == []


def test_a_turn_is_answered_once() -> None:
    play = Playbook()
    [start] = play.connection.receive_text('{"type":"response.create"}', 0.0)
    assert isinstance(start, StartTurn)
    play.connection.started(start, turn("r1"), 0.0)
    with pytest.raises(ValueError, match="was answered before"):
        play.connection.refused(start, MISS, 0.0)


def test_a_body_is_that_of_a_post_which_asks_for_a_stream() -> None:
    play = Playbook()
    play.create("a", model="m", input="Hi", stream=False, generate=True)
    [start] = play.started
    assert start.body == {"store": False, "model": "m", "input": "Hi", "stream": True}
    assert (start.stream_id, start.warm_up, start.lineage) == ("a", False, ())


def test_a_continuation_is_told_what_came_before_it_newest_first() -> None:
    play = Playbook()
    play.create(input="one")
    play.create(input="two", previous_response_id="r1")
    play.advance(5.0)
    play.create(input="three", previous_response_id="r2")
    assert [(entry.id, entry.body["input"]) for entry in play.started[-1].lineage] == [
        ("r2", "two"),
        ("r1", "one"),
    ]


def test_a_recording_without_an_end_closes_the_connection() -> None:
    play = Playbook(lambda start, now, name: turn(name, now, items=[], end=None))
    play.create()
    play.advance(5.0)
    assert play.lines == ["0 created r1", "1 in_progress", "1 close 1011"]


def test_a_recording_without_events_closes_the_connection() -> None:
    play = Playbook(lambda start, now, name: FixedTurn.of("", [], [], stored=False))
    play.create()
    assert play.lines == ["0 close 1011"]


@pytest.mark.parametrize("end", ["failed", "incomplete", "completed"])
def test_only_a_response_that_did_not_fail_can_be_continued(end: str) -> None:
    def answer(start: StartTurn, now: float, id: str) -> Answer:
        found = simple(start, now, id)
        return found if isinstance(found, RequestError) else turn(id, now, items=[], end=end)

    play = Playbook(answer)
    play.create()
    play.advance(5.0)
    play.create(previous_response_id="r1")
    play.advance(10.0)
    assert ("5 error previous_response_not_found" in play.lines) == (end == "failed")


def test_a_warm_up_of_a_named_lane_has_the_lane_and_takes_part_in_its_order() -> None:
    play = Playbook()
    play.create("a")
    play.create("a", generate=False, model="m", tools=[{"type": "function", "name": "f"}])
    play.advance(5.0)
    assert play.lines[-3:] == ["2 a completed r1", "2 a created w1", "2 a completed w1"]
    response = play.sent[-1]["response"]
    assert (response["status"], response["output"], response["model"]) == ("completed", [], "m")
    assert play.started[-1].warm_up


# Steering


def long(start: StartTurn, now: float, id: str) -> Answer:
    return turn(id, now, items=[] if start.successor else LONG)


def calling(start: StartTurn, now: float, id: str) -> Answer:
    return turn(id, now, items=[message(id, 0), call(id, 1)] if id == "r1" else [])


def test_a_steer_ends_the_response_after_the_running_item_and_a_successor_follows() -> None:
    play = Playbook(long)
    play.create("a", model="m", instructions="Be brief.")
    play.advance(2.5)
    play.steer("r1", "Stop")
    play.advance(20.0)
    assert play.lines[3:] == [
        *("2.5 a steer.accepted", "3 a output_text.delta", "4 a output_item.done"),
        *("4 a incomplete r1", "4 a created r2", "5 a in_progress", "6 a completed r2"),
    ]
    accepted, _, _, incomplete = play.sent[3:7]
    assert [data["sequence_number"] for data in play.sent[:7]] == list(range(7))
    assert accepted["steer"]["previous_response_id"] == "r1"
    assert len(accepted["steer"]["id"]) == len("steer_") + 32
    assert incomplete["response"]["incomplete_details"] == {"reason": "steered"}
    assert [item["id"] for item in incomplete["response"]["output"]] == ["msg_a_0"]
    successor = play.started[1]
    assert successor.successor
    assert successor.steers == (accepted["steer"]["id"],)
    assert [entry.id for entry in successor.lineage] == ["r1"]
    assert successor.body["previous_response_id"] == "r1"
    assert successor.body["instructions"] == "Be brief."
    assert successor.body["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Stop"}]}
    ]
    [cut] = play.cuts
    assert cut.turn.id == "r1"
    assert "stream_id" not in json.loads(cut.text)


def test_a_steer_in_the_last_item_lets_the_response_complete() -> None:
    play = Playbook(long)
    play.create()
    play.advance(8.5)
    play.steer("r1")
    play.advance(20.0)
    assert play.lines[-6:] == [
        *("9 output_text.delta", "10 output_item.done", "11 completed r1"),
        *("11 created r2", "12 in_progress", "13 completed r2"),
    ]
    assert play.cuts == []


def test_an_immediate_steer_ends_open_items_as_incomplete() -> None:
    play = Playbook(long, steer_at=SteerAt.IMMEDIATE)
    play.create()
    play.advance(3.0)
    play.steer("r1")
    assert play.lines[-3:] == ["3 steer.accepted", "3 incomplete r1", "3 created r2"]
    [item] = play.sent[-2]["response"]["output"]
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "Hi")


def test_a_steer_that_never_cuts_lets_the_recording_play_to_its_end() -> None:
    play = Playbook(long, steer_at=SteerAt.NEVER)
    play.create()
    play.advance(3.0)
    play.steer("r1")
    play.advance(30.0)
    assert play.lines[-4:] == ["11 completed r1", "11 created r2", "12 in_progress", "13 completed r2"]


def test_what_waits_on_the_lane_comes_after_the_successor() -> None:
    play = Playbook(long)
    play.create()
    play.create(input="next")
    play.advance(3.0)
    play.steer("r1")
    play.advance(7.0)
    assert play.lines[-5:] == [
        *("4 created r2", "5 in_progress", "6 completed r2", "6 created r3", "7 in_progress"),
    ]
    assert [start.successor for start in play.started] == [False, True, False]


def test_several_steers_go_into_one_successor_in_their_order() -> None:
    play = Playbook(long)
    play.create()
    play.advance(3.0)
    for text in ("one", "two"):
        play.steer("r1", [{"role": "user", "content": text}])
    play.advance(4.0)
    assert [item["content"] for item in play.started[1].body["input"]] == ["one", "two"]
    assert len(play.started[1].steers) == 2


def test_a_successor_without_a_recording_fails_with_the_id_of_the_steer() -> None:
    play = Playbook(lambda start, now, name: MISS if start.successor else long(start, now, name))
    play.create("a")
    play.create("a")
    play.advance(3.0)
    play.steer("r1")
    play.advance(4.0)
    assert play.lines[-3:] == [
        *("4 a incomplete r1", "4 a steer.failed successor_creation_failed", "4 a created r2"),
    ]
    failed = play.sent[-2]
    assert failed["steer"]["id"] == play.sent[4]["steer"]["id"]
    assert failed["sequence_number"] == play.sent[-3]["sequence_number"] + 1


def test_steers_wait_for_the_tool_output_that_the_client_owes() -> None:
    play = Playbook(calling)
    play.create()
    play.advance(5.5)
    play.steer("r1")
    play.advance(10.0)
    assert play.lines[-2:] == ["7 completed r1", "7 steer.pending"]
    assert play.sent[-1]["required_input"] == [
        {"type": "function_call_output", "call_id": "call_r1", "name": "f"}
    ]
    assert play.sent[-1]["sequence_number"] == 9
    play.create(generate=False)  # consumes nothing
    output = {"type": "function_call_output", "call_id": "call_r1", "output": "7"}
    play.create(previous_response_id="r1", input=[output], model="other", store=True)
    start = play.started[-1]
    assert [item["type"] for item in start.body["input"]] == ["message", "function_call_output"]
    assert start.body["model"] == "other"
    assert not start.successor
    [accepted] = [data for data in play.sent if data["type"] == "response.steer.accepted"]
    assert start.steers == (accepted["steer"]["id"],)


def test_no_pending_is_sent_where_the_output_has_come_already() -> None:
    play = Playbook(calling)
    play.create()
    play.advance(5.5)
    play.steer("r1")
    play.create(previous_response_id="r1", input="early")
    play.advance(7.0)
    assert play.lines[-2:] == ["7 completed r1", "7 created r2"]
    assert len(play.started[-1].steers) == 1


def test_steers_fail_when_something_else_is_created_instead() -> None:
    play = Playbook(calling)
    play.create()
    play.advance(5.5)
    play.steer("r1")
    play.advance(8.0)
    play.create(input="else")
    assert play.lines[-2:] == ["8 steer.failed response_not_active", "8 created r2"]


def test_steers_of_a_response_that_fails_fail() -> None:
    play = Playbook(lambda start, now, name: turn(name, now, end="failed"))
    play.create()
    play.advance(3.0)
    play.steer("r1")
    play.advance(8.0)
    assert play.lines[-2:] == ["5 failed r1", "5 steer.failed response_not_active"]


INVALID_STEERS: list[tuple[str, dict[str, Any]]] = [
    ("invalid_input", {"input": []}),
    ("invalid_input", {"input": ""}),
    ("invalid_input", {"input": 7}),
    ("invalid_input", {"input": [{"role": "assistant", "content": "x"}]}),
    ("invalid_input", {"input": [{"role": "user", "content": [{"type": "output_text"}]}]}),
    ("invalid_input", {"input": [{"role": "user", "content": []}]}),
    ("invalid_input", {"input": [{"type": "function_call_output", "role": "user", "content": "x"}]}),
    ("invalid_input", {"stream_id": "a"}),
    ("invalid_input", {"model": "m"}),
    ("invalid_input", {"id": ""}),
    ("response_not_found", {"id": "resp_x"}),
    ("response_already_completed", {"id": "r1"}),
]


@pytest.mark.parametrize(("code", "members"), INVALID_STEERS)
def test_a_steer_that_is_refused_has_no_id(code: str, members: dict[str, Any]) -> None:
    play = Playbook(long)
    play.create()
    play.advance(20.0)
    play.create("b")
    members = {"id": "r2", **members}
    play.steer(members.pop("id"), members.pop("input", "Stop"), **members)
    failed = play.sent[-1]
    assert failed["type"] == "response.steer.failed"
    assert failed["error"]["code"] == code
    assert failed["error"]["type"] == "invalid_request_error"
    assert "id" not in failed["steer"]
    play.advance(22.0)
    known = "stream_id" in failed  # the target runs: the failure is one of its numbers
    assert play.sent[-1]["sequence_number"] == 2 + known


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"conversation": "conv_1"}, {}),
        ({"context_management": [{"type": "compaction"}]}, {}),
        ({}, {"steer_at": SteerAt.REFUSED}),
    ],
)
def test_some_responses_cannot_be_steered(body: dict[str, Any], settings: dict[str, Any]) -> None:
    play = Playbook(long, **settings)
    play.create(**body)
    play.steer("r1")
    assert play.lines[-1] == "0 steer.failed steering_not_supported"


def test_the_33rd_steer_is_one_too_many() -> None:
    play = Playbook(long)
    play.create()
    for _ in range(33):
        play.steer("r1")
    assert play.lines[1:] == [*["0 steer.accepted"] * 32, "0 steer.failed too_many_pending_steers"]


def test_a_recording_may_say_what_becomes_of_steers() -> None:
    play = Playbook()
    [start] = play.connection.receive_text('{"type":"response.create"}', 0.0)
    assert isinstance(start, StartTurn)
    play.take(play.connection.started(start, turn("r1"), 0.0, rule=SteerRule(SteerAt.REFUSED)))
    play.steer("r1")
    assert play.lines[-1] == "0 steer.failed steering_not_supported"


@pytest.mark.parametrize("code", [code for code in STEER_CODES if code != SUCCESSOR_FAILED])
def test_a_recording_may_have_steers_refused_with_any_code(code: str) -> None:
    play = Playbook(long, rule=SteerRule(code=code, message="Not now."))
    play.create()
    play.steer("r1")
    assert play.lines[-1] == f"0 steer.failed {code}"
    assert play.sent[-1]["error"]["message"] == "Not now."
    assert "id" not in play.sent[-1]["steer"]


def test_a_recording_may_have_an_accepted_steer_fail_without_a_successor() -> None:
    play = Playbook(long, rule=SteerRule(SteerAt.IMMEDIATE, code=SUCCESSOR_FAILED))
    play.create()
    play.advance(3.0)
    play.steer("r1")
    assert play.lines[-3:] == [
        "3 steer.accepted",
        "3 incomplete r1",
        "3 steer.failed successor_creation_failed",
    ]
    accepted, failed = play.sent[-3]["steer"]["id"], play.sent[-1]["steer"]["id"]
    assert accepted == failed
    assert len(play.started) == 1


def test_what_starts_a_successor_has_the_rule_of_what_was_steered() -> None:
    rule = SteerRule(SteerAt.IMMEDIATE, successor="text/other")
    play = Playbook(long, rule=rule)
    play.create()
    play.advance(3.0)
    play.steer("r1")
    assert [start.rule for start in play.started] == [None, rule]


# The multi-agent beta


def test_an_inject_is_answered_in_the_count_of_its_response() -> None:
    play = Playbook(multi_agent=True)
    play.create("a")
    play.send({"type": "response.inject", "response_id": "r1", "input": [{"role": "user", "content": "x"}]})
    play.advance(10.0)
    play.send({"type": "response.inject", "response_id": "r1", "input": [{"role": "user", "content": "x"}]})
    play.send({"type": "response.inject", "response_id": "r9", "input": [{"role": "user", "content": "x"}]})
    assert play.lines[1:] == [
        *("0 a inject.created", "1 a in_progress", "2 a completed r1"),
        *("10 inject.failed response_already_completed", "10 inject.failed response_not_found"),
    ]
    assert [data["sequence_number"] for data in play.sent[:4]] == [0, 1, 2, 3]


@pytest.mark.parametrize("members", [{}, {"response_id": "r"}, {"response_id": "r", "input": [7]}])
def test_an_invalid_inject_closes_after_an_error(members: dict[str, Any]) -> None:
    play = Playbook(multi_agent=True)
    play.send({"type": "response.inject", **members})
    assert play.lines == ["0 error invalid_value", "0 close 1008"]


# With the server

HELLO = Path(__file__).parents[2] / "fixtures" / "text" / "hello.jsonl"


def test_a_playback_is_a_turn_and_a_cancel_from_outside_ends_it() -> None:
    server = MockServer(Store(HELLO), clock=ManualClock())

    def answer(start: StartTurn, now: float, id: str) -> Any:
        return PlaybackTurn(server.start(Request(start.body), now))

    play = Playbook(answer)
    play.create("a", input="Hi", model="m", store=True)
    while len(play.sent) < 4:
        assert play.connection.deadline is not None
        play.advance(play.connection.deadline)
    [playback] = server.history
    sent = len(play.sent)
    playback.cancel(play.now)
    play.take(play.connection.wake(play.now))
    assert len(play.sent) == sent + 1
    assert play.sent[-1]["type"] == "response.failed"
    assert play.sent[-1]["response"]["status"] == "cancelled"
    play.advance(3000.0)
    assert [{**event.data, "stream_id": "a"} for event in playback.events] == play.sent


def long_turn(start: StartTurn, now: float, id: str) -> Answer:
    return turn(id, now, items=LONG)


def conversation(seed: int, *, quick: bool) -> Playbook:
    """Play creates, steers and late wakes at random moments."""
    rng, play = Random(seed), Playbook(long_turn, SteerRule() if seed % 2 else None)
    play.quick = quick
    for _ in range(rng.randint(1, 6)):
        if rng.random() < 0.7:
            play.create(rng.choice([None, None, None, "a"]))
        else:
            play.steer(f"r{rng.randint(1, 3)}")
        play.advance(play.now + rng.choice([0.0, 1.0, 1.5, 7.0]))
    play.now += rng.choice([0.0, 2.5])  # the driver was late
    play.advance(play.now + 100.0)
    return play


@pytest.mark.parametrize("seed", range(60))
def test_plain_frames_leave_as_by_a_wake(seed: int) -> None:
    quick, plain = conversation(seed, quick=True), conversation(seed, quick=False)
    assert quick.lines == plain.lines
    assert quick.sent == plain.sent
    assert not plain.quickly


def test_most_frames_of_one_response_are_plain() -> None:
    play = Playbook(long_turn)
    play.create()
    play.advance(100.0)
    # All but created and in_progress, which others may wait for, and the terminal.
    assert play.quickly == len(play.lines) - 3
