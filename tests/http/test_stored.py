import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Settle = Callable[..., Any]

# Wherever it is kept what was asked, the answers are the same.
pytestmark = pytest.mark.parametrize("state", ["memory", "fakeredis", "redis"], indirect=True)

# Queued for a second, in progress for three more, and then completed.
EVENTS = tuple(
    (1.0, kind, {"sequence_number": number, **fields})
    for number, (kind, fields) in enumerate(
        [
            ("response.created", {"response": {"id": "resp_1", "status": "in_progress"}}),
            ("response.in_progress", {"response": {"id": "resp_1", "status": "in_progress"}}),
            ("response.output_text.delta", {"delta": "Hel", "obfuscation": "xxxxx"}),
            ("response.output_text.delta", {"delta": "lo", "obfuscation": "yyyyyy"}),
            ("response.completed", {"response": {"id": "resp_1", "status": "completed"}}),
        ]
    )
)
STREAM = {"model": "a", "background": True, "stream": True}


class Client:
    """A client of a server on a clock that stands still."""

    def __init__(self, server: MockServer, call: Call, settle: Settle) -> None:
        self.server = server
        self.clock: ManualClock = server.clock  # type: ignore[assignment]
        self._app = create_app(server)
        self._call = call
        self._settle = settle
        self._open: list[Any] = []

    async def ask(self, method: str, path: str, body: object = None, query: str = "") -> Any:
        """A call that has come as far as it does without time going on."""
        call = self._call(self._app, f"/v1/responses{path}", body, method=method, query_string=query.encode())
        self._open.append(call)
        await self._settle(self.server.state)
        return call

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self._settle(self.server.state)

    async def close(self) -> None:
        for call in self._open:
            call.leave()
        await asyncio.gather(*(call.task for call in self._open))
        await self.server.state.stop()


@pytest.fixture(params=["asgi", "httptools", "h11"])
def call(request: pytest.FixtureRequest, call: Any, connections: Callable[..., Any]) -> Call:
    """Each test runs on a server that is not known, where the library sends, and on uvicorn's protocols."""
    made: Call = connections(call).get(request.param, call)
    return made


@pytest.fixture
async def client(server: Serve, recording: Make, call: Call, settle: Settle) -> AsyncIterator[Client]:
    client = Client(server(recording("a", EVENTS)), call, settle)
    await client.server.state.start()
    yield client
    await client.close()


def frames() -> list[bytes]:
    return [encode_sse(Event.parse(json.dumps({"type": kind, **fields}))) for _, kind, fields in EVENTS]


def events_in(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(block.partition("data: ")[2]) for block in body.decode().split("\n\n") if block]


def error_of(call: Any) -> tuple[int, str, str | None]:
    error = call.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return call.status, error["message"], error["param"]


async def test_a_background_response_is_answered_at_once_and_polled(client: Client) -> None:
    created = await client.ask("POST", "", {"model": "a", "background": True})
    assert (created.status, created.complete) == (200, True)
    assert created.json == {
        "id": "resp_1",
        "object": "response",
        "output": [],
        "status": "queued",
        "background": True,
    }
    seen = []
    for _ in range(6):
        polled = await client.ask("GET", "/resp_1")
        assert polled.headers["content-type"] == "application/json"
        seen.append(polled.json["status"])
        await client.advance(1.0)
    assert seen == ["queued", "queued", "in_progress", "in_progress", "in_progress", "completed"]


async def test_a_background_response_goes_on_when_its_client_leaves(client: Client) -> None:
    stream = await client.ask("POST", "", STREAM)
    await client.advance(1.0)
    stream.leave()
    await client.advance(4.0)
    assert events_in(stream.body) == [events_in(frames()[0])[0]]
    assert (await client.ask("GET", "/resp_1")).json["status"] == "completed"


@pytest.mark.parametrize("stream", [True, False])
async def test_another_response_ends_when_its_client_leaves(stream: bool, client: Client) -> None:
    left = await client.ask("POST", "", {"model": "a", "stream": stream})
    await client.advance(1.0)
    left.leave()
    await client.advance(9.0)
    assert error_of(await client.ask("GET", "/resp_1")) == (
        404,
        "Response with id 'resp_1' not found.",
        None,
    )


