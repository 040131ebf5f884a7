"""What is told of exchanges becomes files, and no secret of them is in any, at any moment."""

import dataclasses
import json
import threading
from itertools import accumulate
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

from respool.play.pace import Pace
from respool.protocol.events import Event
from respool.protocol.sse import encode
from respool.record.exchange import COMPLETE, RecordedRequest
from respool.record.recorder import Desk, Recorder
from respool.record.recording_set import RecordOptions
from respool.record.routes import CREATE, Route
from respool.recordings.store import Store

HEADERS = (("content-type", "text/event-stream"), ("set-cookie", f"session={SECRETS['cookie']}"))


def request() -> RecordedRequest:
    path, _, query = URL.partition("?")
    body = json.dumps(BODY).encode()
    return RecordedRequest("POST", Route(path, CREATE), query, REQUEST_HEADERS_GIVEN, body, 0.0, 10.0)


def texts(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [*(path.read_text() for path in files), *map(str, files)]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_thirty_planted_secrets_are_in_no_file(tmp_path: Path, size: int) -> None:
    desk = Desk(tmp_path / "into", RecordOptions(redactor=redactor()))
    desk.receive((1, "begin", (request(),)))
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
    broken = recorder.begin(request())
    broken.head("no status", (), 0.0)  # type: ignore[arg-type]
    fine = recorder.begin(request())
    fine.head(200, (), 11.0)
    fine.chunk(b"{}", 11.0)
    fine.end(COMPLETE, 12.0)
    recorder.close(13.0)
    assert any("not recorded" in problem for problem in recorder.recordings.problems)
    assert any(path.suffix == ".jsonl" for path in tmp_path.rglob("*"))


def test_recorded_moments_are_those_of_the_schedule_to_the_microsecond(tmp_path: Path) -> None:
    store = Store(Path(__file__).parents[2] / "fixtures")
    original = store.turns("text/hello")[0]
    moments = Pace().moments(original)
    desk = Desk(tmp_path, RecordOptions())
    desk.receive(
        (1, "begin", (RecordedRequest("POST", Route("/v1/responses", CREATE), "", (), b"{}", 0.0, 50.0),))
    )
    desk.receive((1, "head", (200, HEADERS[:1], 50.0 + moments[0])))
    for timed, moment in zip(original.events, moments, strict=True):
        desk.receive((1, "chunk", (encode(timed.event.text, timed.event.type), 50.0 + moment)))
    desk.receive((1, "end", (COMPLETE, 50.0 + moments[-1], "recorded")))
    recorded = Store(tmp_path).only
    assert recorded is not None
    times = list(accumulate(timed.gap or 0.0 for timed in recorded.events))
    assert times == pytest.approx(list(moments), abs=len(moments) * 0.5e-6)
    assert recorded.events[-1].event.type == "response.completed"


def test_a_recorder_that_cannot_keep_up_ends_a_recording_and_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, most=100_000)
    held, resume = threading.Event(), threading.Event()
    recorder.when_written(lambda: (held.set(), resume.wait(20)))
    held.wait(20)  # now nothing is worked through
    long = recorder.begin(request())
    long.head(200, HEADERS, 11.0)
    frames = [encode(text, Event.parse(text).type) for text in stream(TEXT, ARGUMENTS, 50)]
    long.chunk(frames[0], 11.5)
    long.chunk(b"x" * 200_000, 12.0)
    long.chunk(frames[1], 12.5)
    long.end(COMPLETE, 13.0)
    none = recorder.begin(dataclasses.replace(request(), body=b"x" * 200_000))
    none.head(200, HEADERS, 14.0)
    none.end(COMPLETE, 15.0)
    resume.set()
    short = recorder.begin(request())
    recorder.flush()
    for part in (lambda: short.head(200, (), 16.0), lambda: short.chunk(b"{}", 16.0)):
        part()
    short.end(COMPLETE, 17.0)
    recorder.close(18.0)
    ended, skipped = recorder.recordings.problems
    assert "is not recorded to its end: the recorder is 0 MiB behind; what came before is in " in ended
    assert skipped == "an answer is not recorded: the recorder is 0 MiB behind"
    assert Path(ended.rpartition(" ")[2]).read_text().count("\n") == 2  # the header and one event
    assert len(Store(tmp_path).names) == 1
