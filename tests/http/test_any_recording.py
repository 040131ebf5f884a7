"""Whatever a recording holds: it is refused when it is read, or every endpoint answers with no error of the
server's own."""

import asyncio
import itertools
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Call
from tests.http.odd_recordings import nested, recordings

from respool.http import create_app
from respool.play.clock import ManualClock
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

_CREATED = '{"type":"response.created","sequence_number":0,"response":{"id":"resp_a",%s"output":[]}}\n'
_END = (
    '[5, {"type":"response.completed","sequence_number":9,'
    '"response":{"id":"resp_a","status":"completed","output":[]}}]\n'
)
FOUND = [  # each was an internal error once
    _CREATED % '"temperature":NaN,' + _END,
    _CREATED % '"temperature":1e400,' + _END,
    _CREATED % "" + '{"type":"response.completed","sequence_number":1,"response":[1]}\n',
    '{"type":"response.created","sequence_number":0}\n' + _CREATED % "" + _END,
    '{"respool":1,"status":500,"body":"\\ud800"}\n',
    '{"respool":1,"status":500,"body":{"a":"\\ud800","b":NaN}}\n',
    *(_CREATED % f'"metadata":{nested(depth)},' + _END for depth in (400, 496, 955, 975, 985)),
]


async def _ask(
    app: Any,
    clock: ManualClock,
    recorded: set[int],
    found: list[str | None],
    method: str,
    path: str,
    body: Any = None,
) -> Call:
    """Call the app; time passes until it has answered. What is wrong with the answer is added to `found`."""
    what = f"{method} {path} {body}"
    path, _, query = path.partition("?")
    call = Call(app, path, body, method=method, query_string=query.encode())
    for _ in range(300):
        await asyncio.sleep(0)
        if call.task.done():
            break
        clock.advance(1.0)
    else:
        call.leave()
    await call.task
    found.append(_problem(call, what, recorded))
    return call


def _problem(call: Call, what: str, recorded: set[int]) -> str | None:
    """What is wrong with an answer: an error of the server that no recording holds."""
    status = call.status
    if status is None:
        return f"{what}: no answer"
    if status < 500 or status in recorded:
        return None
    error = json.loads(call.body).get("error", {})
    if error.get("code") == "recording_without_end":
        return None
    return f"{what}: {status} {call.body[:300]!r}"


_IN_BAND = {500}  # an `error` event is told as an HTTP error to who asks without stream


OPTIONS: list[dict[str, Any]] = [
    {},
    {"ids": "fresh"},
    {"on_unknown_id": "default", "default": "odd"},
    {"keepalive": 0.1, "framing": "normal"},
]


async def _problems(folder: Path, several: list[dict[str, Any]]) -> list[str]:
    """Ask all endpoints for the recording, of servers with these options, and tell what went wrong."""
    clock = ManualClock()
    store = Store([folder])
    turn = store.get("odd")
    if turn is None:
        return [] if store.refused or store.passed_over else ["neither served nor refused"]
    recorded = {turn.header.status}
    if any(timed.event.type == "error" for timed in turn.events):
        recorded |= _IN_BAND
    found: list[str | None] = []
    for options in several:
        server = MockServer(store, clock=clock, **options)
        ask = partial(_ask, create_app(server), clock, recorded, found)
        await ask("GET", "/v1/models")
        await ask("GET", "/v1/models/odd")
        asked = {"model": "odd", "input": "hi"}
        await ask("POST", "/v1/responses", {**asked, "stream": True})
        plain = {"stream_options": {"include_obfuscation": False}}
        await ask("POST", "/v1/responses", {**asked, "stream": True, **plain})
        await ask("POST", "/v1/responses", {**asked, "instructions": "x", "temperature": 0.5})
        conversation = json.loads((await ask("POST", "/v1/conversations", {"items": []})).body)["id"]
        await ask("POST", "/v1/responses", {**asked, "conversation": conversation})
        await ask("GET", f"/v1/conversations/{conversation}/items")
        for stream in (False, True):
            await ask("POST", "/v1/responses", {**asked, "background": True, "stream": stream})
            ids = [playback.id for playback in server.history if playback.background and playback.id]
            id_ = ids[-1] if ids else "resp_x"
            place = f"/v1/responses/{quote(id_, safe='', errors='replace')}"
            await ask("GET", place)
            await ask("GET", f"{place}?stream=true&starting_after=0")
            await ask("GET", f"{place}/input_items")
            await ask("POST", f"{place}/cancel")
            await ask("GET", place)
            await ask("GET", f"{place}?stream=true")
            for ending in ("", "/input_tokens", "/compact"):
                await ask("POST", f"/v1/responses{ending}", {**asked, "previous_response_id": id_})
            await ask("DELETE", place)
    return [one for one in found if one]


_NUMBERS = itertools.count()


def _check(
    text: str, options: list[dict[str, Any]], folders: pytest.TempPathFactory, log: pytest.LogCaptureFixture
) -> None:
    folder = folders.getbasetemp() / f"odd{next(_NUMBERS)}"
    folder.mkdir()
    (folder / "odd.jsonl").write_bytes(text.encode())
    log.clear()
    with log.at_level(logging.WARNING):
        problems = asyncio.run(_problems(folder, options))
    tracebacks = [record.getMessage() for record in log.records if record.exc_info]
    assert (problems, tracebacks) == ([], []), text[:2000]


@pytest.mark.parametrize("text", FOUND)
def test_what_once_was_an_internal_error_is_none(
    text: str, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    _check(text, OPTIONS, tmp_path_factory, caplog)


@settings(
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.function_scoped_fixture]
)
@given(text=recordings, options=st.sampled_from(OPTIONS))
def test_no_recording_is_an_error_of_the_server(
    text: str,
    options: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _check(text, [options], tmp_path_factory, caplog)
