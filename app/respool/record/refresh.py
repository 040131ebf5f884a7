"""Refresh: send recorded requests again, and compare the answers with the recordings."""

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from respool.diff import TurnDiff, compare
from respool.errors import RespoolError
from respool.protocol.events import compact
from respool.record.exchange import COMPLETE, CUT, RESET, RecordedExchange, RecordedRequest
from respool.record.redaction import Redactor
from respool.record.routes import CREATE, Route
from respool.record.upstream import EndedEarly, Unreachable, Upstream
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store

_PATH = "/v1/responses"
_HEADERS = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))


async def _all(
    upstream: Upstream, path: Path, redactor: Redactor
) -> AsyncIterator[tuple[str, int, TurnDiff | str]]:
    store = Store(path)
    async with upstream:
        for name in store.names:
            for number, turn in enumerate(store.turns(name), 1):
                yield name, number, await _again(upstream, turn, redactor)


async def refresh(
    upstream: Upstream, path: Path, redactor: Redactor
) -> Sequence[tuple[str, int, TurnDiff | str]]:
    """Return for each turn below `path` its name, its number, and its difference now, or why that is unknown.

    A turn that continues a response by its id can only be sent again while the upstream has that response.
    """
    return [found async for found in _all(upstream, path, redactor)]


async def _again(upstream: Upstream, recorded: Recording, redactor: Redactor) -> TurnDiff | str:
    body = dict(recorded.header.request)
    if not body:
        return "has no request that could be sent again"
    try:
        now = await record_answer(upstream, compact(body).encode(), redactor)
    except RespoolError as error:
        return str(error)
    return compare(recorded, now) if now else "got no answer"


async def record_answer(upstream: Upstream, body: bytes, redactor: Redactor) -> Recording | None:
    """Send a request to create a response; return the recording of its answer."""
    began = time.monotonic()
    exchange = RecordedExchange(
        RecordedRequest("POST", Route(_PATH, CREATE), "", (), body, time.time(), began), redactor
    )
    how = COMPLETE
    try:
        answer = await upstream.stream("POST", upstream.target(_PATH, b""), _HEADERS, body)
        try:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
            exchange.head(answer.status, headers, time.monotonic())
            async for chunk in answer.body:
                exchange.chunk(chunk, time.monotonic())
        finally:
            await answer.close()
    except Unreachable:
        raise
    except EndedEarly as error:
        how = RESET if error.reset else CUT
    turn = exchange.end(how, time.monotonic())
    if turn is None:
        return None
    return next(iter(jsonl.read(turn.redacted(redactor).render().encode(), "now", "the answer")), None)
