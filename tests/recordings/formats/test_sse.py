from pathlib import Path

import pytest

from respool.errors import Effect, RecordingError
from respool.protocol.sse import encode
from respool.recordings.formats import jsonl, sse
from respool.recordings.recording import Recording, TimedEvent, Verbatim, wire_bytes

VERBATIM = (Path(__file__).parents[2] / "data/verbatim.jsonl").read_bytes().decode().split("\n")

A, B = '{"type":"a"}', '{"type":"b"}'


def read(text: str | bytes) -> tuple[Recording, ...]:
    return sse.read(text.encode() if isinstance(text, str) else text, "a", "a.sse")


def events(text: str | bytes) -> list[tuple[str, str]]:
    [turn] = read(text)
    return [(timed.event.type, timed.event.text) for timed in turn.events]


def damage(data: str | bytes) -> RecordingError:
    notes: list[RecordingError] = []
    sse.read(data.encode() if isinstance(data, str) else data, "a", "a.sse", notes.append)
    read(data)  # a damage of the wire is no reason to refuse what was captured
    assert {note.effect for note in notes} == {Effect.CAPTURED}
    return notes[0]


def wire(turns: tuple[Recording, ...]) -> bytes:
    """What is sent of these turns."""
    return b"".join(
        wire_bytes(entry.text)
        if isinstance(entry, Verbatim)
        else encode(entry.event.text, entry.event.type)
        if entry.frame is None
        else wire_bytes(entry.frame)
        for turn in turns
        for entry in turn.entries
    )


def test_event_texts_are_those_of_the_data_lines_byte_for_byte() -> None:
    texts = [line for line in VERBATIM if line.startswith("{")]
    assert len(texts) > 10
    stream = b"".join(encode(text) for text in texts)
    assert [text for _, text in events(stream)] == texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"event: a\ndata: {A}\n\n", [("a", A)]),
        (f"data: {A}\n\n", [("a", A)]),
        (f"event: other\ndata: {A}\n\n", [("a", A)]),
        ('event: ping\ndata: {"x":1}\n\n', [("ping", '{"x":1}')]),
        ('data: {"x":1}\n\n', [("message", '{"x":1}')]),
        ('event:\ndata: {"x":1}\n\n', [("message", '{"x":1}')]),
        (f"data:{A}\r\n\r\ndata:{B}\r\n\r\n", [("a", A), ("b", B)]),
        (f"data: {A}\r\rdata: {B}\r", [("a", A), ("b", B)]),
        (f"\ufeff: hello\n\ndata: {A}\n\n:\n\nid: 1\nretry: 5\ndata: {B}", [("a", A), ("b", B)]),
        (f"data:  {A} \t\n\n", [("a", f" {A} \t")]),
        ('data: {\ndata: "type": "a"\ndata:}\n\n', [("a", '{\n"type": "a"\n}')]),
        ('data: {"type":"a","x":\ndata: {"y":1}\ndata: }\n\n', [("a", '{"type":"a","x":\n{"y":1}\n}')]),
        (f"data: {A}\ndata: {B}\n\n", [("a", A), ("b", B)]),
        (f"event: x\ndata: {A}\nevent: y\ndata: {B}\n", [("a", A), ("b", B)]),
    ],
)
def test_streams_as_tools_print_them(text: str, expected: list[tuple[str, str]]) -> None:
    assert events(text) == expected


@pytest.mark.parametrize("text", ["", "\n\n", ": comment\n\n", "event: a\n\n", "data: [DONE]\n\n", "hello\n"])
def test_a_stream_without_events_has_no_turns(text: str) -> None:
    assert read(text) == ()


def test_events_have_no_times_but_know_their_lines() -> None:
    [turn] = read(f'event: a\ndata: {A}\n\n: x\ndata: {{\ndata: "type":"b"}}\n\ndata: {A}\ndata: {B}\n')
    assert [(timed.gap, timed.line) for timed in turn.events] == [(None, 2), (None, 5), (None, 8), (None, 9)]


