"""Responses whose recording a server does not have, or not any more: it is made again from the store."""

import asyncio
import gc
import json
import threading
import zlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from state_servers import UPLOAD, Nodes, upload

from respool.errors import RequestError
from respool.play.offload import LARGE
from respool.play.playback import Playback
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.state import Need, kept_recordings, link

pytestmark = pytest.mark.parametrize("state", ["fakeredis", "redis"], indirect=True)

SAVED = {"id": "resp_up", "object": "response", "status": "completed", "created_at": 1, "model": "m",
         "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                     "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}]}  # fmt: skip


@pytest.fixture(autouse=True)
def several(store: Callable[..., Store], recording: Callable[..., Recording]) -> None:
    """A second recording, since the only one would answer everything."""
    store(recording("b"))


async def start(server: MockServer, **body: Any) -> Playback:
    request = Request({"background": True, "stream": True, **body})
    return await server.state.run("", lambda: server.start(request))


async def retrieve(server: MockServer, id_: str) -> Playback:
    return await server.state.run("", lambda: server.retrieve(id_), [Need("response", id_)])


def texts(playback: Playback) -> list[str]:
    return [event.text for event in playback.events]


@pytest.mark.parametrize(
    "data",
    [UPLOAD, json.dumps({"respool": 1, "status": 200, "body": SAVED}).encode()],
    ids=["a stream", "a saved answer"],
)
@pytest.mark.parametrize("how", ["replaced", "removed"])
async def test_a_response_of_an_upload_that_was_replaced_or_removed_goes_on_everywhere(
    nodes: Nodes, how: str, data: bytes
) -> None:
    one, other = await nodes.add(), await nodes.add()
    await upload(one, "mine/up", data)
    first = await start(one, model="mine/up")
    if how == "replaced":
        await upload(one, "mine/up", UPLOAD.replace(b"resp_up", b"resp_new"))
    else:
        one.uploads.remove("mine/up")
        await one.state.withdraw("mine/up")
    later = await nodes.add()
    for server in (other, later):
        assert texts(await retrieve(server, "resp_up")) == texts(first)


async def test_a_later_turn_of_an_upload_that_was_replaced_is_found(nodes: Nodes) -> None:
    one = await nodes.add()
    turns = UPLOAD + b'{"respool": 1}\n' + UPLOAD.replace(b"resp_up", b"resp_two")
    await upload(one, "up", turns)
    second = await start(one, model="up#2")
    await upload(one, "up", UPLOAD)
    assert texts(await retrieve(await nodes.add(), "resp_two")) == texts(second)


async def test_equal_uploads_of_two_names_are_told_apart(nodes: Nodes) -> None:
    one = await nodes.add()
    for name in ("up", "other"):
        await upload(one, name)
    await start(one, model="up")
    for name in ("up", "other"):
        one.uploads.remove(name)
        await one.state.withdraw(name)
    assert (await retrieve(await nodes.add(), "resp_up")).recording.name == "up"


async def test_an_upload_that_the_store_has_not_either_is_a_503(nodes: Nodes) -> None:
    one = await nodes.add()
    await upload(one, "up")
    await start(one, model="up")
    one.uploads.remove("up")
    await one.state.withdraw("up")
    keys = await one.state._link.once([("KEYS", "*upload:*")])
    await one.state._link.once([("DEL", *keys[0])])
    with pytest.raises(RequestError, match=r"plays the recording up .* does not have it") as refused:
        await retrieve(await nodes.add(), "resp_up")
    assert (refused.value.status, refused.value.code) == (503, "recording_not_here")


async def test_an_improvised_answer_that_continues_another_goes_on_everywhere(nodes: Nodes) -> None:
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    first = await start(one, input="The weather?", tools=[tool])
    nodes.clock.advance(100.0)
    (call,) = json.loads(first.events[-1].text)["response"]["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Rain"}
    second = await start(one, input=[output], tools=[tool], previous_response_id=first.id)
    assert "get_weather returned: Rain" in texts(second)[-1]
    # Also when what it continues has gone.
    await one.state.run("", lambda: one.delete(first.id), [Need("response", first.id)])
    assert texts(await retrieve(other, second.id)) == texts(second)
    nodes.clock.advance(100.0)
    third = await start(other, input="And now?", previous_response_id=second.id)
    assert texts(await retrieve(one, third.id)) == texts(third)


