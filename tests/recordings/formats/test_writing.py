from pathlib import Path

import pytest
from tests.recordings.formats.format_streams import SSE, TEXTS

from respool.errors import RecordingError
from respool.recordings import formats
from respool.recordings.formats import writing
from respool.recordings.recording import Recording

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "fixtures"
SHARED = ROOT.parent / "shared" / "recordings"
PUBLISHED = sorted(path for path in SHARED.rglob("*.*") if path.name != "MANIFEST.json" and path.is_file())
NATIVE = (
    '{"respool":1,"request":{"model":"m","input":"hi"},"headers":{"x-request-id":"req_1"},'
    '"recorded":"2026-11-29T12:00:00Z","done":true}\n'
    + "".join(f"[0.25, {text}]\n" for text in TEXTS)
    + '[0.5, ": bye\\n\\n"]\n'
)


def read(data: bytes, path: str) -> tuple[Recording, ...]:
    return formats.read(data, "a", path)


def texts(turns: tuple[Recording, ...]) -> list[list[str]]:
    return [[timed.event.text for timed in turn.events] for turn in turns]


@pytest.mark.parametrize("name", writing.WRITERS)
@pytest.mark.parametrize("source", [NATIVE, SSE, SSE.replace("\n", "\r\n"), f": hi\n\n{SSE}data: <html>\n\n"])
def test_there_and_back_loses_no_event_text(source: str, name: str) -> None:
    turns = read(source.encode(), "a")
    again = read(writing.WRITERS[name](turns), f"a.{name}")
    assert texts(again) == texts(turns) == [list(TEXTS)]
    assert writing.wire(again[0]) == writing.wire(turns[0])


@pytest.mark.parametrize("name", writing.WRITERS)
@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.jsonl")), ids=lambda path: path.stem)
def test_recordings_of_our_own_come_back_with_all_event_texts(path: Path, name: str) -> None:
    turns = read(path.read_bytes(), str(path))
    if name == "sse" and any(turn.plain for turn in turns):
        with pytest.raises(RecordingError, match="raw SSE cannot hold it"):
            writing.write_sse(turns)
        return
    again = read(writing.WRITERS[name](turns), f"a.{name}")
    assert texts(again) == texts(turns)
    assert [turn.header.body for turn in again] == [turn.header.body for turn in turns]


@pytest.mark.skipif(not PUBLISHED, reason="no ../shared/recordings")
def test_published_recordings_come_back_in_every_format_with_all_event_texts() -> None:
    lost, events = [], 0
    for path in PUBLISHED:
        turns = [turn for turn in read(path.read_bytes(), str(path)) if not turn.plain]
        for name, write in writing.WRITERS.items():
            again = read(write(turns), f"a.{name}")
            native = read(writing.write_native(again), "a.jsonl")
            if not texts(again) == texts(native) == texts(tuple(turns)):
                lost.append((path.name, name))
        events += sum(map(len, texts(tuple(turns))))
    assert lost == []
    assert events > 1000


def test_a_har_keeps_times_request_and_headers() -> None:
    turns = read(NATIVE.encode(), "a")
    [again] = read(writing.write_har(turns), "a.har")
    assert [timed.gap for timed in again.events] == [0.25] * 3
    assert again.header.request == turns[0].header.request
    assert again.header.headers["x-request-id"] == "req_1"
