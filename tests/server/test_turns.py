"""Which turn of a recording answers, by what a session knows: over a MockServer, without HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.errors import NoMatchingRecording, RequestError
from respool.play.clock import ManualClock
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

FIXTURES = Path(__file__).parents[2] / "fixtures"
LOOP = """\
turns:
  - output:
      - function_call: {name: tide_table, arguments: {port: Kiel}, call_id: call_tide}
  - output:
      - function_call: {name: tide_table, arguments: {port: Cuxhaven}, call_id: call_tide2}
  - text: High tide is at noon.
"""
RETRY = """\
turns:
  - {status: 429, body: {error: {message: slow down}}}
  - {status: 503, body: {error: {message: busy}}}
  - text: Here you are.
"""
ASK = {"role": "user", "content": "When is high tide?"}

Serve = Callable[..., MockServer]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """A server of Scripts, by their names."""

    def make(scripts: dict[str, str] | None = None, **options: Any) -> MockServer:
        for name, text in (scripts or {"loop": LOOP, "other": "text: Hi"}).items():
            (tmp_path / f"{name}.script.yaml").write_text(text)
        return MockServer(Store([tmp_path]), clock=ManualClock(1000.0), **options)

    return make


def play(server: MockServer, *items: Any, now: float | None = None, **more: Any) -> tuple[str, Any, str]:
    """The name of the turn that answers, its Response object, and why."""
    named = {name: more.pop(name) for name in ("path_name", "header_name", "session") if name in more}
    request = Request({"model": "loop", "input": list(items), **more}, **named)
    playback, decision, *_ = server.begin(request, now)
    response = {} if playback.recording.plain else json.loads(playback.final_response())
    assert isinstance(server.clock, ManualClock)
    if not playback.recording.plain:
        server.clock.advance(100.0)
    return playback.recording.name, response, decision.line


def output(response: Any, text: str = "noon") -> list[Any]:
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    return [{"type": "function_call_output", "call_id": call["call_id"], "output": text} for call in calls]


@pytest.mark.parametrize("ids", ["recorded", "fresh"])
@pytest.mark.parametrize(
    "how", [{}, {"path_name": "loop"}, {"header_name": "loop"}, {"model": "gpt-5.2", "path_name": "loop"}]
)
def test_a_loop_advances_with_its_grown_input(serve: Serve, ids: str, how: dict[str, Any]) -> None:
    server = serve(ids=ids)
    items: list[Any] = [ASK]
    names = []
    for _ in range(3):
        name, response, _ = play(server, *items, **how)
        names.append(name)
        items += [*response["output"], *output(response)]
    assert names == ["loop", "loop#2", "loop#3"]


@pytest.mark.parametrize("ids", ["recorded", "fresh"])
def test_a_loop_advances_by_the_previous_response(serve: Serve, ids: str) -> None:
    server = serve(ids=ids)
    name, first, _ = play(server, ASK)
    name2, second, why = play(server, *output(first), previous_response_id=first["id"])
    name3, _, _ = play(server, *output(second), previous_response_id=second["id"])
    assert (name, name2, name3) == ("loop", "loop#2", "loop#3")
    assert why == "model: turn 2, since continues turn 1"


def test_a_loop_advances_within_a_conversation(serve: Serve) -> None:
    server = serve()
    conversation = server.conversations.create(0)["id"]
    _, first, _ = play(server, ASK, conversation=conversation)
    name, _, _ = play(server, *output(first), conversation={"id": conversation})
    assert name == "loop#2"


def test_what_came_to_nothing_does_not_advance_a_conversation(serve: Serve) -> None:
    server = serve()
    conversation = server.conversations.create(0)["id"]
    playback = server.start(Request({"model": "loop", "input": [ASK], "conversation": conversation}))
    server.client_left(playback)
    assert play(server, ASK, conversation=conversation)[0] == "loop"


def test_the_same_request_gets_the_same_turn(serve: Serve) -> None:
    server = serve()
    _, first, _ = play(server, ASK)
    again = [play(server, ASK, *first["output"], *output(first))[0] for _ in range(3)]
    assert again == ["loop#2"] * 3
    assert play(server, ASK)[0] == "loop"


@pytest.mark.parametrize("how", [{"model": "loop#2"}, {"path_name": "loop#2"}, {"header_name": "loop#2"}])
def test_a_number_pins_a_turn(serve: Serve, how: dict[str, Any]) -> None:
    assert play(serve(), ASK, **how)[0] == "loop#2"


@pytest.mark.parametrize(("default", "names"), [("loop", ["loop", "loop#2"]), ("loop#3", ["loop#3"] * 2)])
def test_the_default_advances_unless_it_is_pinned(serve: Serve, default: str, names: list[str]) -> None:
    server = serve(default=default)
    name, first, why = play(server, ASK, model="gpt-5.2")
    history = [*first["output"], *output(first)]
    name2, _, _ = play(server, ASK, *history, model="gpt-5.2")
    assert [name, name2] == names
    assert why.startswith("default: turn ")


def test_the_only_recording_advances(serve: Serve) -> None:
    server = serve({"loop": LOOP})
    _, first, why = play(server, ASK, model="gpt-5.2")
    assert why.startswith("only: turn 1, since ")
    assert play(server, ASK, *first["output"], *output(first), model="gpt-5.2")[0] == "loop#2"


@pytest.mark.parametrize(("on_exhausted", "name"), [("last", "loop#3"), ("loop", "loop")])
def test_what_follows_the_last_turn_is_an_option(serve: Serve, on_exhausted: str, name: str) -> None:
    server = serve(on_exhausted=on_exhausted)
    items: list[Any] = [ASK]
    for _ in range(3):
        _, response, _ = play(server, *items)
        items += [*response["output"], *output(response), ASK]
    assert play(server, *items)[0] == name


def test_as_it_is_nothing_follows_the_last_turn(serve: Serve) -> None:
    server = serve()
    items: list[Any] = [ASK]
    for _ in range(3):
        _, response, _ = play(server, *items)
        items += [*response["output"], *output(response), ASK]
    with pytest.raises(NoMatchingRecording, match="asks for turn 4"):
        play(server, *items)


def test_an_error_is_used_up_by_the_request_that_got_it_once_in_each_session(serve: Serve) -> None:
    server = serve({"retry": RETRY, "other": "text: Hi"})
    for session in ("one", "two", ""):
        names = [play(server, ASK, model="retry", session=session)[0] for _ in range(4)]
        assert names == ["retry", "retry#2", "retry#3", "retry#3"]
    assert play(server, {"role": "user", "content": "Another one"}, model="retry")[0] == "retry"
    server.session("one").reset()
    assert play(server, ASK, model="retry", session="one")[0] == "retry"


def test_sessions_do_not_share_turns(serve: Serve) -> None:
    server = serve(ids="fresh")
    _, first, _ = play(server, ASK, session="one")
    with pytest.raises(RequestError, match="not found"):
        play(server, *output(first), previous_response_id=first["id"], session="two")


BROKEN = {
    "an output without its call": (
        [{"type": "function_call_output", "call_id": "call_x", "output": ""}],
        400,
        "No tool call found for function call output with call_id call_x.",
    ),
    "a call without its output": (
        [ASK, {"type": "function_call", "call_id": "call_x", "name": "f", "arguments": "{}"}, ASK],
        400,
        "No tool output found for function call call_x.",
    ),
    "an item twice": (
        [{"type": "message", "id": "msg_1", "role": "assistant", "content": "a"}] * 2,
        400,
        "Duplicate item found with id msg_1.",
    ),
    "a reference to nothing": (
        [ASK, {"type": "item_reference", "id": "msg_x"}],
        404,
        "Item with id 'msg_x' not found.",
    ),
    "reasoning that was not stored": (
        [{"type": "reasoning", "id": "rs_1", "summary": []}, ASK],
        404,
        "Item with id 'rs_1' not found.",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_history_is_refused(serve: Serve, case: str) -> None:
    items, status, message = BROKEN[case]
    with pytest.raises(RequestError) as raised:
        play(serve(), *items, model="other", store=False)
    assert raised.value.status == status
    assert str(raised.value).startswith(message)
    assert play(serve(validate="off"), *items, model="other", store=False)[0] == "other"


def test_the_call_may_be_in_what_is_continued(serve: Serve) -> None:
    server = serve()
    _, first, _ = play(server, ASK)
    with pytest.raises(RequestError, match="No tool call found"):
        play(
            server,
            {"type": "function_call_output", "call_id": "call_x", "output": ""},
            previous_response_id=first["id"],
        )
    with pytest.raises(RequestError, match="No tool output found for function call call_tide"):
        play(server, {"type": "message", "id": "msg_9", **ASK}, previous_response_id=first["id"])
    assert play(server, *output(first), previous_response_id=first["id"])[0] == "loop#2"


def test_references_are_found_in_stored_responses_conversations_and_earlier_turns(serve: Serve) -> None:
    server = serve(ids="fresh")
    _, first, _ = play(server, ASK)
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    assert play(server, ASK, reference, *output(first))[0] == "loop#2"
    conversation = server.conversations.create(0, [{"id": "msg_c", **ASK}])["id"]
    assert conversation
    assert play(server, {"type": "item_reference", "id": "msg_c"}, model="other")[0] == "other"
    recorded = serve()
    call = json.loads(recorded.start(Request({"model": "loop"}, session="elsewhere")).final_response())
    reference = {"type": "item_reference", "id": call["output"][0]["id"]}
    assert play(recorded, ASK, reference, *output(call))[0] == "loop#2"


def test_an_id_that_was_given_out_twice_may_come_twice(serve: Serve) -> None:
    server = serve()
    _, hi, _ = play(server, ASK, model="other")
    with pytest.raises(RequestError, match="Duplicate item"):
        play(server, *hi["output"], ASK, *hi["output"], ASK, model="other")
    play(server, ASK, model="other")
    assert play(server, *hi["output"], ASK, *hi["output"], ASK, model="other")[0] == "other"


def test_all_fixtures_answer_their_own_requests_in_order() -> None:
    server = MockServer(Store([FIXTURES]), clock=ManualClock(1000.0))
    count = 0
    for name in server.store.names:
        for number, turn in enumerate(server.store.turns(name), 1):
            if turn.header.request.get("input") and not turn.scripted:
                played = server.start(
                    Request(turn.header.request, header_name=name, session=name.replace("/", "-"))
                )
                assert played.recording is server.store.turns(name)[number - 1]
                count += 1
    assert count > 5
