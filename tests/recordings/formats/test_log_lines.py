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
        ("Feb 03 23:59:59", "Feb 04 00:00:00", "Feb 04 00:00:02"),  # ts
        (
            "Feb 03 08:00:00 host app[123]:",
            "Feb 03 08:00:01 host app[123]:",
            "Feb 03 08:00:03 host app[123]:",
        ),
        ("00:00:00", "00:00:01", "00:00:03"),  # ts -s
        ("[23:59:59.500]", "[00:00:00.500]", "[00:00:02.500]"),
        ("0.010000", "1.010000", "3.010000"),  # ts -s %.s
    ],
)
@pytest.mark.parametrize("between", [" ", " data: "])
def test_times_of_other_loggers_give_gaps(times: tuple[str, ...], between: str) -> None:
    lines = [f"{time}{between}{text}" for time, text in zip(times, TEXTS, strict=True)]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)
    assert [timed.gap for timed in turn.events] == [None, 1.0, 2.0]


@pytest.mark.parametrize(
    ("prefix", "gaps"),
    [
        ("<- ", [None, None, None]),
        ("Event: ", [None, None, None]),
        ("> ", [None, None, None]),
        ('time={time} level=debug msg="an event" data=', [None, 0.25, 1.0]),
    ],
)
def test_events_behind_an_arrow_or_words_are_read(prefix: str, gaps: list[float | None]) -> None:
    lines = [prefix.format(time=time) + text for time, text in zip(TIMES, TEXTS, strict=True)]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.txt")
    assert [(timed.gap, timed.event.text) for timed in turn.events] == list(zip(gaps, TEXTS, strict=True))


def test_what_a_client_of_a_socket_sends_in_a_log_is_the_request() -> None:
    create = '{"type":"response.create","model":"m","input":"Hi","stream_id":"a"}'
    lines = [f"> {create}", *(f'< {text[:-1]},"stream_id":"a"}}' for text in TEXTS)]
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log")
    assert turn.header.request == {"model": "m", "input": "Hi"}
    assert len(turn.events) == 3


def test_a_stream_of_docker_keeps_its_event_lines_and_its_end() -> None:
    lines = [f"{TIMES[0]} {line}" for line in [*SSE.split("\n")[:-1], "data: [DONE]", ""]]
    notes: list[RecordingError] = []
    [turn] = formats.read("\n".join(lines).encode(), "a", "a.log", notes.append)
    assert (len(turn.events), turn.captured, turn.header.done, notes) == (3, None, True, [])


@pytest.mark.parametrize("text", ["events:\n  - {0}\n  - {1}\n  - {2}\n", "a: {0}\nb: {1}\nc: {2}\n"])
def test_yaml_is_no_log(text: str) -> None:
    assert formats.sniff(text.format(*TEXTS).encode(), "a.yaml") == "document"
