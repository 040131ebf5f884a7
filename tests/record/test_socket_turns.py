"""Frames of a socket in, what is told of its turns out."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from respool.record.socket_turns import RecordedSocketTurns
from respool.record.turn import RawJSON


class Told:
    """A tape that keeps what it is told."""

    def __init__(self, body: bytes, at: float) -> None:
        self.body = json.loads(body)
        self.calls: list[tuple[Any, ...]] = [("begin", at)]
        self.notes: dict[str, Any] = {}

    def head(self, status: int, headers: Any, at: float) -> None:
        self.calls.append(("head", status, at))

    def chunk(self, data: bytes, at: float) -> None:
        self.calls.append((data.decode(), at))

    def note(self, fields: Mapping[str, Any]) -> None:
        self.notes |= fields

    def end(self, how: str, at: float) -> None:
        self.calls.append(("end", how, at))


class Connection:
    """One connection, and the tapes of its turns."""

    def __init__(self) -> None:
        self.tapes: list[Told] = []
        self.turns = RecordedSocketTurns(self._begin)
        self.now = 0.0

    def _begin(self, body: bytes, at: float) -> Told:
        self.tapes.append(Told(body, at))
        return self.tapes[-1]

    def run(self, *frames: tuple[str, dict[str, Any] | str]) -> list[Told]:
        """Send and receive frames, one each second."""
        for who, frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            (self.turns.sent if who == ">" else self.turns.received)(text, self.now)
            self.now += 1.0
        return self.tapes


CREATE = {"type": "response.create", "model": "m", "input": "Hi"}
CREATED = '{"type": "response.created",  "response":{"id":"r"}}'
DONE = '{"type":"response.completed","response":{"id":"r"}}'


def sse(text: str) -> str:
    return f"event: {json.loads(text)['type']}\ndata: {text}\n\n"


def test_the_events_of_a_create_are_a_turn_with_their_text_and_moments() -> None:
    (tape,) = Connection().run((">", CREATE), ("<", CREATED), ("<", DONE))
    assert tape.body == {"model": "m", "input": "Hi", "stream": True}
    assert tape.calls == [
        ("begin", 0.0), ("head", 200, 1.0), (sse(CREATED), 1.0), (sse(DONE), 2.0), ("end", "complete", 2.0)
    ]  # fmt: skip
    assert tape.notes == {"transport": "websocket"}


def test_a_second_create_on_a_lane_waits_for_the_first_to_end() -> None:
    first, second = Connection().run(
        (">", CREATE),
        (">", {**CREATE, "input": "More"}),
        ("<", CREATED),
        ("<", DONE),
        ("<", CREATED),
        ("<", DONE),
    )
    assert [entry[-1] for entry in first.calls] == [0.0, 2.0, 2.0, 3.0, 3.0]
    assert [entry[-1] for entry in second.calls] == [1.0, 4.0, 4.0, 5.0, 5.0]


def test_lanes_are_told_apart_and_their_name_is_not_in_the_text() -> None:
    def on(lane: str, text: str) -> str:
        return f'{text[:-1]},"stream_id":"{lane}"}}'

    one, two = Connection().run(
        (">", {**CREATE, "stream_id": "a"}),
        (">", {**CREATE, "stream_id": "b"}),
        ("<", on("b", CREATED)),
        ("<", on("a", CREATED)),
        ("<", on("a", DONE)),
        ("<", on("b", DONE)),
    )
    assert [entry[0] for entry in one.calls] == ["begin", "head", sse(CREATED), sse(DONE), "end"]
    assert [entry[0] for entry in two.calls] == ["begin", "head", sse(CREATED), sse(DONE), "end"]


def test_a_refused_create_is_an_answer_without_events() -> None:
    error = '{"type":"error","status":400,"error":{"code":"x",  "message":"No."}}'
    (tape,) = Connection().run((">", CREATE), ("<", error))
    assert tape.calls[1:] == [
        ("head", 400, 1.0), ('{"error":{"code":"x",  "message":"No."}}', 1.0), ("end", "complete", 1.0)
    ]  # fmt: skip


@pytest.mark.parametrize("last", ["response.failed", None])
def test_an_error_in_the_stream_may_be_followed_by_the_failed_response(last: str | None) -> None:
    connection = Connection()
    error = '{"type":"error","code":"x","message":"No.","sequence_number":1}'
    connection.run((">", CREATE), ("<", CREATED), ("<", error))
    if last:
        connection.run(("<", {"type": last, "response": {"id": "r"}}))
    connection.turns.closed(1000, "", "server", 9.0)
    (tape,) = connection.tapes
    assert tape.calls[3][0] == sse(error)
    assert tape.calls[-1][:2] == ("end", "complete")


def test_a_warm_up_is_no_turn() -> None:
    (tape,) = Connection().run(
        (">", {**CREATE, "generate": False}),
        ("<", CREATED),
        ("<", DONE),
        (">", CREATE),
        ("<", CREATED),
        ("<", DONE),
    )
    assert tape.calls[0] == ("begin", 3.0)


def test_frames_beside_the_events_are_kept_apart() -> None:
    steer = {"type": "response.steer", "previous_response_id": "r", "input": "Wait"}
    accepted = {"type": "response.steer.accepted", "steer": {"id": "s"}}
    (tape,) = Connection().run((">", CREATE), ("<", CREATED), (">", steer), ("<", accepted), ("<", DONE))
    beside = tape.notes["frames_beside"]
    assert isinstance(beside, RawJSON)
    assert json.loads(beside.text) == [[2.0, "client", steer], [3.0, "server", accepted]]
    assert [entry[0] for entry in tape.calls] == ["begin", "head", sse(CREATED), sse(DONE), "end"]


@pytest.mark.parametrize(("by", "how"), [("server", "cut"), ("client", "client left")])
def test_a_close_ends_all_turns_that_are_under_way(by: str, how: str) -> None:
    connection = Connection()
    connection.run((">", CREATE), ("<", CREATED), (">", CREATE))
    connection.turns.closed(1011, "oops", by, 5.0)
    assert [tape.calls[-1] for tape in connection.tapes] == [("end", how, 5.0)] * 2
    assert connection.tapes[0].notes["close"] == {"code": 1011, "reason": "oops", "by": by}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"type":"response.created"}', '{"type":"ping"}', "7"])
def test_a_frame_of_no_turn_is_nobodys(text: str) -> None:
    connection = Connection()
    connection.run(("<", text), (">", text))
    assert connection.tapes == []


def test_a_frame_that_is_no_json_is_part_of_the_turn_as_it_is() -> None:
    (tape,) = Connection().run((">", CREATE), ("<", '{"type":"resp'))
    assert tape.calls[-1] == ('data: {"type":"resp\n\n', 1.0)


def of(id: str, **fields: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A response's first event, one of an item, and its last."""
    item = {"type": "response.output_item.added", "item": {"id": f"msg_{id}"}}
    return tuple(  # type: ignore[return-value]
        {**event, **fields}
        for event in (
            {"type": "response.created", "response": {"id": id}},
            item,
            {"type": "response.completed", "response": {"id": id}},
        )
    )