async def test_an_improvised_answer_in_a_conversation_goes_on_everywhere(nodes: Nodes) -> None:
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    items = [{"role": "user", "content": "My name is \ud800 Ada."}]
    id_ = (await one.state.run("", lambda: one.conversations.create(0, items)))["id"]
    for stored in (True, False):
        answer = await start(one, input="Hello", conversation=id_, store=stored)
        nodes.clock.advance(100.0)
        listed = await other.state.run("", lambda: other.conversations.items(id_, nodes.clock.now()))
        if stored:
            assert texts(await retrieve(other, answer.id)) == texts(answer)
    assert [item["role"] for item in listed] == ["user", "user", "assistant", "user", "assistant"]


async def test_all_responses_of_a_session_are_made_again_together(nodes: Nodes) -> None:
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    first = await start(one, input="x")
    nodes.clock.advance(100.0)
    later = [await start(one, input=f"{number}", previous_response_id=first.id) for number in range(5)]
    before = other.state.round_trips
    found = await other.state.run("", lambda: list(other.session("").history.present), [Need("responses")])
    assert sorted(map(texts, found)) == sorted(map(texts, [first, *later]))
    assert other.state.round_trips - before < 8  # and not one for each


async def test_a_response_is_made_again_while_all_of_its_session_are_asked_for(nodes: Nodes) -> None:
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    first = await start(one, input="x")
    nodes.clock.advance(100.0)
    later = [await start(one, input=f"{number}", previous_response_id=first.id) for number in range(3)]
    needs = [Need("response", later[1].id), Need("responses")]
    found = await other.state.run("", lambda: list(other.session("").history.present), needs)
    assert sorted(map(texts, found)) == sorted(map(texts, [first, *later]))


async def test_a_large_input_is_kept_by_a_thread(nodes: Nodes) -> None:
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    first = await start(one, input="x" * LARGE)
    nodes.clock.advance(100.0)
    threads: list[str] = []
    compress = zlib.compress

    def noted(*arguments: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return compress(*arguments)

    with mock.patch.object(zlib, "compress", noted):
        second = await start(one, input="y", previous_response_id=first.id)
    assert [name.rpartition("_")[0] for name in threads] == ["respool-heavy"]
    assert texts(await retrieve(other, second.id)) == texts(second)


async def test_many_that_need_what_is_not_here_do_not_wait_for_each_others_connections(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECTIONS", 4)  # one of which listens
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    first = await start(one, input="x")
    nodes.clock.advance(100.0)
    later = [await start(one, input=f"{number}", previous_response_id=first.id) for number in range(20)]
    await upload(one, "up")
    found = await asyncio.gather(*(retrieve(other, playback.id) for playback in later))
    assert list(map(texts, found)) == list(map(texts, later))
    assert "up" in other.uploads.known


async def test_a_look_at_the_uploads_needs_no_connection_of_those_who_wait_for_it(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECTIONS", 2)  # one of which listens
    one, other = await nodes.add(), await nodes.add()
    for name in ("up", "up2"):
        await upload(one, name)
    decisions = (other.state.run("", lambda: sorted(other.uploads.known)) for _ in range(5))
    _, *known = await asyncio.gather(other.state._uploads.look(), *decisions)
    assert known == [["up", "up2"]] * 5


async def test_many_that_need_a_second_connection_do_not_wait_for_each_other(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECTIONS", 4)
    one = await nodes.add()

    async def decide() -> list[Any]:
        done: list[Any] = await one.state._link.once([("PING",)])
        return done

    assert len(await asyncio.gather(*(one.state.run_async("", decide) for _ in range(20)))) == 20


async def improvised_from_too_much(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> tuple[MockServer, Playback]:
    """Return a server, and a response of another one whose input is too large to be kept for it."""
    monkeypatch.setattr(kept_recordings, "MOST_INPUT", 50)
    one, other = [await nodes.add(on_miss="improvise") for _ in range(2)]
    first = await start(one, input="x")
    nodes.clock.advance(100.0)
    return other, await start(one, input="y", previous_response_id=first.id)


async def test_an_improvised_answer_to_too_much_is_a_503_elsewhere(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, second = await improvised_from_too_much(nodes, monkeypatch)
    with pytest.raises(RequestError) as refused:
        await retrieve(other, second.id)
    assert refused.value.code == "recording_not_here"


async def test_a_refusal_of_what_is_not_here_stays_in_no_cycle(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, second = await improvised_from_too_much(nodes, monkeypatch)
    gc.collect()
    gc.disable()
    try:
        code = ""
        try:
            await retrieve(other, second.id)
        except RequestError as error:
            code = error.code or ""
        errors = [each for each in gc.get_objects() if isinstance(each, RequestError)]
        left = [str(each) for each in errors if each.code == "recording_not_here"]
    finally:
        gc.enable()
    assert (code, left) == ("recording_not_here", [])
