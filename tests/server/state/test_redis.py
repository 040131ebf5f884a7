"""Several servers with one state: what one has done the others know."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from unittest import mock

import pytest
from redis.asyncio.connection import AbstractConnection
from state_servers import UPLOAD, Nodes, upload

from respool.errors import NoMatchingRecording, OptionError, RequestError
from respool.faults import parse
from respool.play.edits import Finish, Hold, Insert, Release
from respool.play.offload import LARGE, offload
from respool.protocol.events import Event
from respool.recordings.hold_points import HoldPoint
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.delivery import Delivery
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session_holds import SessionHold
from respool.server.session_holds import hold as session_hold
from respool.server.state import Need, State, committing
from respool.server.state import store_keys as key_names

pytestmark = pytest.mark.parametrize("state", ["fakeredis", "redis"], indirect=True)

Make = Callable[..., Recording]
Open = Callable[[], State]
SLOW = [
    (1.0, "response.created", {"response": {"id": "resp_1", "status": "in_progress"}}),
    (60.0, "response.completed", {"response": {"id": "resp_1", "status": "completed"}}),
]
BACKGROUND = Request({"background": True, "stream": True, "input": "x"})
ID = Need("response", "resp_1")


async def test_what_one_has_started_another_retrieves_and_cancels(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    started = await one.state.run("", lambda: one.start(BACKGROUND))
    nodes.clock.advance(2.0)
    found = await other.state.run("", lambda: other.retrieve("resp_1"), [ID])
    assert found.started == started.started
    assert found.status(1002.0) == "queued"
    await other.state.run("", lambda: other.cancel("resp_1"), [ID])
    await nodes.until(lambda: started.status(1002.0) == "cancelled")


async def test_an_open_stream_is_told_of_a_cancel_elsewhere(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    started = await one.state.run("", lambda: one.start(BACKGROUND))
    calls: list[int] = []
    started.subscribe(lambda: calls.append(len(started.events)))
    await other.state.run("", lambda: other.cancel("resp_1"), [ID])
    await nodes.until(lambda: calls)
    assert started.events[-1].type == "response.failed"


async def test_a_clock_that_is_moved_elsewhere_moves_what_waits_here(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    clock = await one.state.run("s", lambda: one.session("s").clock)
    await other.state.run("s", lambda: other.session("s").clock.set("frozen"))
    await nodes.until(lambda: clock.frozen)
    woken = asyncio.create_task(clock.sleep_until(clock.now() + 5.0))
    await other.state.run("s", lambda: other.session("s").clock.advance(5.0))
    assert await asyncio.wait_for(woken, 30)


async def test_a_conversation_goes_on_elsewhere_and_is_locked_for_all(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    id_ = (await one.state.run("", lambda: one.conversations.create(0)))["id"]
    talk = Request({"input": "hello", "conversation": id_, "background": True})
    await other.state.run("", lambda: other.start(talk))
    with pytest.raises(RequestError, match="Another process"):
        await one.state.run("", lambda: one.start(talk))
    nodes.clock.advance(100.0)
    items = await one.state.run("", lambda: one.conversations.items(id_, nodes.clock.now()))
    assert [item["role"] for item in items if item["type"] == "message"] == ["user"]


async def test_no_count_is_lost_and_no_fault_happens_too_often(nodes: Nodes) -> None:
    servers = [await nodes.add() for _ in range(3)]
    faults = parse("abort(times=5)")

    def play(server: MockServer) -> int:
        playback = server.start(Request({"input": "x"}, session="s"))
        return len(server.draw_faults(playback.recording, faults, session="s"))

    counts = await asyncio.gather(
        *(server.state.run("s", lambda server=server: play(server)) for server in servers * 20)
    )
    assert sum(counts) == 5
    plays = await servers[0].state.run("s", lambda: servers[0].session("s").plays)
    assert plays == {"a": 60}
    await servers[1].state.refresh()
    assert servers[1].state.plays == Counter(a=60)


async def test_a_reset_is_one_of_all_servers_and_of_no_other_session(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    for name in ("s", "t"):
        await one.state.run(name, lambda name=name: one.start(Request({"background": True}, session=name)))
    await other.state.run("s", lambda: other.reset("s"))
    with pytest.raises(RequestError, match="not found"):
        await one.state.run("s", lambda: one.retrieve("resp_1", session="s"))
    assert await one.state.run("s", lambda: dict(one.session("s").plays)) == {}
    assert await one.state.run("t", lambda: one.retrieve("resp_1", session="t"))


async def test_a_recording_that_another_has_in_another_version_is_refused_and_not_ready(
    nodes: Nodes, store: Callable[..., Store], recording: Make
) -> None:
    one = await nodes.add()
    await one.state.run("", lambda: one.start(BACKGROUND))
    store(recording("a", SLOW[:1]))
    other = await nodes.add()
    assert other.state.not_ready == ""
    with pytest.raises(RequestError, match="has it in another version") as refused:
        await other.state.run("", lambda: other.retrieve("resp_1"), [ID])
    assert (refused.value.status, refused.value.code) == (503, "recording_not_here")
    await nodes.until(lambda: "1 recordings are here in another version" in one.state.not_ready)


async def test_a_play_under_way_asks_the_store_for_nothing(nodes: Nodes) -> None:
    one = await nodes.add()
    playback = await one.state.run("", lambda: one.start(BACKGROUND))
    before = one.state.round_trips
    for _ in range(100):
        nodes.clock.advance(1.0)
        playback.due(nodes.clock.now())
    assert one.state.round_trips == before


async def test_what_a_decision_needs_is_loaded_though_nobody_has_said_so(nodes: Nodes) -> None:
    one, other = await nodes.add(ids="fresh"), await nodes.add(ids="fresh")
    previous = None
    for text in ("one", "two", "three"):
        body = {"input": text, "background": True, "previous_response_id": previous}
        made = await one.state.run("", lambda body=body: one.start(Request(body)))
        nodes.clock.advance(100.0)
        previous = made.id
    context = await other.state.run("", lambda: other.context({"previous_response_id": previous}))
    texts = [item["content"][0]["text"] for item in context if item.get("role") == "user"]
    assert texts == ["one", "two", "three"]


async def test_a_refusal_of_a_decision_is_the_clients_and_not_that_of_the_store(nodes: Nodes) -> None:
    one = await nodes.add()
    with pytest.raises(RequestError) as refused:
        await one.state.run("", lambda: one.retrieve("resp_9"))
    assert refused.value.status == 404
    assert one.state.problem == ""


SESSION = Request({"background": True, "stream": True, "input": "x"}, session="s")


async def test_a_stream_that_is_resumed_elsewhere_has_the_edits_that_were_made_here(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    playback = await one.state.run("", lambda: one.start(BACKGROUND))
    nodes.clock.advance(2.0)
    playback.edit(Insert(Event('{"type":"new"}', "new")), nodes.clock.now())
    playback.edit(Finish("cut"), nodes.clock.now())
    await one.state.keep(playback)
    found = await other.state.run("", lambda: other.stream("resp_1"), [ID])
    assert found.events == playback.events
    assert [event.type for event in found.events] == ["response.created", "new"]
    assert found.ending == "cut"


async def test_a_stream_that_is_open_elsewhere_follows_an_edit(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    await one.state.run("", lambda: one.start(BACKGROUND))
    there = await other.state.run("", lambda: other.stream("resp_1"), [ID])
    calls: list[int] = []
    there.subscribe(lambda: calls.append(len(there.events)))
    here = await one.state.run("", lambda: one.stream("resp_1"), [ID])
    here.edit(Hold(), nodes.clock.now())
    here.edit(Release(1), nodes.clock.now())
    await one.state.keep(here)
    await nodes.until(lambda: len(calls) == 2)
    assert list(there.schedule.moments) == list(here.schedule.moments)


async def test_a_cancel_elsewhere_and_here_is_kept_as_the_later_one(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    sent = await one.state.run("", lambda: one.start(BACKGROUND))
    sent.subscribe(lambda: None)
    await other.state.run("", lambda: other.cancel("resp_1", now=999.0), [ID])
    await nodes.until(lambda: sent.run.cancelled)
    assert sent.run.cancelled == 1000.0  # this server's: up to then it may have sent what was due
    again = await other.state.run("", lambda: other.stream("resp_1"), [ID])
    await nodes.until(lambda: again.run.cancelled == 1000.0)
    assert again.events == sent.events


async def test_the_holds_of_a_session_hold_streams_of_any_server_and_are_counted_once(nodes: Nodes) -> None:
    servers = [await nodes.add() for _ in range(3)]
    hold = SessionHold("h1", HoldPoint.read("response.created"), "a", times=4)
    await servers[0].state.run("s", lambda: servers[0].session("s").holds.put(hold))

    def start(server: MockServer) -> bool:
        playback = server.start(SESSION)
        delivery = Delivery(playback, server.session("s").clock, Exchange("POST", "/", 0.0))
        session_hold(delivery, (), server.session("s").holds)
        return delivery.hold_ids == ("h1",)

    held = await asyncio.gather(
        *(server.state.run("s", lambda server=server: start(server)) for server in servers * 4)
    )
    assert sum(held) == 4
    assert await servers[2].state.run("s", lambda: servers[2].session("s").holds.remove("h1"))
    assert not await servers[1].state.run("s", lambda: bool(servers[1].session("s").holds))


async def test_a_frozen_clock_never_goes_back_to_what_was_kept(nodes: Nodes) -> None:
    one = await nodes.add()
    clock = await one.state.run("s", lambda: one.session("s").clock)
    await one.state.run("s", lambda: one.session("s").clock.set("frozen"))
    clock.advance(5.0)  # on its way through what is due
    assert await one.state.run("s", lambda: one.session("s").clock.now()) == 1005.0
    await one.state.run("s", lambda: one.session("s").clock.reset())
    await one.state.run("s", lambda: one.session("s").clock.set("frozen"))
    assert await one.state.run("s", lambda: one.session("s").clock.now()) == 1000.0


async def test_clocks_that_jump_by_themselves_are_refused(nodes: Nodes) -> None:
    with pytest.raises(OptionError, match=r"clock is auto: .* servers with one state"):
        await nodes.add(clock_mode="auto")


async def test_a_server_asks_another_one_and_is_told_if_that_has_gone_or_cannot_answer(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    assert await one.state.others() == [other.state.node]
    with pytest.raises(RequestError, match="it has no admin API") as refused:
        await one.state.ask(other.state.node, b"question")
    assert (refused.value.status, refused.value.code) == (503, "server_silent")

    async def answer(message: bytes) -> bytes:
        return b"answer to " + message

    other.state.called = answer
    assert await one.state.ask(other.state.node, b"question") == b"answer to question"
    await other.state.stop()
    assert await one.state.others() == []
    assert await one.state.ask(other.state.node, b"question") is None


async def test_one_server_at_a_time_moves_a_clock_on(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    inside: list[int] = []

    async def move(server: MockServer) -> None:
        async with server.state.exclusive("s"):
            inside.append(1)
            await asyncio.sleep(0)
            assert inside.pop()
            assert not inside

    await asyncio.gather(*(move(server) for server in (one, other) * 5))


async def test_an_upload_is_played_by_any_server_at_once_and_replaced_and_removed_for_all(
    nodes: Nodes,
) -> None:
    one, other = await nodes.add(), await nodes.add()
    request = Request({"model": "up", "background": True})
    await upload(one, "up")
    first = await other.state.run("", lambda: other.start(request))
    assert first.events[0].text == '{"type":"response.created","response":{"id":"resp_up"}}'
    await upload(other, "up", UPLOAD.replace(b"0.5", b"0.7"))
    second = await one.state.run("", lambda: one.start(request))
    assert second.schedule.end == 0.7
    later = await nodes.add()
    assert later.uploads.known == one.uploads.known
    assert (later.store.version, later.state.not_ready) == (2, "")
    one.uploads.remove("up")
    await one.state.withdraw("up")
    with pytest.raises(NoMatchingRecording):
        await later.state.run("", lambda: later.start(Request({"model": "up"}, path_name="up")))


async def test_what_a_decision_watched_keeps_no_upload_from_being_removed(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    await upload(one, "up")
    await one.state._link.once([("WATCH", key_names.UPLOADS)])  # on the connection that is used next
    await upload(other, "other")
    await one.state.withdraw("up")
    assert list(one.uploads.known) == ["other"]


async def test_an_upload_that_the_store_has_lost_makes_a_server_not_ready(nodes: Nodes) -> None:
    one = await nodes.add()
    await upload(one, "up")
    key = key_names.upload(one.uploads.known["up"].digest)
    await one.state._link.once([("DEL", key)])
    other = await nodes.add()
    assert "the uploaded recording up cannot be served here" in other.state.not_ready


async def test_uploads_do_not_make_other_servers_lack_recordings(nodes: Nodes) -> None:
    one, other = await nodes.add(), await nodes.add()
    await upload(one, "up")
    await one.state._health.compare_recordings()
    await other.state._health.compare_recordings()
    assert (one.state.not_ready, other.state.not_ready) == ("", "")


async def test_the_oldest_responses_of_a_session_are_forgotten(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MOST", 2)
    one = await nodes.add(ids="fresh")
    ids = []
    for _ in range(4):
        ids.append((await one.state.run("", lambda: one.start(Request({"background": True})))).id)
        nodes.clock.advance(1.0)
    await nodes.until(lambda: not one.state.busy)
    (found,) = await one.state._link.once([("KEYS", "*:b:*")])
    assert sorted(key.decode().rpartition(":")[2] for key in found) == sorted(ids[2:])


async def test_no_connection_is_opened_after_the_end(nodes: Nodes) -> None:
    one = await nodes.add()
    link = one.state._link
    await link.close()
    with pytest.raises(RequestError, match="has closed its connections"):
        await link.once([("GET", "x")])
    link.open()
    assert await link.once([("GET", "x")]) == [None]


async def test_the_conversations_that_changed_last_are_kept(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MOST_CONVERSATIONS", 2)
    one = await nodes.add()

    async def create() -> str:
        return str((await one.state.run("", lambda: one.conversations.create(0)))["id"])

    first, second = await create(), await create()
    await one.state.run("", lambda: one.conversations.update(first, {"kept": "yes"}))
    third = await create()
    await nodes.until(lambda: not one.state.busy)
    (found,) = await one.state._link.once([("KEYS", "*:c:*")])
    assert sorted(key.decode().rpartition(":")[2] for key in found) == sorted([first, third])
    with pytest.raises(RequestError, match=second):
        await one.state.run("", lambda: one.conversations.get(second))


async def test_large_work_of_a_decision_is_done_in_a_thread_and_its_connection_stays(nodes: Nodes) -> None:
    one = await nodes.add()
    threads: list[threading.Thread] = []

    def work() -> int:
        threads.append(threading.current_thread())
        return len(threads)

    def decide() -> int:
        return offload(LARGE + 1, "first", work) + offload(LARGE + 1, "second", work)

    connected: list[object] = []
    disconnect = AbstractConnection.disconnect

    async def noted(self: AbstractConnection, nowait: bool = False) -> None:
        connected.append(self)
        await disconnect(self, nowait)

    with mock.patch.object(AbstractConnection, "disconnect", noted):
        assert await one.state.run("", decide) == 3
    assert connected == []
    assert [thread is threading.current_thread() for thread in threads] == [False, False]


async def test_work_without_end_is_done_at_once_after_some_of_it(nodes: Nodes) -> None:
    one = await nodes.add()
    keys = itertools.count()
    assert await one.state.run("", lambda: offload(LARGE + 1, next(keys), lambda: "done")) == "done"
