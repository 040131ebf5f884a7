"""Habits of clients, good and bad: one function for each habit, one visit for each call.

A visit compares each correct answer, as far as it gets it, with the recording. A difference raises
`WrongError`.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httptools

from bench import recordings

HOST = "127.0.0.1"
SMALL_BUFFER = 4096  # bytes that the kernel buffers for a slow reader: few, so that it blocks the server
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST


class WrongError(Exception):
    """A wrong answer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The correct answers, by the recording's name."""

    streams: Mapping[str, bytes]
    texts: Mapping[str, list[str]]  # the JSON of each event


# Name: events, the gap in seconds, the padding of each delta, the header.
RECORDINGS: Mapping[str, tuple[int, float, int, Mapping[str, Any]]] = {
    "timed": (40, 0.025, 16, {}),
    "short": (10, 0.0, 16, {}),
    "large": (3_000, 0.0, 900, {}),
    "fresh": (30, 0.02, 16, {"ids": "fresh"}),  # or all clients would get the same response
    "filling": (8, 0.0, 16, {"ids": "fresh"}),
}


def write(folder: Path) -> Answers:
    """Write the recordings to play into `folder`."""
    texts = {}
    for name, (count, gap, padding, header) in RECORDINGS.items():
        texts[name] = [
            json.dumps(event, separators=(",", ":")) for event in recordings.text_events(count, padding)
        ]
        lines = [json.dumps({"respool": 1, **header}), *(f"[{gap}, {text}]" for text in texts[name])]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    streams = {
        name: "".join(f"event: {json.loads(text)['type']}\ndata: {text}\n\n" for text in texts[name]).encode()
        for name in texts
    }
    return Answers(streams, texts)


class Connection:
    """One connection, for requests one after the other."""

    def __init__(self, port: int, small: bool = False) -> None:
        """With `small`, its receive buffer has SMALL_BUFFER bytes."""
        self._port = port
        self._small = small

    async def __aenter__(self) -> "Connection":
        self._sock = socket.socket()
        self._sock.setblocking(False)
        if self._small:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self._loop = asyncio.get_running_loop()
        try:
            await self._loop.sock_connect(self._sock, (HOST, self._port))
        except BaseException:
            self._sock.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        self._sock.close()

    def reset(self) -> None:
        """Make the end of the connection an RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a request; `body` is sent as JSON, or unchanged if it is bytes."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = {"Host": HOST, "Content-Length": str(len(content)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        await self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content)

    async def stream(self, name: str, headers: Mapping[str, str] | None = None, **more: object) -> None:
        """Request the recording `name` as a stream."""
        await self.request("POST", f"/r/{name}/v1/responses", {"stream": True, **more}, headers)

    async def read(self, most: int = 65536) -> bytes:
        return await self._loop.sock_recv(self._sock, most)

    async def answer(self, events: int | None = None, most: int = 65536, pause: float = 0.0) -> "Answer":
        """Read the answer, to its end or to its first `events`, in pieces and with pauses."""
        answer = Answer()
        with suppress(ConnectionResetError):
            while not answer.complete and (events is None or answer.body.count(b"\n\n") < events):
                data = await self.read(most)
                if not data:
                    break
                answer.feed(data)
                await asyncio.sleep(pause)
        return answer


class Answer:
    """An HTTP answer, as far as it has come."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.complete = False

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise WrongError(f"not HTTP: {error}") from None

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    def json(self, status: int = 200) -> Any:
        """Return the JSON of a complete answer with this status. Raise WrongError."""
        if not self.complete or self.status != status:
            raise WrongError(f"status {self.status}, complete {self.complete}, expected {status}")
        return json.loads(self.body)

    def check(self, expected: bytes) -> None:
        """Raise WrongError if it is not complete and correct."""
        if not self.complete or self.status != 200:
            raise WrongError(f"status {self.status}, complete {self.complete}, expected a whole stream")
        if self.body != expected:
            raise WrongError(f"{len(self.body)} bytes, expected other {len(expected)}")


def events_of(body: bytes) -> list[Any]:
    """Return the JSON of the complete events in the body of a stream."""
    return [json.loads(block.partition(b"data: ")[2]) for block in body.split(b"\n\n")[:-1]]