@pytest.mark.parametrize("sentinel", ["data: [DONE]\n\n", "data:[DONE]\n", "data:  [DONE] \r\n\r\n"])
def test_the_sentinel_is_no_event_but_is_noted(sentinel: str) -> None:
    [turn] = read(f"data: {A}\n\n{sentinel}")
    assert len(turn.events) == 1
    assert turn.header.done


def test_the_sentinel_may_lack_its_blank_line_as_events_may() -> None:
    [turn] = read(f"data: {A}\ndata: {B}\ndata: [DONE]\n")
    assert [timed.event.text for timed in turn.events] == [A, B]
    assert turn.header.done


def test_each_response_of_a_stream_is_a_turn() -> None:
    def created(id: str) -> str:
        return f'data: {{"type":"response.created","response":{{"id":"{id}"}}}}\n\n'

    turns = read(created("a") + f"data: {A}\n\ndata: [DONE]\n\n" + created("b") + f"data: {B}\n\n")
    assert [(turn.name, len(turn.events), turn.header.done) for turn in turns] == [
        ("a", 2, True),
        ("a#2", 2, False),
    ]


DAMAGE = {
    "cut": (f'data: {A}\n\nevent: b\ndata: {{"type":"b', "4:15: not JSON: unterminated string"),
    "no JSON": ("data: hello\n\n", "1:7: not JSON: expecting value"),
    "no space after the colon": ("data:hello\n\n", "1:6: not JSON: expecting value"),
    "in the second of several lines": ('data: {"type":\ndata:x}\n\n', "2:6: not JSON: expecting value"),
    "beyond the first of several lines": (
        'data: {"type"\n: comment\ndata:  "a"}\n\n',
        "3:8: not JSON: expecting ':' delimiter",
    ),
    "after a BOM": ("\ufeffdata: x\n\n", "1:7: not JSON: expecting value"),
    "two events in one data line": (f"data: {A}{B}\n\n", "1:19: not JSON: extra data"),
    "an array": ("data: []\n\n", "1:7: an event is a JSON object, but this is an array"),
    "type is no string": (
        'event: a\ndata: {"type":1}\n\n',
        '2:7: an event needs a "type" that is a string, but its "type" is an integer',
    ),
    "too deep": ("data: " + "[" * 100_000, "1:7: the JSON is nested too deeply"),
    "invalid UTF-8": (b'data: {"type":"a"}\r\n\r\ndata: {"x\xff', "3:10: byte 0xff is not UTF-8"),
}


