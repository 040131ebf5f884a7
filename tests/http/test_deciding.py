"""What is large in a decision is done in a thread, and changes nothing of the answer."""

import json
import math
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import httpx2
import pytest

from respool.http import create_app
from respool.play.pace import Pace
from respool.play.rendition import Renditions
from respool.recordings.recording import Recording
from respool.scripts.improvise import improvise
from respool.server.mock_server import MockServer

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
ITEMS = 400
TEXT = "a b" * 30_000


def large(recording: Make, name: str = "a") -> Recording:
    items = [
        {"id": f"fc_{place}", "type": "function_call", "call_id": f"call_{place}", "arguments": "x" * 200}
        for place in range(ITEMS)
    ]
    done = [("response.output_item.done", {"output_index": n, "item": item}) for n, item in enumerate(items)]
    begin = {"response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}}
    end = {"response": {"id": "resp_1", "object": "response", "status": "completed", "output": items}}
    events = [("response.created", begin), *done, ("response.completed", end)]
    return recording(name, [(0.0, *event) for event in events])


@pytest.fixture
def threads() -> Any:
    """The threads in which renditions were made."""
    made: list[threading.Thread] = []
    make = Renditions._make

    def noted(*arguments: Any) -> Any:
        made.append(threading.current_thread())
        return make(*arguments)

    with mock.patch.object(Renditions, "_make", noted):
        yield made


@pytest.mark.parametrize("stream", [True, False])
async def test_fresh_ids_of_a_large_recording_are_made_in_a_thread(
    stream: bool, threads: list[threading.Thread], server: Serve, recording: Make, call: Any
) -> None:
    serving = server(large(recording), ids="fresh", pace=Pace(speed=math.inf))
    serving.schedule(next(serving.recordings()))
    threads.clear()
    answer = call(serving, body={"model": "a", "stream": stream})
    await answer.task
    assert answer.status == 200
    assert [thread is threading.current_thread() for thread in threads] == [False], "made once, in a thread"
    text = answer.body.decode()
    assert 'fc_0"' not in text
    assert 'resp_1"' not in text
    response = json.loads(text.rstrip().rpartition("data: ")[2])["response"] if stream else json.loads(text)
    assert len({item["id"] for item in response["output"]}) == ITEMS
    assert len(serving.history) == 1
    assert serving.session().plays == {"a": 1}, "it was played once"
    again = call(serving, f"/v1/responses/{response['id']}", method="GET")
    await again.task
    assert json.loads(again.body) == response
    assert len(threads) == 1


async def test_a_small_recording_is_made_at_once(
    threads: list[threading.Thread], server: Serve, call: Any
) -> None:
    answer = call(server(ids="fresh", pace=Pace(speed=math.inf)), body={"model": "a"})
    await answer.task
    assert answer.status == 200
    assert set(threads) == {threading.current_thread()}


async def test_an_improvised_answer_to_a_large_request_is_made_in_a_thread(
    server: Serve, recording: Make, call: Any
) -> None:
    made: list[threading.Thread] = []

    def noted(body: Any) -> Any:
        made.append(threading.current_thread())
        return improvise(body)

    serving = server(recording("a"), recording("b"), on_miss="improvise", pace=Pace(speed=math.inf))
    with mock.patch("respool.scripts.improvise.improvise", noted):
        answer = call(serving, body={"model": "m", "input": TEXT})
        await answer.task
    assert answer.status == 200
    assert len(made) == 1
    assert made[0] is not threading.current_thread()


async def test_what_a_request_continues_is_bounded(server: Serve, call: Any) -> None:
    serving = server(pace=Pace(speed=math.inf))
    items = [{"role": "user", "content": "a"}] * 600
    for previous in (None, *["resp_1"] * 3):
        body = {"model": "a", "input": items, "previous_response_id": previous}
        answer = call(serving, body={name: value for name, value in body.items() if value})
        await answer.task
        assert answer.status == 200
    counting = {"model": "a", "input": "a", "previous_response_id": "resp_1"}
    with mock.patch("respool.server.lineage.MOST_EARLIER", 500):
        answer = call(serving, "/v1/responses/input_tokens", counting)
        await answer.task
    assert (answer.status, answer.json["error"]["code"]) == (400, "too_many_items")
    answer = call(serving, "/v1/responses/input_tokens", counting)
    await answer.task
    assert answer.status == 200


@pytest.mark.parametrize("state", ["fakeredis", "redis"], indirect=True)
async def test_with_a_shared_state_it_is_made_in_a_thread_as_well(
    threads: list[threading.Thread], server: Serve, recording: Make
) -> None:
    serving = server(large(recording), ids="fresh", pace=Pace(speed=math.inf))
    serving.schedule(next(serving.recordings()))
    threads.clear()
    transport = httpx2.ASGITransport(create_app(serving))
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        created = (await client.post("/v1/responses", json={"model": "a"})).json()
        again = (await client.get(f"/v1/responses/{created['id']}")).json()
    await serving.state.stop()
    assert created == again
    assert len({item["id"] for item in created["output"]}) == ITEMS
    assert [thread is threading.current_thread() for thread in threads] == [False], "made once, in a thread"