async def test_another_response_is_there_when_it_has_ended(client: Client) -> None:
    await client.ask("POST", "", {"model": "a", "stream": True})
    await client.advance(4.0)
    assert (await client.ask("GET", "/resp_1")).status == 404
    await client.advance(1.0)
    ended = await client.ask("GET", "/resp_1")
    assert ended.body == b'{"id": "resp_1", "status": "completed"}', "byte for byte"


@pytest.mark.parametrize("after", [None, *range(7)])
@pytest.mark.parametrize("elapsed", [0.0, 2.5, 5.0, 60.0])
async def test_a_stream_is_resumed_with_what_is_due_at_once_and_the_rest_live(
    elapsed: float, after: int | None, client: Client
) -> None:
    await client.ask("POST", "", STREAM)
    await client.advance(elapsed)
    query = "stream=true" if after is None else f"stream=true&starting_after={after}"
    resumed = await client.ask("GET", "/resp_1", query=query)
    expected = frames()[0 if after is None else after + 1 :]
    due = max(0, int(min(elapsed, 5)) - (5 - len(expected)))
    assert resumed.status == 200
    assert resumed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert resumed.body == b"".join(expected[:due])
    await client.advance(5.0)
    assert resumed.body == b"".join(expected)
    assert resumed.complete


async def test_ten_readers_who_join_at_different_moments_each_get_every_event_once(client: Client) -> None:
    await client.ask("POST", "", STREAM)
    readers = []
    for _ in range(10):
        readers.append(await client.ask("GET", "/resp_1", query="stream=true"))
        await client.advance(0.6)
    assert [reader.body for reader in readers] == [b"".join(frames())] * 10
    assert all(reader.complete for reader in readers)


async def test_a_reader_that_leaves_disturbs_no_other(client: Client) -> None:
    stream = await client.ask("POST", "", STREAM)
    reader = await client.ask("GET", "/resp_1", query="stream=true")
    await client.advance(2.0)
    reader.leave()
    await client.advance(3.0)
    assert stream.body == b"".join(frames())


async def test_a_cancel_ends_the_open_streams_at_once(client: Client) -> None:
    stream = await client.ask("POST", "", STREAM)
    reader = await client.ask("GET", "/resp_1", query="stream=true&starting_after=0")
    await client.advance(3.0)
    cancelled = await client.ask("POST", "/resp_1/cancel")
    response = {"id": "resp_1", "status": "cancelled", "output": [], "background": True}
    assert (cancelled.status, cancelled.json) == (200, response)
    last = {"type": "response.failed", "sequence_number": 3, "response": response}
    for call, first in ((stream, 0), (reader, 1)):
        assert call.complete, "no time went on"
        assert call.body.startswith(b"".join(frames()[first:3]))
        assert events_in(call.body)[3 - first :] == [last]
    assert (await client.ask("POST", "/resp_1/cancel")).json == response
    assert (await client.ask("GET", "/resp_1")).json == response
    later = await client.ask("GET", "/resp_1", query="stream=true&starting_after=2")
    assert events_in(later.body) == [last]
    assert client.clock.sleepers == 0


@pytest.mark.parametrize("elapsed", [0.0, 1.0])
async def test_a_stream_that_is_cancelled_while_it_is_queued_has_its_first_event(
    elapsed: float, client: Client
) -> None:
    stream = await client.ask("POST", "", STREAM)
    await client.advance(elapsed)
    await client.ask("POST", "/resp_1/cancel")
    assert [event["type"] for event in events_in(stream.body)] == ["response.created", "response.failed"]
    assert stream.complete


async def test_a_cancel_that_comes_too_late_is_refused(client: Client) -> None:
    await client.ask("POST", "", STREAM)
    await client.advance(5.0)
    refused = await client.ask("POST", "/resp_1/cancel")
    assert error_of(refused) == (400, "Cannot cancel a completed response.", None)


async def test_a_deleted_response_is_gone(client: Client) -> None:
    await client.ask("POST", "", STREAM)
    refused = await client.ask("DELETE", "/resp_1")
    assert error_of(refused) == (400, "Cannot delete an in-flight response.", None)
    await client.advance(5.0)
    deleted = await client.ask("DELETE", "/resp_1")
    assert (deleted.status, deleted.json) == (
        200,
        {"id": "resp_1", "object": "response.deleted", "deleted": True},
    )
    assert (await client.ask("GET", "/resp_1")).status == 404


