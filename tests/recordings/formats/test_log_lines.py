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


@pytest.mark.parametrize(
    "times",
    [
        ("1770105600", "1770105601", "1770105603"),
        ("1770105600.000", "1770105601.000", "1770105603.000"),
        ("1770105600000", "1770105601000", "1770105603000"),
        ("[1770105600.000000]", "[1770105601.000000]", "[1770105603.000000]"),
        ("1770105600000:", "1770105601000:", "1770105603000:"),
        *[tuple(f"[03/Feb/2026:08:00:0{second} +0100]" for second in (0, 1, 3))],
        *[tuple(f"I0203 08:00:0{second}.000000   12345 stream.go:77]" for second in (0, 1, 3))],
        *[tuple(f"\x1b[32m2026-02-03T08:00:0{second}Z\x1b[0m INFO" for second in (0, 1, 3))],
    ],
)
@pytest.mark.parametrize("between", [" ", " data: "])
def test_times_of_other_loggers_give_gaps(times: tuple[str, ...], between: str) -> None:
    lines = [f"{time}{between}{text}" for time, text in zip(times, TEXTS, strict=True)]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert [timed.gap for timed in turn.events] == [None, 1.0, 2.0]