async def plays(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.stream("timed")
        (await connection.answer()).check(answers.streams["timed"])


async def plays_again(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        for _ in range(rng.randrange(1, 20)):
            await connection.stream("short", store=rng.random() < 0.5)
            (await connection.answer()).check(answers.streams["short"])


async def waits_for_json(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.request("POST", "/r/timed/v1/responses", {})
        expected = json.loads(answers.texts["timed"][-1])["response"]
        if (await connection.answer()).json() != expected:
            raise WrongError("another Response than that of the last event")


async def leaves(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.stream(rng.choice(["timed", "large", "fresh"]))
        await connection.read()
        await asyncio.sleep(rng.random() * 0.5)


async def leaves_before_json(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.request("POST", "/r/timed/v1/responses", {})
        await asyncio.sleep(rng.random() * 0.5)


async def resets(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.stream(rng.choice(["timed", "large"]))
        await connection.read()
        await asyncio.sleep(rng.random() * 0.5)
        connection.reset()


async def reads_slowly(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port, small=True) as connection:
        await connection.stream("large")
        (await connection.answer(pause=0.001)).check(answers.streams["large"])


async def stops_reading(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port, small=True) as connection:
        await connection.stream("large")
        await asyncio.sleep(rng.random() * 3)
        if rng.random() < 0.5:
            connection.reset()


async def only_connects(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        begun = b"POST /v1/responses HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"
        await connection.send(begun[: rng.randrange(60)])
        await asyncio.sleep(rng.random() * 0.5)


async def sends_bad_bodies(port: int, answers: Answers, rng: Random) -> None:
    bad = [b"", b"{", b"[]", b"\xff", b'{"stream": 1}', b"[" * 10_000, b'{"previous_response_id": "resp_no"}']
    async with Connection(port) as connection:
        for body in bad:
            await connection.request("POST", "/r/short/v1/responses", body)
            if "error" not in (await connection.answer()).json(400):
                raise WrongError("a bad body was not refused with an error")
        await connection.request("POST", "/r/nobody/v1/responses", {"stream": True})
        (await connection.answer()).json(404)
        await connection.request("POST", "/r/short/v1/responses", b"no gzip", {"content-encoding": "gzip"})
        (await connection.answer()).json(400)


async def requests_faults(port: int, answers: Answers, rng: Random) -> None:
    name = rng.choice(["abort(after=5)", "reset_peer(after=50%)", "cut(after=100b)", "empty_reply"])
    async with Connection(port) as connection:
        await connection.stream("short", {"x-respool-fault": name})
        answer = await connection.answer()
        if answer.complete or not answers.streams["short"].startswith(answer.body):
            raise WrongError(f"{name} did not break the answer")
    async with Connection(port) as connection:
        await connection.stream("short", {"x-respool-fault": "slicer(size=7); stall(seconds=0.2)"})
        (await connection.answer()).check(answers.streams["short"])
        await connection.stream("short", {"x-respool-fault": "status(code=503)"})
        (await connection.answer()).json(503)
    async with Connection(port) as connection:
        await connection.stream("short", {"x-respool-fault": "stall"})
        await connection.answer(events=2)


async def polls(port: int, answers: Answers, rng: Random) -> None:
    cancels = rng.random() < 0.5
    async with Connection(port) as connection:
        await connection.request("POST", "/r/fresh/v1/responses", {"background": True})
        path = f"/v1/responses/{(await connection.answer()).json()['id']}"
        status = ""
        while status not in ("completed", "cancelled"):
            await asyncio.sleep(0.1)
            await connection.request("GET", path)
            status = (await connection.answer()).json()["status"]
            if cancels and status != "completed":
                await connection.request("POST", f"{path}/cancel")
                answer = await connection.answer()
                if answer.status != 400:  # it has ended in the meantime
                    status = answer.json()["status"]
        await connection.request("DELETE", path)
        (await connection.answer()).json()
        await connection.request("GET", path)
        (await connection.answer()).json(404)


async def resumes(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.stream("fresh", background=True)
        begun = (await connection.answer(events=rng.randrange(1, 20))).body
    first = events_of(begun)
    path = f"/v1/responses/{first[0]['response']['id']}"
    seen = first[-1]["sequence_number"]
    async with Connection(port) as connection:
        await connection.request("GET", f"{path}?stream=true&starting_after={seen}")
        rest = await connection.answer()
    numbers = [event["sequence_number"] for event in events_of(rest.body)]
    if not rest.complete or numbers != list(range(seen + 1, RECORDINGS["fresh"][0])):
        raise WrongError(f"resumed after {seen} with {numbers[:1]}, {len(numbers)} events")


async def converses(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        await connection.request(
            "POST", "/v1/conversations", {"items": [{"role": "user", "content": "Hello."}]}
        )
        made = (await connection.answer()).json()["id"]
        await connection.stream("short", conversation=made)
        (await connection.answer()).check(answers.streams["short"])
        await connection.request("GET", f"/v1/conversations/{made}/items")
        if len((await connection.answer()).json()["data"]) != 2:
            raise WrongError("a conversation without the answer")
        if rng.random() < 0.5:
            await connection.request("DELETE", f"/v1/conversations/{made}")
            (await connection.answer()).json()


async def looks_around(port: int, answers: Answers, rng: Random) -> None:
    async with Connection(port) as connection:
        for path in ("/healthz", "/v1/models", "/openapi.json"):
            await connection.request("GET", path)
            (await connection.answer()).json()


async def fill(port: int, responses: int, conversations: int) -> None:
    """Store so many responses and conversations, one after the other."""
    async with Connection(port) as connection:
        for _ in range(responses):
            await connection.request("POST", "/r/filling/v1/responses", {})
            (await connection.answer()).json()
        for _ in range(conversations):
            await connection.request("POST", "/v1/conversations", {})
            (await connection.answer()).json()


HABITS: Mapping[str, Callable[[int, Answers, Random], Awaitable[None]]] = {
    habit.__name__: habit
    for habit in (
        plays,
        plays_again,
        waits_for_json,
        leaves,
        leaves_before_json,
        resets,
        reads_slowly,
        stops_reading,
        only_connects,
        sends_bad_bodies,
        requests_faults,
        polls,
        resumes,
        converses,
        looks_around,
    )
}
