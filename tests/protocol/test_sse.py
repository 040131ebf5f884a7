import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.protocol import sse
from respool.protocol.sse import DecodeError, Decoder, Message, decode, encode

Bytes = list[bytes]


def message(event: str | None, data: str, *places: tuple[int, int]) -> Message:
    return Message(event, data, places)


# What goes in, and what comes out: for any way to cut the bytes.
CASES = {
    "LF": (b"event: e\ndata: x\n\n", [message("e", "x", (2, 7))]),
    "CRLF": (b"event: e\r\ndata: x\r\n\r\n", [message("e", "x", (2, 7))]),
    "CR": (b"event: e\rdata: x\r\r", [message("e", "x", (2, 7))]),
    "mixed line ends": (
        b"data: a\r\n\ndata: b\r\rdata: c\n\r\ndata: d\r\n\r\n",
        [
            message(None, "a", (1, 7)),
            message(None, "b", (3, 7)),
            message(None, "c", (5, 7)),
            message(None, "d", (7, 7)),
        ],
    ),
    "LF and then CR are two line ends": (
        b"data: a\n\rdata: b\n\r",
        [message(None, "a", (1, 7)), message(None, "b", (3, 7))],
    ),
    "no space after the colon": (b"event:e\ndata:x\n\n", [message("e", "x", (2, 6))]),
    "only one space is removed": (b"event:  e\ndata:  x \n\n", [message(" e", " x ", (2, 7))]),
    "a tab is no space": (b"data:\tx\n\n", [message(None, "\tx", (1, 6))]),
    "colons in the value": (b"event: a:b\ndata: c: d\n\n", [message("a:b", "c: d", (2, 7))]),
    "several data lines": (
        b"data: a\ndata:b\ndata:  c\n\n",
        [message(None, "a\nb\n c", (1, 7), (2, 6), (3, 7))],
    ),
    "other lines between data lines": (
        b"data: a\n: comment\nid: 1\ndata: b\nevent: e\n\n",
        [message("e", "a\nb", (1, 7), (4, 7))],
    ),
    "comments": (
        b": keepalive\n\n:\n\ndata: x\n:data: no\n\n: end\n\n",
        [message(None, "x", (5, 7))],
    ),
    "BOM": (b"\xef\xbb\xbfdata: x\n\n", [message(None, "x", (1, 7))]),
    "BOM before a blank line": (b"\xef\xbb\xbf\ndata: x\n\n", [message(None, "x", (2, 7))]),
    "only the first BOM is skipped": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\ndata: y\n\n",
        [message(None, "y", (3, 7))],
    ),
    "BOM in the data": (b"data: \xef\xbb\xbfx\n\n", [message(None, "\ufeffx", (1, 7))]),
    "BOM alone": (b"\xef\xbb\xbf", []),
    "nothing": (b"", []),
    "blank lines only": (b"\n\r\n\r\n\n", []),
    "empty event name": (b"event:\ndata: x\n\n", [message("", "x", (2, 7))]),
    "event without colon": (b"event: e\nevent\ndata: x\n\n", [message("", "x", (3, 7))]),
    "the last event line counts": (b"event: a\nevent: b\ndata: x\n\n", [message("b", "x", (3, 7))]),
    "an event line without data says nothing": (b"event: e\n\ndata: x\n\n", [message(None, "x", (3, 7))]),
    "an event name is for one message": (
        b"event: e\ndata: x\n\ndata: y\n\n",
        [message("e", "x", (2, 7)), message(None, "y", (4, 7))],
    ),
    "id, retry, unknown and nameless fields": (
        b"id: 7\nretry: 10\nfoo: bar\n data: no\nDATA: no\ndata : no\ndatax\nx\ndata: x\n\n",
        [message(None, "x", (9, 7))],
    ),
    "data without colon": (b"data\n\n", [message(None, "", (1, 5))]),
    "data without value": (b"data:\ndata: \n\n", [message(None, "\n", (1, 6), (2, 7))]),
    "no blank line at the end": (
        b"data: x\n\ndata: y\n",
        [message(None, "x", (1, 7)), message(None, "y", (3, 7))],
    ),
    "no line end at the end": (b"event: e\ndata: x", [message("e", "x", (2, 7))]),
    "CR at the end of the last line": (b"data: x\r", [message(None, "x", (1, 7))]),
    "CR as the blank line at the end": (b"data: x\n\r", [message(None, "x", (1, 7))]),
    "CRLF and then CR at the end": (b"data: x\r\n\r", [message(None, "x", (1, 7))]),
    "characters of two, three and four bytes": (
        "event: ä\ndata: é€😀\n\n".encode(),
        [message("ä", "é€😀", (2, 7))],
    ),
    "characters that some take for line ends": (
        "data: \u2028\u2029\u0085\v\f\x1c\n\n".encode(),
        [message(None, "\u2028\u2029\u0085\v\f\x1c", (1, 7))],
    ),
    "NUL": (b"data: \0\n\n", [message(None, "\0", (1, 7))]),
    "DONE": (b"data: {}\n\ndata: [DONE]\n\n", [message(None, "{}", (1, 7)), message(None, "[DONE]", (3, 7))]),
}