@pytest.mark.parametrize(("data", "expected"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_told_with_its_place_and_cause(data: str | bytes, expected: str) -> None:
    assert str(damage(data)) == f"a.sse:{expected}"


def test_a_number_of_thousands_of_digits_is_a_damage() -> None:
    refused = damage(f'data: {{"type":"a","x":{"1" * 5000}}}\n\n')
    assert (refused.line, refused.column) == (1, 7)


@pytest.mark.parametrize(
    "data", [f'data: {A}\ndata: {B}\ndata: {{"type":\n', f"data: {A}\ndata: {B}\ndata: {A[1:]}\n"]
)
def test_where_blank_lines_lack_the_place_is_that_of_the_damaged_line(data: str) -> None:
    assert damage(data).line == 3


def test_with_an_on_damage_that_returns_what_is_sound_is_read() -> None:
    damages: list[RecordingError] = []
    data = (
        f"data: {A}\n\ndata: x\n\n".encode()
        + b"\xff: y\r\ndata: \xfe\n\n"
        + f"data: []\n\ndata: {B}".encode()
    )
    [turn] = sse.read(data, "a", "a.sse", damages.append)
    assert [(timed.event.text, timed.line) for timed in turn.events] == [(A, 1), (B, 10)]
    places = [(note.path, note.line, note.column) for note in damages]
    assert places == [("a.sse", 3, 7), ("a.sse", 5, 1), ("a.sse", 6, 7), ("a.sse", 8, 7)]


@pytest.mark.parametrize(
    "text",
    [
        f": OPENROUTER PROCESSING\n\ndata: {A}\n\n: again\n\ndata: {B}\n\n",
        f"event: a\nid: 1\nretry: 5\ndata: {A}\n\n",
        f"event: a\r\ndata: {A}\r\n\r\n",
        f"data:{A}\n\ndata:\n\n",
        f"data: {A}\n\ndata: error: out of memory\n\n",
        f"data: {A}\n\ndata: <html>\n\n",
        f'data: {A}\n\nevent: b\ndata: {{"type":"b\ndata: {{"type":"error"}}\n\n',
        f'data: {A}\n\n{{"error":{{}}}}\n',
        f'data: {A}\n\ndata: {{"type":',
        f"event: done\ndata: [DONE]\n\ndata: {A}\n\n",
        f"data: {A}\n\nevent: done\ndata: [DONE]\n\n",
        f"data: {A}\n\n: \udce9 is no UTF-8\n\ndata: \udcff\n\n",
    ],
)
def test_what_was_captured_plays_as_it_was_captured_and_is_kept_by_the_native_format(text: str) -> None:
    data = text.encode(errors="surrogateescape")
    turns = read(data)
    assert wire(turns) == data
    again = jsonl.read(jsonl.write(turns).encode(), "a", "a.jsonl")
    assert [turn.entries for turn in again] == [turn.entries for turn in turns]


def test_what_follows_the_end_of_a_response_begins_the_next_turn() -> None:
    ended = 'data: {"type":"response.completed"}\n\n'
    created = 'data: {"type":"response.created"}\n\n'
    first, second = read(f"{created}{ended}: hello\n\n{created}{ended}: bye\n\n")
    assert [type(entry) for entry in first.entries] == [TimedEvent, TimedEvent]
    assert [type(entry) for entry in second.entries] == [Verbatim, TimedEvent, TimedEvent, Verbatim]


def test_a_capture_without_a_last_blank_line_is_given_one() -> None:
    assert wire(read(f"data: {A}")) == f"data: {A}\n\n".encode()


def test_a_line_that_is_passed_over_ends_no_event() -> None:
    [turn] = sse.read(b'event: ping\n\xff\ndata: {"x":1}\n\n', "a", "a.sse", lambda damage: None)
    assert [timed.event.type for timed in turn.events] == ["ping"]


@pytest.mark.parametrize(
    ("data", "is_stream"),
    [
        (f"data: {A}\n\n", True),
        (f"data:{A}\n\n", True),
        (f"event: response.created\ndata: {A}\n\n", True),
        ("event:response.created\n", True),
        ("event: error\n", True),
        ("event: keepalive\n", True),
        ("data: [DONE]\n\n", True),
        (f"\ufeffdata: {A}\n\n", True),
        (f": comment\r\rdata: {A}\r\r", True),
        (f"id: 1\r\ndata: {A}\r\n", True),
        ("", False),
        (A, False),
        (f"    event: a\n    data: {A}\n\n", True),  # copied from a text
        (f" event: a\ndata: {A}\n-- b --\n", False),
        (f"-- a.sse --\ndata: {A}\n\n", False),  # a txtar
        ("data: hello\n\n", False),
        ("event: add\ndata: 1\n\n", False),
        (f'{{"body":"data: {A}"}}', False),
        (b"\xff\xfed\x00a\x00t\x00a\x00", False),
        ("x" * 70_000 + f"\ndata: {A}\n\n", False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_format_is_recognised_by_a_line_near_the_start(data: str | bytes, is_stream: bool) -> None:
    assert sse.sniff(data.encode() if isinstance(data, str) else data) is is_stream


@pytest.mark.parametrize("indent", ["    ", "\t"])
def test_a_stream_that_is_indented_plays_as_if_it_were_not(indent: str) -> None:
    text = "".join(f"{indent}{line}\n" if line else "\n" for line in f"event: a\ndata: {A}\n".split("\n"))
    (turn,) = sse.read(text.encode(), "a", "a.sse")
    assert ([timed.event.text for timed in turn.events], turn.events[0].line) == ([A], 2)
    assert turn.captured is None
