from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import RequestError
from respool.play.playback import Origin
from respool.recordings.recording import Recording
from respool.server.conversations import Conversations, PlaybackInConversation
from respool.server.mock_server import MockServer
from respool.server.request import Request

HELLO = {"role": "user", "content": "hello"}
ANSWER = {"id": "msg_out", "type": "message", "role": "assistant", "content": []}


@dataclass
class Run:
    ends: float
    input: Sequence[dict[str, Any]] = (HELLO,)
    out: list[dict[str, Any]] = field(default_factory=lambda: [ANSWER])
    origin: Origin | None = None

    def output(self) -> list[dict[str, Any]]:
        return self.out


def make(**bounds: int) -> Conversations:
    numbers = iter(range(1000))
    return Conversations(token=lambda: f"{next(numbers):048x}", **bounds)


def ids(conversations: Conversations, id: str, now: float = 0.0) -> list[str]:
    return [item["id"] for item in conversations.items(id, now)]


def refusal(call: Callable[[], object]) -> tuple[str, int, str | None]:
    with pytest.raises(RequestError) as raised:
        call()
    return raised.value.message, raised.value.status, raised.value.code


def not_found(id: str) -> tuple[str, int, None]:
    return f"Conversation with id '{id}' not found.", 404, None


def test_a_conversation_is_told_without_its_items() -> None:
    conversations = make()
    created = conversations.create(1700000000, [HELLO], {"topic": "demo"})
    assert created == {
        "id": "conv_" + "0" * 48,
        "object": "conversation",
        "created_at": 1700000000,
        "metadata": {"topic": "demo"},
    }
    assert conversations.get(created["id"]) == created
    assert [item["content"] for item in conversations.items(created["id"], 0.0)] == [
        [{"type": "input_text", "text": "hello"}]
    ]


def test_ids_are_as_long_as_those_of_the_service_and_never_the_same() -> None:
    conversations = Conversations()
    made = [conversations.create(0)["id"] for _ in range(2)]
    assert len(set(made)) == 2
    assert all(one.startswith("conv_") and len(one) == len("conv_") + 48 for one in made)


@pytest.mark.parametrize("metadata", [None, {}])
def test_metadata_are_replaced_as_a_whole(metadata: dict[str, str] | None) -> None:
    conversations = make()
    id_ = conversations.create(0, metadata={"a": "1", "b": "2"})["id"]
    assert conversations.update(id_, {"a": "3"})["metadata"] == {"a": "3"}
    assert conversations.update(id_, metadata)["metadata"] == {}
    assert conversations.get(id_)["metadata"] == {}


def test_what_was_deleted_and_what_never_was_is_not_found() -> None:
    conversations = make()
    id_ = conversations.create(0, [HELLO])["id"]
    assert conversations.delete(id_) == {"id": id_, "object": "conversation.deleted", "deleted": True}
    calls: list[Callable[[str], object]] = [
        conversations.get,
        conversations.delete,
        lambda one: conversations.update(one, {}),
        lambda one: conversations.items(one, 0.0),
        lambda one: conversations.item(one, "msg_1", 0.0),
        lambda one: conversations.add(one, [HELLO], 0.0),
        lambda one: conversations.remove(one, "msg_1", 0.0),
        lambda one: conversations.check_free(one, 0.0),
        lambda one: conversations.attach(one, Run(1.0), 0.0),
    ]
    for call in calls:
        for gone in (id_, "conv_never", ""):
            assert refusal(lambda: call(gone)) == not_found(gone)  # noqa: B023 - it is called at once


def test_items_are_added_at_the_end_and_removed_by_id() -> None:
    conversations = make()
    id_ = conversations.create(0, [{"id": "a", **HELLO}])["id"]
    added = conversations.add(id_, [{"id": "b", **HELLO}, HELLO], 0.0)
    assert ids(conversations, id_) == ["a", "b", added[1]["id"]]
    assert conversations.item(id_, "b", 0.0) == added[0]
    assert conversations.remove(id_, "b", 0.0) == conversations.get(id_)
    assert ids(conversations, id_) == ["a", added[1]["id"]]
    assert refusal(lambda: conversations.item(id_, "b", 0.0)) == ("Item with id 'b' not found.", 404, None)
    assert refusal(lambda: conversations.remove(id_, "b", 0.0)) == ("Item with id 'b' not found.", 404, None)


def test_an_id_that_was_removed_is_not_made_again() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    (first,) = conversations.add(id_, [HELLO], 0.0)
    conversations.remove(id_, first["id"], 0.0)
    (second,) = conversations.add(id_, [HELLO], 0.0)
    assert second["id"] != first["id"]