every_case = pytest.mark.parametrize(("data", "messages"), CASES.values(), ids=CASES)


def fed(chunks: Bytes) -> list[Message]:
    decoder = Decoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)] + decoder.finish()


@every_case
def test_messages_of_a_whole_stream(data: bytes, messages: list[Message]) -> None:
    assert decode(data) == messages


@every_case
def test_messages_of_a_stream_fed_byte_by_byte(data: bytes, messages: list[Message]) -> None:
    assert fed([bytes([byte]) for byte in data]) == messages


@every_case
def test_messages_of_a_stream_cut_at_any_one_place(data: bytes, messages: list[Message]) -> None:
    for at in range(len(data) + 1):
        assert fed([data[:at], b"", data[at:]]) == messages


@every_case
def test_a_stream_that_follows_changes_no_message(data: bytes, messages: list[Message]) -> None:
    follows = decode(data + b"\n\ndata: after\n\n")
    assert follows[:-1] == messages
    assert follows[-1].data == "after"


WORDS = (
    b"data: |data:|data|event: |event|id: 1|:| |x|{}|[DONE]|\n|\r|\r\n|\n\n|"
    b"\xef\xbb\xbf|\xc3\xa9|\xf0\x9f\x98\x80|\xc3|\xff"
).split(b"|")


