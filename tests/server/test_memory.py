from collections.abc import Callable
from typing import Any

import pytest

from respool.errors import OptionError, RequestError
from respool.faults import parse
from respool.recordings.recording import Recording
from respool.server.conversations import Conversations
from respool.server.memory import NEED_MEMORY
from respool.server.mock_server import MockServer
from respool.server.request import Request

Serve = Callable[..., MockServer]
Make = Callable[..., Recording]


def refused(ask: Callable[[], object]) -> RequestError:
    with pytest.raises(RequestError) as raised:
        ask()
    assert (raised.value.status, raised.value.type) == (400, "invalid_request_error")
    assert raised.value.code == "needs_state"
    assert "this server is stateless" in raised.value.message
    assert "--state redis://" in raised.value.message
    return raised.value


def test_a_server_remembers_and_refuses_nothing(server: Serve) -> None:
    one = server(faults=parse("abort(times=1)"), validate="off")
    playback = one.start(Request({"background": True}))
    assert one.retrieve(playback.id) is playback
    assert one.memory.warning == ""


@pytest.mark.parametrize("param", NEED_MEMORY)
def test_a_parameter_that_needs_memory_is_refused_by_one_that_has_none(param: str, server: Serve) -> None:
    value = True if param == "background" else "x_1"
    error = refused(lambda: server(stateless=True, validate="off").start(Request({param: value})))
    assert error.param == param
    assert error.message.startswith(f"The parameter '{param}' cannot be used: ")


@pytest.mark.parametrize("param", NEED_MEMORY)
def test_a_parameter_that_asks_for_nothing_does_not(param: str, server: Serve) -> None:
    value = False if param == "background" else None
    assert server(stateless=True, validate="off").start(Request({param: value})).recording.name == "a"


@pytest.mark.parametrize(
    "ask",
    [
        lambda server: server.retrieve("resp_1"),
        lambda server: server.stream("resp_1"),
        lambda server: server.cancel("resp_1"),
        lambda server: server.delete("resp_1"),
        lambda server: server.input_items("resp_1"),
    ],
)
def test_what_asks_for_a_response_is_refused_even_by_the_process_that_made_it(
    ask: Callable[[MockServer], object], server: Serve
) -> None:
    one = server(stateless=True, validate="off")
    assert one.start(Request({})).id == "resp_1"
    assert refused(lambda: ask(one)).message.startswith("Response 'resp_1' cannot be looked up: ")
    assert len(one.history) == 0


@pytest.mark.parametrize("param", ["conversation", "previous_response_id"])
def test_the_context_of_what_went_before_is_refused(param: str, server: Serve) -> None:
    assert refused(lambda: server(stateless=True).context({param: "x_1"})).param == param
    assert server(stateless=True).context({}) == []


CONVERSING: list[Callable[[Conversations], object]] = [
    lambda known: known.create(0),
    lambda known: known.get("conv_1"),
    lambda known: known.update("conv_1", {}),
    lambda known: known.delete("conv_1"),
    lambda known: known.items("conv_1", 0.0),
    lambda known: known.item("conv_1", "msg_1", 0.0),
    lambda known: known.add("conv_1", [], 0.0),
    lambda known: known.remove("conv_1", "msg_1", 0.0),
    lambda known: known.check_free("conv_1", 0.0),
]


@pytest.mark.parametrize("ask", CONVERSING)
def test_conversations_are_refused(ask: Callable[[Conversations], object], server: Serve) -> None:
    assert "onversation" in refused(lambda: ask(server(stateless=True).conversations)).message


def test_where_unknown_ids_are_answered_for_all_are_unknown_and_nothing_is_refused(server: Serve) -> None:
    one = server(stateless=True, on_unknown_id="default")
    made: dict[str, Any] = dict.fromkeys(NEED_MEMORY, "x_1") | {"background": True}
    one.start(Request(made))
    assert one.retrieve("resp_1").stands_in
    assert one.cancel("resp_1").stands_in
    created = one.conversations.create(0, [{"role": "user", "content": "Remember this."}])
    items = one.conversations.items(created["id"], 0.0)
    assert "Remember this." not in str(items)
    assert items[1:] == one.conversations.items("conv_of_nobody", 0.0)[1:]
    assert "nothing is stored" in one.memory.warning


def test_faults_that_count_their_plays_are_refused_where_nothing_is_remembered(
    server: Serve, recording: Make
) -> None:
    with pytest.raises(
        OptionError, match=r"fault status\(.*times=1\) counts its plays, and this server is stateless"
    ):
        server(stateless=True, faults=parse("abort; status(times=1)"))
    requested, faulty = parse("abort(times=3)"), recording("a", faults=["abort(times=3)"])
    for one, more in ((server(stateless=True), requested), (server(faulty, stateless=True), ())):
        played = one.store.get("a")
        assert played is not None
        error = refused(lambda one=one, played=played, more=more: one.draw_faults(played, more))
        assert error.message.startswith("The fault abort(times=3) cannot count its plays: ")


def test_other_faults_happen_there_too(server: Serve) -> None:
    one = server(stateless=True, faults=parse("abort"))
    played = one.store.get("a")
    assert played is not None
    assert [str(active.fault) for active in one.draw_faults(played, parse("bom"))] == ["abort", "bom"]
