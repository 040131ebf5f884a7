"""What a client sees of each fault: the raw bytes, the edges of chunks, FIN and RST."""

import json
import math
import re
import socket
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fault_streams import EVENTS

from respool import ManualClock, Pace, running_server
from respool.faults import FAULTS, parse
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.events import Event
from respool.testing import RunningServer

DATA = [encode_sse(Event.parse(text)) for text in EVENTS]
SOUND = b"".join(DATA)
FINAL = b'{"id":"resp_1","usage":{"total_tokens":7}}'
BROKEN = b"40\r\n"  # a chunk of 64 bytes is announced, and none comes

WaitFor = Callable[..., None]


@dataclass
class Reply:
    """All that came over the socket, and how it ended: FIN, RST, or not at all."""

    raw: bytes = b""
    end: str = "open"

    @property
    def head(self) -> tuple[int, dict[str, str]]:
        lines = self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:])

    @property
    def rest(self) -> bytes:
        """What follows the head."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def chunks(self) -> list[bytes]:
        """The chunks of the body; an empty one is the last."""
        found, rest = [], self.rest
        while match := re.match(rb"([0-9a-f]+)\r\n", rest):
            size, start = int(match[1], 16), match.end()
            if len(rest) < start + size + 2:
                break
            found.append(rest[start : start + size])
            rest = rest[start + size + 2 :]
        assert rest in (b"", BROKEN)
        return found

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks) if "transfer-encoding" in self.head[1] else self.rest

    @property
    def complete(self) -> bool:
        return self.end == "FIN" and self.chunks[-1:] == [b""]


class Client:
    """One request over a socket of our own."""

    def __init__(
        self, running: RunningServer, fault: str = "", *, stream: bool = True, version: str = "1.1"
    ) -> None:
        host, _, port = running.url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        body = json.dumps({"model": "a", "stream": stream}).encode()
        lines = [
            f"POST /v1/responses HTTP/{version}",
            "host: localhost",
            "connection: close",
            "accept-encoding: gzip",
            f"content-length: {len(body)}",
            *([f"x-respool-fault: {fault}"] if fault else []),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self.reply = Reply()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def read(self) -> Reply:
        """Read to the end, or all that has come if the socket does not block."""
        while self.reply.end == "open":
            try:
                part = self.socket.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                self.reply.end = "RST"
            else:
                self.reply.raw += part
                self.reply.end = "open" if part else "FIN"
        return self.reply


def ask(running: RunningServer, fault: str, *, stream: bool = True, version: str = "1.1") -> Reply:
    with Client(running, fault, stream=stream, version=version) as client:
        return client.read()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        recording_in(tmp_path_factory.mktemp("fixtures")), pace=Pace(speed=math.inf)
    ) as running:
        yield running


def recording_in(folder: Path) -> Path:
    (folder / "a.jsonl").write_text("".join(f"[1.0, {text}]\n" for text in EVENTS))
    return folder


def events(reply: Reply) -> list[bytes]:
    return [part + b"\n\n" for part in reply.body.split(b"\n\n")[:-1]]


def types(reply: Reply) -> list[str]:
    return [
        re.findall(rb"event: (.*)", event)[0].decode().removeprefix("response.") for event in events(reply)
    ]


def http_error(reply: Reply, status: int, code: str) -> bool:
    return reply.head[0] == status and json.loads(reply.body)["error"]["code"] == code


# Faults, each with a test of the reply; in these the stream comes to a proper end.
COMPLETE: dict[str, Callable[[Reply], bool]] = {
    "content_type": lambda reply: reply.head[1]["content-type"] == "text/html" and reply.body == SOUND,
    "slicer": lambda reply: reply.chunks == [bytes([byte]) for byte in SOUND] + [b""],
    "slicer(size=100)": lambda reply: {len(chunk) for chunk in reply.chunks[:-1]} - {100} == {
        len(data) % 100 for data in DATA
    },
    "merge(size=300)": lambda reply: [len(chunk) >= 300 for chunk in reply.chunks[:-2]] == [True],
    "line_ends": lambda reply: reply.body == SOUND.replace(b"\n", b"\r\n"),
    "line_ends(kind=cr)": lambda reply: reply.body == SOUND.replace(b"\n", b"\r"),
    "no_space": lambda reply: reply.body == SOUND.replace(b": ", b":"),
    "split_data": lambda reply: reply.body.count(b"\ndata: ") == 10,
    "bom": lambda reply: reply.body == b"\xef\xbb\xbf" + SOUND,
    "comments": lambda reply: reply.body == b"".join(data + b": keepalive\n\n" for data in DATA),
    "id_lines": lambda reply: reply.body == b"".join(b"id: %d\n" % n + DATA[n] for n in range(5)),
    "retry_line": lambda reply: reply.body == b"retry: 3000\n\n" + SOUND,
    "no_event_line": lambda reply: reply.body == b"".join(data.partition(b"\n")[2] for data in DATA),
    "done": lambda reply: reply.body == SOUND + SSE_DONE,
    "gzip": lambda reply: zlib.decompress(reply.body, 31) == SOUND,
    "close(after=2)": lambda reply: reply.body == DATA[0] + DATA[1],
    "close(after=5b)": lambda reply: reply.body == SOUND[:5],
    "half_frame": lambda reply: reply.body == b"".join(DATA[:4]) + DATA[4][: len(DATA[4]) // 2],
    "no_terminal": lambda reply: reply.body == b"".join(DATA[:4]),
    "drop(at=3)": lambda reply: events(reply) == [DATA[0], DATA[1], DATA[3], DATA[4]],
    "duplicate(at=3)": lambda reply: events(reply) == [*DATA[:3], *DATA[2:]],
    "swap(at=3)": lambda reply: events(reply) == [DATA[0], DATA[1], DATA[3], DATA[2], DATA[4]],
    "gap(at=5)": lambda reply: reply.body == SOUND.replace(b"_number\":4", b"_number\":5"),
    "renumber": lambda reply: b"".join(re.findall(rb'_number":(\d)', reply.body)) == b"12345",
    "unknown_event(after=2)": lambda reply: types(reply)[2] == "unheard_of.delta" and len(types(reply)) == 6,
    "truncated_json(at=1)": lambda reply: events(reply)[1:] == DATA[1:] and len(events(reply)[0]) < 100,
    "invalid_utf8(at=3)": lambda reply: reply.body == SOUND.replace(b'"H\xc3', b'"\xffH\xc3'),
    "wrong_event_name(at=1)": lambda reply: types(reply)[:2] == ["in_progress", "in_progress"],
    "huge_event": lambda reply: len(reply.body) == len(SOUND) + 10 * 1024 * 1024 + len(b',"obfuscation":""'),
    "error_event(after=2)": lambda reply: types(reply) == ["created", "in_progress", "error"],
    "failed(after=2)": lambda reply: types(reply) == ["created", "in_progress", "failed"],
    "incomplete(after=2)": lambda reply: types(reply) == ["created", "in_progress", "incomplete"],
}  # fmt: skip
# Those that answer instead; there are no chunks.
ANSWERS: dict[str, Callable[[Reply], bool]] = {
    "status": lambda reply: http_error(reply, 500, "server_error"),
    "status(code=529, retry_after=1)": lambda reply: (
        reply.head[1]["retry-after"] == "1" and reply.head[0] == 529
    ),
    "status(code=502)": lambda reply: reply.body.startswith(b"<html>") and reply.head[0] == 502,
    "rate_limit": lambda reply: http_error(reply, 429, "rate_limit_exceeded"),
    "quota": lambda reply: http_error(reply, 429, "insufficient_quota"),
    "not_json": lambda reply: reply.body == b"<!DOCTYPE html><title>Sign in</title>" and reply.head[0] == 200,
}
# Those that break the connection: all that follows the head, and how it ends.
BREAKS: dict[str, tuple[bytes, str]] = {
    "refuse": (b"", "RST"),
    "empty_reply": (b"", "FIN"),
    "cut(after=2)": (b"%x\r\n" % len(DATA[0] + DATA[1]) + DATA[0] + DATA[1] + b"\r\n", "FIN"),
    "cut(after=3b)": (b"3\r\n" + SOUND[:3] + b"\r\n", "FIN"),
    "abort(after=2)": (b"%x\r\n" % len(DATA[0] + DATA[1]) + DATA[0] + DATA[1] + b"\r\n" + BROKEN, "FIN"),
    "abort(after=0)": (BROKEN, "FIN"),
    "reset_peer(after=2)": (b"%x\r\n" % len(DATA[0] + DATA[1]) + DATA[0] + DATA[1] + b"\r\n", "RST"),
    "reset_peer(after=0)": (b"", "RST"),
}
# Those of time: seconds after the request, and how many events have come by then; then the end.
TIMES: dict[str, list[tuple[float, int]]] = {
    "latency(seconds=2)": [(2.9, 0), (3, 1), (6.9, 4), (7, 5)],
    "slow_headers(seconds=2.5)": [(2.4, 0), (2.5, 2), (3, 3), (5, 5)],
    "ttft(seconds=10)": [(7.9, 0), (8, 1), (10, 3), (12, 5)],
    "jitter(seconds=0)": [(0.9, 0), (1, 1), (5, 5)],
    "stall(after=2, seconds=100)": [(2, 2), (102.9, 2), (103, 3), (105, 5)],
    "burst(after=1, seconds=50)": [(1, 1), (50.9, 1), (51, 5)],
    "slow_close(seconds=100)": [(4.9, 4), (5, 5), (104.9, 5), (105, 5)],
}


@pytest.mark.parametrize("fault", COMPLETE)
def test_a_stream_that_comes_to_a_proper_end(fault: str, running: RunningServer) -> None:
    reply = ask(running, fault)
    assert reply.complete
    assert COMPLETE[fault](reply), reply.raw[:5000]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ANSWERS)
def test_another_answer(fault: str, stream: bool, running: RunningServer) -> None:
    reply = ask(running, fault, stream=stream)
    assert (reply.end, int(reply.head[1]["content-length"])) == ("FIN", len(reply.body))
    assert ANSWERS[fault](reply), reply.raw[:5000]


@pytest.mark.parametrize("fault", BREAKS)
def test_a_connection_that_breaks(fault: str, running: RunningServer) -> None:
    reply = ask(running, fault)
    assert (reply.rest, reply.end) == BREAKS[fault]


@pytest.mark.parametrize(
    ("fault", "sent", "end", "length"),
    [
        ("close(after=8b)", 8, "FIN", 8),
        ("cut(after=8b)", 8, "FIN", len(FINAL)),
        ("abort(after=8b)", 8, "FIN", len(FINAL)),
        ("reset_peer(after=8b)", 8, "RST", len(FINAL)),
        ("slicer(size=5)", len(FINAL), "FIN", len(FINAL)),
    ],
)
def test_an_answer_without_stream(
    fault: str, sent: int, end: str, length: int, running: RunningServer
) -> None:
    reply = ask(running, fault, stream=False)
    assert (reply.rest, reply.end) == (FINAL[:sent], end)
    assert reply.head[1]["content-length"] == str(length)


def until_it_sleeps(running: RunningServer, clock: ManualClock, wait_for: WaitFor) -> None:
    """Wait until the server waits for time to pass, or has ended the answer, and all it sent has left."""
    wait_for(running, lambda: clock.sleepers == 1 or len(running.server.journal) == 1)
    httpx2.get(f"{running.url}/healthz")


@pytest.mark.parametrize("fault", TIMES)
def test_the_clients_time(fault: str, tmp_path: Path, wait_for: WaitFor) -> None:
    clock = ManualClock()
    with running_server(recording_in(tmp_path), clock=clock) as running, Client(running, fault) as client:
        client.socket.setblocking(False)
        for at, events in TIMES[fault]:
            until_it_sleeps(running, clock, wait_for)
            clock.advance(at - clock.now())
            until_it_sleeps(running, clock, wait_for)
            reply = client.read()
            assert (reply.body if reply.raw else b"") == b"".join(DATA[:events])
            assert reply.end == ("open" if at < TIMES[fault][-1][0] else "FIN")
        assert client.reply.complete


def test_a_slow_line_lets_so_many_bytes_through(tmp_path: Path, wait_for: WaitFor) -> None:
    clock = ManualClock()
    with running_server(recording_in(tmp_path), clock=clock) as running:
        with Client(running, "bandwidth(rate=100)") as client:
            client.socket.setblocking(False)
            for seconds in range(len(SOUND) // 100 + 1):
                until_it_sleeps(running, clock, wait_for)
                clock.advance(1.0)
                until_it_sleeps(running, clock, wait_for)
                assert 100 * seconds - 10 <= len(client.read().body) <= 100 * seconds
        wait_for(running, lambda: len(running.server.journal.ended) == 1)


def test_a_stall_without_end_costs_one_timer_and_ends_with_the_client(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    clock = ManualClock()
    faults = parse("stall(after=2, keepalive=1)")
    with running_server(recording_in(tmp_path), clock=clock, faults=faults) as running:
        with Client(running) as client:
            client.socket.setblocking(False)
            until_it_sleeps(running, clock, wait_for)
            clock.advance(4.5)
            until_it_sleeps(running, clock, wait_for)
            assert client.read().body == DATA[0] + DATA[1] + 2 * b": keepalive\n\n"
            assert clock.sleepers == 1
        wait_for(running, lambda: len(running.server.journal.ended) == 1)
        assert clock.sleepers == 0
        (exchange,) = running.server.journal
        assert (exchange.events, exchange.ended) == (2, "client left")


def test_a_slow_reader_gets_all_before_the_reset(running: RunningServer) -> None:
    reply = ask(running, "huge_event(at=2, size=1M); reset_peer(after=2)")
    assert reply.end == "RST"
    assert len(reply.body) == len(DATA[0] + DATA[1]) + 1024 * 1024 + len(b',"obfuscation":""')


@pytest.mark.parametrize(
    ("fault", "length", "sent"),
    [
        ("close(after=2)", len(DATA[0] + DATA[1]), len(DATA[0] + DATA[1])),
        ("cut(after=2)", len(DATA[0] + DATA[1]) + 1, len(DATA[0] + DATA[1])),
        ("abort(after=2)", len(DATA[0] + DATA[1]) + 1, len(DATA[0] + DATA[1])),
        ("slicer(size=9)", len(SOUND), len(SOUND)),
        ("stall(seconds=0.01, keepalive=0.001)", len(SOUND), len(SOUND)),
    ],
)
def test_a_client_of_http_1_0_is_told_the_length(
    fault: str, length: int, sent: int, running: RunningServer
) -> None:
    reply = ask(running, fault, version="1.0")
    assert (reply.head[1]["content-length"], reply.end) == (str(length), "FIN")
    assert reply.rest == SOUND[:sent]


SCRIPT = """\
output:
- message: {text: "Hello there"}
- function_call: {name: get_weather, arguments: {city: Paris}}
"""
# Text in the Response with which the stream ends, and in the answer without stream; b"!..." is not there.
OUTPUTS = {
    "code_fence": b'"text":"```json\\nHello there\\n```"',
    "almost_json(of=arguments, kind=cut)": b'"arguments":"{\\"city\\": \\"Paris\\""',
    "empty_text": b'"text":""',
    "refusal(message=No)": b'{"type":"refusal","refusal":"No"}',
    "other_language(language=de)": b"Entschuldigung",
    "long_text(size=20K)": b"2. Hello there",
    "repeated_text(count=2)": b"Hello there Hello there Hello there",
    "odd_characters": b"!Hello there",
    "cut_arguments": b'"arguments":"{\\"city\\":"',
    "wrong_types": b'"arguments":"{\\"city\\":[\\"Paris\\"]}"',
    "missing_argument": b'"arguments":"{}"',
    "empty_arguments": b'"arguments":""',
    "unknown_tool": b'"name":"do_everything"',
    "same_call_twice": b"Paris",
    "text_and_call": b"Hello there",
    "call_after_answer": b"Paris",
    "endless_calls": b"Paris",
    "unknown_item": b"hologram_call",
}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose recording has a text and a call."""
    folder = tmp_path_factory.mktemp("fixtures")
    (folder / "a.script.yaml").write_text(SCRIPT)
    with running_server(folder, pace=Pace(speed=math.inf)) as running:
        yield running


@pytest.mark.parametrize(("fault", "expected"), OUTPUTS.items())
def test_the_output_of_the_model_changes_with_and_without_a_stream(
    fault: str, expected: bytes, agent: RunningServer
) -> None:
    reply = ask(agent, fault)
    assert reply.complete
    last = events(reply)[-1]
    assert last.startswith(b"event: response.completed\n")
    body = ask(agent, fault, stream=False)
    assert body.head[1]["content-length"] == str(len(body.rest))
    assert json.loads(body.rest)["status"] == "completed"
    for text in (last, body.rest):
        assert (expected.removeprefix(b"!") in text) is not expected.startswith(b"!")


def test_every_fault_is_in_one_of_the_tables() -> None:
    tested = [*COMPLETE, *ANSWERS, *BREAKS, *TIMES, *OUTPUTS, "bandwidth"]
    over_http = {name for name, fault in FAULTS.items() if fault.category != "socket"}
    assert {text.partition("(")[0] for text in tested} == over_http