@st.composite
def streams_in_chunks(draw: st.DrawFn) -> Bytes:
    data = b"".join(draw(st.lists(st.sampled_from(WORDS), max_size=30)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=10)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@settings(deadline=None, max_examples=5 * settings.default.max_examples)
@given(streams_in_chunks())
def test_any_split_of_any_stream_gives_the_same(chunks: Bytes) -> None:
    def outcome(parts: Bytes) -> list[Message] | tuple[str, int, int]:
        try:
            return fed(parts)
        except DecodeError as error:
            return str(error), error.line, error.column

    assert outcome(chunks) == outcome([b"".join(chunks)])


def test_messages_are_given_as_soon_as_they_are_complete() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: x\n") == []
    assert decoder.feed(b"\n") == [message(None, "x", (1, 7))]
    assert decoder.feed(b"data: y\n\ndata: z") == [message(None, "y", (3, 7))]
    assert decoder.finish() == [message(None, "z", (5, 7))]
    assert decoder.finish() == []


def test_a_cr_is_a_line_end_once_the_next_byte_is_known() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: x\r\r") == []
    assert decoder.feed(b"d") == [message(None, "x", (1, 7))]


@pytest.mark.parametrize(
    ("data", "problem", "line", "column"),
    [
        (b"data: \xff\n\n", "byte 0xff is not UTF-8", 1, 7),
        (b"data: x\n\ndata: \xc3\xa9\xe2\x82\n\n", "byte 0xe2 is not UTF-8", 3, 9),
        (b"data: x\r\n: \x80\r\n\r\n", "byte 0x80 is not UTF-8", 2, 3),
        (b"\xef\xbb\xbf\xc0\xafdata: x\n\n", "byte 0xc0 is not UTF-8", 1, 1),
        (b"data: \xed\xa0\x80\n\n", "byte 0xed is not UTF-8", 1, 7),
        (b"data: x\n\nid: \xf0\x9f\x98", "byte 0xf0 is not UTF-8", 3, 5),
        (b"\xef\xbb", "byte 0xef is not UTF-8", 1, 1),
    ],
)
def test_bytes_that_are_not_utf8_are_refused_with_their_place(
    data: bytes, problem: str, line: int, column: int
) -> None:
    for chunks in ([data], [bytes([byte]) for byte in data]):
        with pytest.raises(DecodeError, match=f"^{problem}$") as refusal:
            fed(chunks)
        assert (refusal.value.line, refusal.value.column) == (line, column)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_with_an_on_error_that_returns_lines_that_are_not_utf8_are_passed_over(end: bytes) -> None:
    lines = [b"event: e", b"\xff", b"data: \xfe", b"data: x", b"", b"data: y\x80", b"data: y", b"", b"\xc3"]
    for size in (1, 1000):
        errors: list[DecodeError] = []
        decoder = Decoder(errors.append)
        data = end.join(lines)
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        messages = [found for chunk in chunks for found in decoder.feed(chunk)] + decoder.finish()
        assert messages == [message("e", "x", (4, 7)), message(None, "y", (7, 7))]
        assert [(error.line, error.column) for error in errors] == [(2, 1), (3, 7), (6, 8), (9, 1)]


def test_a_long_line_fed_byte_by_byte_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class CountingSearch:
        looked_at = 0

        def search(self, buffer: bytearray, start: int) -> re.Match[bytes] | None:
            self.looked_at += len(buffer) - start
            return line_end.search(buffer, start)

    line_end, counting = sse._LINE_END, CountingSearch()
    monkeypatch.setattr(sse, "_LINE_END", counting)
    size = 100_000
    decoder = Decoder()
    for _ in range(size):
        assert decoder.feed(b"x") == []
    assert counting.looked_at == size


@pytest.mark.parametrize(
    ("data", "event", "frame"),
    [
        ("{}", None, b"data: {}\n\n"),
        ("{}", "error", b"event: error\ndata: {}\n\n"),
        ("", "e", b"event: e\ndata: \n\n"),
        ("{\n}", "e", b"event: e\ndata: {\ndata: }\n\n"),
        ("a\r\nb\rc\n", None, b"data: a\ndata: b\ndata: c\ndata: \n\n"),
        ("é\u2028\u0085", "ä", "event: ä\ndata: é\u2028\u0085\n\n".encode()),
        (sse.DONE, None, b"data: [DONE]\n\n"),
    ],
)
def test_encoded_frames_are_written_as_the_service_writes_them(
    data: str, event: str | None, frame: bytes
) -> None:
    assert encode(data, event) == frame


@pytest.mark.parametrize("event", ["a\nb", "a\r", "\r\n", "data: x\n\nevent", "\ud800"])
def test_an_event_name_that_no_line_can_hold_is_left_out(event: str) -> None:
    assert encode("{}", event) == b"data: {}\n\n"


_utf8 = st.characters(exclude_categories=["Cs"])
_data = st.text(_utf8 | st.sampled_from("\n: \ufeff"))
_event = st.none() | st.text(_utf8 | st.sampled_from("\n\r: "))


@settings(deadline=None)
@given(st.lists(st.tuples(_data.map(lambda text: text.replace("\r", "")), _event), max_size=4))
def test_what_was_encoded_is_decoded_unchanged(pairs: list[tuple[str, str | None]]) -> None:
    stream = b"".join(encode(data, event) for data, event in pairs)
    sendable = [None if event is None or {"\n", "\r"} & set(event) else event for _, event in pairs]
    assert [(found.data, found.event) for found in decode(stream)] == [
        (data, event) for (data, _), event in zip(pairs, sendable, strict=True)
    ]


@settings(deadline=None)
@given(st.text(_utf8 | st.sampled_from("\n\r")))
def test_a_cr_within_data_is_decoded_as_lf_since_no_data_line_can_hold_it(data: str) -> None:
    [decoded] = decode(encode(data))
    assert decoded.data == data.replace("\r\n", "\n").replace("\r", "\n")
