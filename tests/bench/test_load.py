import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from respool import running_server
from respool.bench import client, load
from respool.bench.load import BEGUN, ENDED, EVENTS, FAILED, PLAYS, STOP, Plan, StreamOutcome, kind, play
from respool.bench.target import LoadTarget
from respool.errors import OptionError
from respool.faults import parse
from respool.play.pace import Pace

FIXTURES = Path(__file__).parents[2] / "fixtures"
INSTANT = Pace(speed=float("inf"))
EVENTS_OF_HELLO = 63
MOMENTS = [0.0] * EVENTS_OF_HELLO

TERMINAL = b'data: {"type":"response.completed"}\n\n'
HEAD = b"HTTP/1.%d 200 OK\r\nContent-Type: text/event-stream\r\n"


def played(target: LoadTarget, plan: Plan) -> tuple[StreamOutcome, Sequence[int]]:
    live = [0] * (STOP + 1)
    return client.run(play(target, plan, live)), live


@pytest.mark.parametrize("moments", [None, MOMENTS], ids=["any answer", "a known recording"])
def test_all_streams_are_played_as_often_as_was_asked(moments: Sequence[float] | None) -> None:
    with running_server(FIXTURES, pace=INSTANT) as server:
        target = LoadTarget(server.base_url, "text/hello")
        outcome, live = played(target, Plan(3, repeat=2, moments=moments))
    assert (outcome.plays, outcome.events, outcome.errors) == (6, 6 * EVENTS_OF_HELLO, {})
    assert len(outcome.ttfe) == 6
    assert len(outcome.late) == (0 if moments is None else outcome.events)
    assert all(value > 0 for value in (*outcome.ttfe, *outcome.late))
    assert outcome.size > 6 * 1000
    counts = {BEGUN: 3, ENDED: 3, PLAYS: 6, EVENTS: outcome.events, FAILED: 0, STOP: 0}
    assert live == [counts[place] for place in range(len(counts))]
    assert [entry.recording for entry in server.server.journal] == ["text/hello"] * 6


@pytest.mark.parametrize(
    ("fault", "moments", "expected"),
    [
        ("status(code=503)", None, "HTTP 503"),
        ("content_type(value=text/html)", None, "not an event stream"),
        ("close(after=5)", None, "no terminal event"),
        ("close(after=5)", MOMENTS, "other number of events"),
        ("duplicate(at=5)", MOMENTS, "other number of events"),
        ("failed(after=5)", None, "response.failed"),
        ("cut(after=5)", None, "cut"),
        ("reset_peer(after=5)", None, "connection reset"),
        ("empty_reply", None, "cut"),
        ("stall(after=5)", None, "timeout"),
    ],
)
def test_what_is_wrong_with_an_answer_is_counted_by_its_kind(
    fault: str, moments: Sequence[float] | None, expected: str
) -> None:
    with running_server(FIXTURES, pace=INSTANT, faults=parse(fault)) as server:
        target = LoadTarget(server.base_url, "text/hello")
        outcome, live = played(target, Plan(2, repeat=2, timeout=0.3, moments=moments))
    assert (outcome.plays, outcome.errors, live[FAILED]) == (0, {expected: 2}, 2)


def test_a_server_that_is_not_there_refuses_each_stream() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        outcome, live = played(LoadTarget(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "x"), Plan(2))
    assert (outcome.errors, live[ENDED]) == ({"connection refused": 2}, 2)


@pytest.mark.parametrize("plan", [Plan(2, duration=0.05), Plan(2, repeat=5)], ids=["duration", "stop"])
def test_what_is_under_way_at_the_end_is_no_error_and_what_was_seen_counts(plan: Plan) -> None:
    with running_server(FIXTURES, pace=INSTANT, faults=parse("stall(after=5)")) as server:
        live = [0] * (STOP + 1)
        if plan.duration is None:
            # As soon as all events before the stall are there.
            live = _StopsAt(10)
        outcome = client.run(play(LoadTarget(server.base_url, "text/hello"), plan, live))
    assert (outcome.plays, outcome.errors) == (0, {})
    assert outcome.events == live[EVENTS]


class _StopsAt(list[int]):
    """What is shared, with a stop once so many events were seen."""

    def __init__(self, events: int) -> None:
        super().__init__([0] * (STOP + 1))
        self._events = events

    def __setitem__(self, place: int, value: int) -> None:  # type: ignore[override]
        super().__setitem__(place, value)
        if place == EVENTS and value >= self._events:
            super().__setitem__(STOP, 1)


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[LoadTarget, list[bytes]]]:
    """A server that gives the answers, one to each connection, and the requests that it got."""
    left, requests = list(answers), []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"}"))
        writer.write(left.pop(0))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield LoadTarget(f"http://127.0.0.1:{port}/v1", "gpt", headers={"X-Key": "1"}), requests


async def test_an_answer_without_a_length_ends_with_its_connection_and_the_next_has_another() -> None:
    async with answering(HEAD % 0 + b"\r\n" + TERMINAL, HEAD % 0 + b"\r\n: nothing\n\n") as (target, _):
        outcome = await play(target, Plan(1, repeat=3), [0] * (STOP + 1))
    assert (outcome.plays, outcome.events, outcome.errors) == (1, 1, {"no terminal event": 1})


async def test_a_server_that_closes_after_each_answer_is_connected_to_again() -> None:
    body = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(TERMINAL) + TERMINAL
    async with answering(*[HEAD % 1 + body] * 3) as (target, requests):
        outcome = await play(target, Plan(1, repeat=3), [0] * (STOP + 1))
    assert (outcome.plays, outcome.errors) == (3, {})
    assert requests == [target.request()] * 3


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (ConnectionAbortedError(), "connection reset"),
        (TimeoutError(), "timeout"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "TLS"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (OSError(24, "Too many open files"), "too many open files"),
        (OSError(), "oserror"),
    ],
)
def test_an_error_of_the_connection_has_a_kind(error: OSError, expected: str) -> None:
    assert kind(error) == expected


def test_more_streams_than_the_system_allows_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits: list[tuple[int, int]] = [(256, 1000)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: limits.append(limit))
    load.allow_open_files(100)
    assert limits == [(256, 1000)]
    load.allow_open_files(900)
    assert limits[1:] == [(1000, 1000)]
    with pytest.raises(OptionError, match="901 streams need 1001 open files, but the system allows 1000"):
        load.allow_open_files(901)


def test_a_load_runs_in_a_process_of_its_own_and_ends_with_a_report_on_ctrl_c() -> None:
    seen: list[int] = []

    def progress(live: Sequence[int]) -> None:
        seen.append(live[EVENTS])
        if live[EVENTS] >= 2 and not live[STOP]:
            raise KeyboardInterrupt

    with running_server(FIXTURES, pace=INSTANT, faults=parse("stall(after=1)")) as server:
        report = load.load(LoadTarget(server.base_url, "text/hello"), Plan(2, moments=MOMENTS), progress)
    assert seen[-1] == 2
    assert (report.interrupted, report.plays, report.events, report.errors) == (True, 0, 2, {})
    assert report.ttfe is not None
    assert report.late is not None
    assert (report.ttfe.count, report.late.count) == (2, 2)
