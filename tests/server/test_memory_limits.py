"""What a server holds of requests, all together: bounded in bytes, by one setting."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from respool.errors import OptionError
from respool.recordings.recording import Recording
from respool.server.memory_limits import DEFAULT_MEMORY, LEAST_MEMORY, MIB, HeldBytes, MemoryLimits
from respool.server.mock_server import MockServer

Serve = Callable[..., MockServer]
Make = Callable[..., Recording]
SMALL = 27 * MIB  # a 32nd of the default: 8 MiB for sessions, 2 for one and for renditions, 1 for the journal
ENDS = (0.0, "response.completed", {"response": {"id": "resp_1"}})


def test_the_parts_are_the_whole() -> None:
    limits = MemoryLimits()
    assert limits.total == limits.sessions + limits.renditions + limits.journal + limits.faults
    assert (limits.sessions, limits.session, limits.journal) == (256 * MIB, 64 * MIB, 32 * MIB)


def test_a_larger_whole_has_larger_parts() -> None:
    small, large = MemoryLimits(SMALL), MemoryLimits(2 * DEFAULT_MEMORY)
    assert (small.sessions, small.session, small.renditions, small.journal) == (
        8 * MIB,
        2 * MIB,
        2 * MIB,
        MIB,
    )
    assert large.faults == 1024 * MIB


def test_too_little_is_refused(server: Serve) -> None:
    with pytest.raises(OptionError, match=r"^max-memory is 1000 bytes, expected at least"):
        server(max_memory=1000)
    assert server(max_memory=LEAST_MEMORY).limits.total == LEAST_MEMORY


def test_answers_under_way_are_counted_and_one_alone_is_never_too_much() -> None:
    held = HeldBytes(100)
    assert held.take(1000)
    assert not held.take(1)
    held.give_back(1000)
    assert held.take(60)
    assert held.take(40)
    assert not held.take(1)


async def ask(call: Any, serving: MockServer, size: int, number: int, session: str = "", **more: Any) -> None:
    body = {"model": "a", "input": f"{number}" + "x" * size, **more}
    answer = call(serving, body=body, headers=[("x-respool-session", session)] if session else [])
    await answer.task
    assert answer.status == 200
    assert json.loads(answer.body)


async def test_requests_of_a_session_are_bounded(server: Serve, recording: Make, call: Any) -> None:
    serving = server(recording("a", [ENDS]), ids="fresh", max_memory=SMALL)
    for number in range(30):
        await ask(call, serving, MIB // 4, number)
    held = sum(playback.size for playback in serving.history)
    assert MIB < held <= serving.limits.session
    assert sum(len(exchange.body) for exchange in serving.journal) <= serving.limits.journal
    assert len(serving.journal) == 30


async def test_all_sessions_hold_a_bounded_number_of_bytes_together(
    server: Serve, recording: Make, call: Any
) -> None:
    serving = server(recording("a", [ENDS]), max_memory=SMALL)
    for number in range(40):
        await ask(call, serving, MIB // 2, number, f"s{number}")
    held = sum(playback.size for session in serving.sessions for playback in session.history)
    assert 4 * MIB < held <= serving.limits.sessions


async def test_changed_renditions_are_bounded(server: Serve, recording: Make, call: Any) -> None:
    text = "x" * (MIB // 8)
    events = [(0.0, "response.completed", {"response": {"id": "resp_1", "instructions": text}})]
    serving = server(recording("a", events), ids="fresh", max_memory=SMALL)
    for number in range(20):
        await ask(call, serving, 10, number, instructions=f"{number}{text}")
    assert 0 < serving.renditions._cache.used <= serving.limits.renditions


async def test_what_is_stored_of_a_body_of_many_values_is_its_text(
    server: Serve, recording: Make, call: Any
) -> None:
    serving = server(recording("a"))
    body = b'{"model":"a","background":true,"z":[' + b"[]," * 49_000 + b"0]}"
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            answer = call(serving, body=body)
            await answer.task
            assert answer.status == 200
        del answer
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 5 * (2 * len(body) + 64 * 1024), "parsed, each would be 3 MB"


async def test_the_journal_keeps_no_more_of_a_fault_than_its_limit(server: Serve, call: Any) -> None:
    serving = server()
    for size in (8000, 9000):
        headers = [("x-respool-fault", f'status(message="{"m" * size}")')]
        answer = call(serving, body={"model": "a"}, headers=headers)
        await answer.task
    assert [sum(map(len, exchange.faults)) // 1000 for exchange in serving.journal] == [8, 0]
