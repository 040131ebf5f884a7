"""What is told of exchanges becomes files, and no secret of them is in any, at any moment."""

import json
from pathlib import Path

import pytest
from planted_secrets import (
    ARGUMENTS,
    BODY,
    REQUEST_HEADERS_GIVEN,
    SECRETS,
    TEXT,
    URL,
    leaked,
    redactor,
    stream,
)

from respool.protocol.events import Event
from respool.protocol.sse import encode
from respool.record.exchange import COMPLETE, Asked
from respool.record.recorder import Desk, Recorder
from respool.record.recording_set import RecordOptions
from respool.record.routes import CREATE, Route
from respool.recordings.store import Store

HEADERS = (("content-type", "text/event-stream"), ("set-cookie", f"session={SECRETS['cookie']}"))


def asked() -> Asked:
    path, _, query = URL.partition("?")
    body = json.dumps(BODY).encode()
    return Asked("POST", Route(path, CREATE), query, REQUEST_HEADERS_GIVEN, body, 0.0, 10.0)


def texts(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [*(path.read_text() for path in files), *map(str, files)]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_thirty_planted_secrets_are_in_no_file(tmp_path: Path, size: int) -> None:
    desk = Desk(tmp_path / "into", RecordOptions(redactor=redactor()))
    desk.receive((1, "begin", (asked(),)))
    desk.receive((1, "head", (200, HEADERS, 10.5)))
    wire = b"".join(encode(text, Event.parse(text).type) for text in stream(TEXT, ARGUMENTS, size))
    for number, start in enumerate(range(0, len(wire), 611)):
        desk.receive((1, "chunk", (wire[start : start + 611], 11.0 + number)))
        assert number % 40 or leaked(texts(tmp_path / "into")) == []
    desk.receive((1, "end", (COMPLETE, 99.0, "recorded")))
    assert desk.recordings.problems == []
    assert leaked(texts(tmp_path / "into")) == []
    recorded = Store(tmp_path / "into").only
    assert recorded is not None
    assert len(recorded.events) == len(stream(TEXT, ARGUMENTS, size))


def test_a_mistake_costs_one_recording(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    broken = recorder.begin(asked())
    broken.head("no status", (), 0.0)  # type: ignore[arg-type]
    fine = recorder.begin(asked())
    fine.head(200, (), 11.0)
    fine.chunk(b"{}", 11.0)
    fine.end(COMPLETE, 12.0)
    recorder.close(13.0)
    assert any("not recorded" in problem for problem in recorder.recordings.problems)
    assert any(path.suffix == ".jsonl" for path in tmp_path.rglob("*"))