async def test_without_obfuscation_the_padding_is_left_out(client: Client) -> None:
    plain = await client.ask("POST", "", {**STREAM, "stream_options": {"include_obfuscation": False}})
    await client.advance(5.0)
    assert plain.body == b"".join(frames()).replace(b', "obfuscation": "xxxxx"', b"").replace(
        b', "obfuscation": "yyyyyy"', b""
    )
    again = await client.ask("GET", "/resp_1", query="stream=true")
    assert again.body == b"".join(frames()), "each stream says for itself"
    without = await client.ask("GET", "/resp_1", query="stream=true&include_obfuscation=false")
    assert without.body == plain.body


@pytest.mark.parametrize(
    "options", [{}, {"stream_options": None}, {"stream_options": {"include_obfuscation": True}}]
)
async def test_with_obfuscation_a_stream_is_as_recorded(options: dict[str, Any], client: Client) -> None:
    stream = await client.ask("POST", "", {"model": "a", "stream": True, **options})
    await client.advance(5.0)
    assert stream.body == b"".join(frames())


@pytest.mark.parametrize("query", ["starting_after=x&stream=true", "stream=perhaps", "starting_after=1.5"])
async def test_a_query_that_makes_no_sense_is_refused(query: str, client: Client) -> None:
    await client.ask("POST", "", STREAM)
    refused = await client.ask("GET", "/resp_1", query=query)
    status, message, param = error_of(refused)
    assert (status, param) == (400, query.partition("=")[0])
    assert message.startswith("Invalid ")


async def test_the_journal_tells_which_recording_was_asked_for(client: Client) -> None:
    await client.ask("POST", "", STREAM)
    await client.advance(5.0)
    await client.ask("GET", "/resp_1", query="stream=true&starting_after=2")
    await client.ask("GET", "/resp_1")
    await client.ask("DELETE", "/resp_1")
    told = [(one.method, one.status, one.recording, one.events) for one in client.server.journal]
    assert told == [
        ("POST", 200, "a", 5),
        ("GET", 200, "a", 2),
        ("GET", 200, "a", 0),
        ("DELETE", 200, None, 0),
    ]


@pytest.mark.parametrize(
    ("query", "texts", "more"),
    [
        ("", ["c", "b", "a"], False),
        ("order=asc", ["a", "b", "c"], False),
        ("limit=2", ["c", "b"], True),
        ("limit=2&order=asc", ["a", "b"], True),
        ("after=LAST&order=desc", ["b", "a"], False),
    ],
)
async def test_the_input_items_are_listed_by_pages(
    query: str, texts: list[str], more: bool, client: Client
) -> None:
    given = [{"role": "user", "content": text} for text in "abc"]
    await client.ask("POST", "", {**STREAM, "input": given})
    newest = (await client.ask("GET", "/resp_1/input_items", query="limit=1")).json["last_id"]
    listed = await client.ask("GET", "/resp_1/input_items", query=query.replace("LAST", newest))
    assert listed.status == 200
    assert [item["content"][0]["text"] for item in listed.json["data"]] == texts
    assert listed.json["has_more"] is more


async def test_a_picture_is_told_only_when_it_is_asked_for(client: Client) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    await client.ask("POST", "", {**STREAM, "input": [{"role": "user", "content": [picture]}]})
    for query, told in (("", False), ("include[]=message.input_image.image_url", True)):
        listed = await client.ask("GET", "/resp_1/input_items", query=query)
        (part,) = listed.json["data"][0]["content"]
        assert (part.get("image_url") == picture["image_url"]) is told


async def test_the_input_items_of_an_unknown_response_are_not_found(client: Client) -> None:
    assert (await client.ask("GET", "/resp_9/input_items")).status == 404


async def test_an_input_that_is_nested_too_deeply_is_refused_where_it_is_read(
    client: Client,
) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    body = {**STREAM, "input": [{"type": "of the future", "value": deep}]}
    created = lambda: client.server.conversations.create(0)["id"]  # noqa: E731
    conversation = await client.server.state.run("", created)
    refused = await client.ask("POST", "", {**body, "conversation": conversation})
    assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_json")
    assert (await client.ask("POST", "", body)).status == 400