def test_responses_of_several_agents_are_one_turn_up_to_the_last_terminal() -> None:
    root, sub = of("r"), of("s", agent={"agent_name": "helper"})
    inject = {"type": "response.inject", "response_id": "r", "input": []}
    frames = [root[0], sub[0], root[1], sub[1], sub[2], sub[2], root[2]]
    connection = Connection()
    tapes = connection.run(
        (">", CREATE), ("<", frames[0]), (">", inject), *(("<", frame) for frame in frames[1:])
    )
    tapes = connection.run((">", {**CREATE, "input": "More"}), ("<", CREATED), ("<", DONE))
    assert [entry[0] for entry in tapes[0].calls] == [
        "begin", "head", *(sse(json.dumps(frame)) for frame in frames), "end"
    ]  # fmt: skip
    assert json.loads(tapes[0].notes["frames_beside"].text) == [[2.0, "client", inject]]
    assert [entry[0] for entry in tapes[1].calls] == ["begin", "head", sse(CREATED), sse(DONE), "end"]


@pytest.mark.parametrize("early", [False, True], ids=["", "before a create that waits"])
def test_what_follows_a_steer_is_a_turn_with_the_steer_as_its_input(early: bool) -> None:
    steer = {"type": "response.steer", "previous_response_id": "r", "input": "In French"}
    first, second, third = (of(name, stream_id="a") for name in ("r", "s", "t"))
    second[0]["response"]["previous_response_id"] = "r"
    create = {**CREATE, "stream_id": "a"}
    tapes = Connection().run(
        (">", create),
        (">", {**CREATE, "stream_id": "b"}),
        ("<", first[0]),
        (">", steer),
        *([(">", create)] if early else []),
        ("<", {**first[2], "type": "response.incomplete"}),
        *(("<", frame) for frame in second),
        *([] if early else [(">", create)]),
        *(("<", frame) for frame in third),
    )
    steered, created = (tapes[3], tapes[2]) if early else (tapes[2], tapes[3])
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "In French"}]}
    assert steered.body == {"model": "m", "input": [item], "stream": True, "previous_response_id": "r"}
    assert [tape.calls[2][0].count('"s"') for tape in (steered, created)] == [1, 0]
    assert [len(tape.calls) for tape in (steered, created)] == [6, 6]
    assert json.loads(tapes[0].notes["frames_beside"].text) == [[3.0, "client", steer]]
