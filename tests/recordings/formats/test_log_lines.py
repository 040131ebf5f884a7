import pytest
from tests.recordings.formats.format_streams import SSE, TEXTS

from respool.errors import Effect, RecordingError
from respool.recordings import formats

TIMES = ("2026-02-03T08:00:00.000000000Z", "2026-02-03T08:00:00.250000000Z", "2026-02-03T08:00:01.250000000Z")
PREFIXES = {
    "docker logs -t": "{time} ",
    "docker compose": "app-1  | ",
    "docker compose -t": "app-1  | {time} ",
    "kubectl": "{time} stdout F ",
    "logger": "[{time}] INFO app: ",
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_events_behind_prefixes_are_read_with_their_times(prefix: str) -> None:
    lines = [prefix.format(time=time) + text for time, text in zip(TIMES, TEXTS, strict=True)]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert [timed.gap for timed in turn.events] == ([None, 0.25, 1.0] if "{time}" in prefix else [None] * 3)
    assert [timed.line for timed in turn.events] == [1, 2, 3]


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("blank", [True, False])
def test_a_stream_behind_prefixes_is_read(prefix: str, blank: bool) -> None:
    lines = [prefix.format(time=TIMES[0]) + line for line in SSE.split("\n")[:-1] if line or blank]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert turn.captured is None


def test_other_lines_of_the_log_are_counted() -> None:
    notes: list[RecordingError] = []
    lines = [f"{TIMES[0]} started", *(f"{time} got {text}" for time, text in zip(TIMES, TEXTS, strict=True))]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log", notes.append)
    assert len(turn.events) == 3
    assert [(note.line, note.effect) for note in notes] == [(1, Effect.SKIPPED)]