def test_a_response_adds_its_input_and_then_its_output_at_the_moment_of_its_end() -> None:
    conversations = make()
    id_ = conversations.create(0, [{"id": "before", **HELLO}])["id"]
    conversations.attach(id_, Run(5.0, [{"id": "in", **HELLO}]), 1.0)
    assert ids(conversations, id_, 4.999) == ["before"]
    assert ids(conversations, id_, 5.0) == ["before", "in", "msg_out"]
    assert ids(conversations, id_, 6.0) == ["before", "in", "msg_out"]


@pytest.mark.parametrize(
    "look",
    [
        lambda conversations, one, now: conversations.item(one, "msg_out", now),
        lambda conversations, one, now: conversations.remove(one, "msg_out", now),
    ],
)
def test_whoever_asks_for_an_item_finds_what_has_ended(look: Callable[..., object]) -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    conversations.attach(id_, Run(5.0), 1.0)
    assert refusal(lambda: look(conversations, id_, 4.0))[1] == 404
    look(conversations, id_, 5.0)


def test_what_is_added_after_the_end_comes_after_the_output() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    conversations.attach(id_, Run(5.0, []), 1.0)
    conversations.add(id_, [{"id": "meanwhile", **HELLO}], 4.0)
    conversations.add(id_, [{"id": "after", **HELLO}], 5.0)
    assert ids(conversations, id_, 5.0) == ["meanwhile", "msg_out", "after"]


def test_a_second_response_is_refused_until_the_first_has_ended() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    conversations.attach(id_, Run(5.0), 1.0)
    locked = (
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        400,
        "conversation_locked",
    )
    assert refusal(lambda: conversations.attach(id_, Run(9.0), 4.9)) == locked
    assert refusal(lambda: conversations.check_free(id_, 4.9)) == locked
    conversations.attach(id_, Run(9.0, [], [{**ANSWER, "id": "second"}]), 5.0)
    assert ids(conversations, id_, 9.0)[1:] == ["msg_out", "second"]


def test_a_cancel_moves_the_end() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    run = Run(5.0)
    conversations.attach(id_, run, 1.0)
    run.ends, run.out = 2.0, []
    assert len(ids(conversations, id_, 2.0)) == 1
    conversations.check_free(id_, 2.0)


def test_a_response_whose_client_has_left_adds_nothing_and_unlocks() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    run, other = Run(5.0), Run(6.0)
    conversations.attach(id_, run, 1.0)
    conversations.detach(id_, other)  # which is none of this conversation's
    assert refusal(lambda: conversations.check_free(id_, 2.0))[2] == "conversation_locked"
    conversations.detach(id_, run)
    conversations.detach("conv_gone", run)
    assert ids(conversations, id_, 9.0) == []


def test_a_deleted_conversation_takes_nothing_from_its_response() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    conversations.attach(id_, Run(5.0), 1.0)
    conversations.delete(id_)
    assert refusal(lambda: conversations.items(id_, 6.0)) == not_found(id_)


def test_output_that_has_an_id_of_the_conversation_already_gets_another() -> None:
    conversations = make()
    id_ = conversations.create(0)["id"]
    for moment in (1.0, 2.0):  # the same recording, twice
        conversations.attach(id_, Run(moment, []), moment)
    first, second = ids(conversations, id_, 2.0)
    assert first == "msg_out" != second


def test_the_oldest_conversations_are_forgotten_when_there_are_too_many() -> None:
    conversations = make(most=2)
    first, second, third = (conversations.create(0)["id"] for _ in range(3))
    assert refusal(lambda: conversations.get(first)) == not_found(first)
    assert [conversations.get(one)["id"] for one in (second, third)] == [second, third]


def test_the_oldest_conversations_are_forgotten_when_items_are_too_large() -> None:
    conversations = make(most_characters=1000)
    first, second, third = (conversations.create(0, [HELLO])["id"] for _ in range(3))
    conversations.add(second, [{"role": "user", "content": "x" * 400}], 0.0)
    assert refusal(lambda: conversations.get(first)) == not_found(first)
    assert len(ids(conversations, second)) == 2
    assert conversations.get(third)


def test_of_a_conversation_that_is_too_large_by_itself_the_oldest_items_are_forgotten() -> None:
    conversations = make(most_characters=1000)
    id_ = conversations.create(0)["id"]
    for number in range(10):
        conversations.add(id_, [{"id": f"msg_{number}", "role": "user", "content": "x" * 200}], 0.0)
    assert ids(conversations, id_) == ["msg_7", "msg_8", "msg_9"]
    conversations.add(id_, [{"id": "huge", "role": "user", "content": "x" * 5000}], 0.0)
    assert ids(conversations, id_) == ["huge"]


def test_all_can_be_forgotten_at_once() -> None:
    conversations = make(most_characters=1000)
    id_ = conversations.create(0, [{"role": "user", "content": "x" * 700}])["id"]
    conversations.clear()
    assert refusal(lambda: conversations.get(id_)) == not_found(id_)
    kept = [conversations.create(0, [{"role": "user", "content": "x" * 300}])["id"] for _ in range(2)]
    assert [len(ids(conversations, one)) for one in kept] == [1, 1]


STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "add", "remove", "update", "delete"]), st.integers(0, 5), st.text()),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_done_the_bounds_hold_and_nothing_is_counted_twice(
    steps: list[tuple[str, int, str]],
) -> None:
    conversations = make(most=3, most_characters=600)
    made: list[str] = []
    for what, number, text in steps:
        try:
            match what:
                case "create":
                    made.append(conversations.create(0, [HELLO], {"t": text})["id"])
                case "add":
                    conversations.add(made[-1 - number], [{"role": "user", "content": text}], 0.0)
                case "remove":
                    conversations.remove(made[-1], ids(conversations, made[-1])[0], 0.0)
                case "update":
                    conversations.update(made[-1 - number], {"t": text})
                case _:
                    conversations.delete(made[-1 - number])
        except (RequestError, IndexError):
            pass
        alive = [one for one in made if one in conversations._all]
        assert len(alive) <= 3
        weights = [sum(conversations._all[one].sizes.values()) for one in alive]
        assert conversations._characters == sum(weights)
        assert sum(weights) <= 600 or (len(alive) == 1 and len(ids(conversations, alive[0])) <= 1)
    for one in [one for one in made if one in conversations._all]:
        conversations.delete(one)
    assert conversations._characters == 0


def done(text: str, id: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": id, "type": "message", "role": "assistant", "content": [part]}


def test_a_playback_is_a_run_from_its_request_to_its_final_response(
    server: Callable[..., MockServer], recording: Callable[..., Recording]
) -> None:
    final = {"id": "resp_1", "status": "completed", "output": [done("ho", "msg_1")]}
    events = [
        (1.0, "response.created", {"response": {"id": "resp_1"}}),
        (2.0, "response.completed", {"response": final}),
    ]
    serving = server(recording("a", events))
    body = {"model": "a", "input": "hi", "background": True}
    run, other = (PlaybackInConversation(serving.start(Request(body), 0.0)) for _ in range(2))
    assert run == PlaybackInConversation(run.playback) != other
    conversations = make()
    one = conversations.create(0)["id"]
    conversations.attach(one, run, 0.0)
    assert conversations.items(one, 2.9) == []
    question, answered = conversations.items(one, 3.0)
    assert question["content"] == [{"type": "input_text", "text": "hi"}]
    assert (answered["id"], answered["content"][0]["text"]) == ("msg_1", "ho")
    # One that is cancelled ends there, with no output.
    conversations.attach(one, other, 3.0)
    other.playback.cancel(1.5)
    assert [item["role"] for item in conversations.items(one, 3.0)] == ["user", "assistant", "user"]


GREETING = {"role": "user", "content": "Hello"}


def test_a_conversation_that_is_stood_in_for_answers_everything_and_is_not_remembered() -> None:
    conversations = Conversations(stand_in=lambda _: [GREETING, GREETING])
    found = conversations.get("conv_x")
    assert (found["id"], found["object"], found["metadata"]) == ("conv_x", "conversation", {})
    first, second = conversations.items("conv_x", 0.0)
    assert conversations.item("conv_x", second["id"], 0.0) == second
    assert conversations.item("conv_x", "msg_x", 0.0) == {**first, "id": "msg_x"}
    (added,) = conversations.add("conv_x", [GREETING], 0.0)
    assert added["id"] not in (first["id"], second["id"])
    assert conversations.update("conv_x", {"a": "b"})["metadata"] == {"a": "b"}
    for item in (first["id"], "msg_x"):
        assert conversations.remove("conv_x", item, 0.0) == found
    for _ in range(2):
        assert conversations.delete("conv_x")["deleted"]
    assert conversations.items("conv_x", 0.0) == [first, second]


def test_what_only_stands_in_takes_no_room() -> None:
    conversations = Conversations(most=1, most_characters=500, stand_in=lambda _: [GREETING])
    one = conversations.create(0, [GREETING])["id"]
    for number in range(20):
        conversations.add(f"conv_{number}", [GREETING] * 20, 0.0)
        conversations.update(f"conv_{number}", {"a": "b" * 500})
        conversations.delete(f"conv_{number}")
    assert conversations.create(0)["id"] != one, "the one place is free to be taken"
    conversations.delete(one)
    assert len(conversations.items(one, 0.0)) == 1, "it is stood in for now"


def test_an_unknown_item_of_a_known_conversation_is_stood_in_for_too() -> None:
    conversations = Conversations(stand_in=lambda _: [GREETING])
    one = conversations.create(0)["id"]
    assert conversations.item(one, "msg_x", 0.0)["id"] == "msg_x"
    assert conversations.items(one, 0.0) == []
    conversations.remove(one, "msg_x", 0.0)
