import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.bench.tally import EventCounter

BLOCKS = (
    (b": ping\n\n", 0),
    (b'event: a\ndata: {"x": "\\n\\n"}\n\n', 1),
    (b"\n\n", 0),
    (b"id: 1\nretry: 5\n\n", 0),
    (b"data:{\ndata:  }\n\n", 1),
    (b"event: metadata:\n\n", 0),
    (b"data: c\n\n", 1),
    (b"data: [DONE]\n\n", 0),
)
WHOLE = b"".join(block for block, _ in BLOCKS)
LINE_ENDS = pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])


@LINE_ENDS
def test_an_event_counts_when_its_blank_line_is_there_and_comments_and_done_never(line_end: bytes) -> None:
    counter = EventCounter()
    for block, count in BLOCKS:
        assert counter.feed(block[:-1].replace(b"\n", line_end)) == 0
        assert counter.feed(line_end) == count


@LINE_ENDS
@given(cuts=st.lists(st.integers(0, len(WHOLE) + WHOLE.count(b"\n"))))
def test_events_are_counted_whatever_the_split(line_end: bytes, cuts: list[int]) -> None:
    body = WHOLE.replace(b"\n", line_end)
    counter = EventCounter()
    pieces = zip([0, *sorted(cuts)], [*sorted(cuts), len(body)], strict=True)
    assert sum(counter.feed(body[start:end]) for start, end in pieces) == 3


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'data: {"type":"response.completed"}\n\ndata: [DONE]\n\n: bye\n\n', ""),
        (b'data: {"type":"response.incomplete"}\n\n', ""),
        (b'event: response.failed\ndata: {"type":\ndata: "response.failed"}\n\n', "response.failed"),
        (b'data: {"type":"error"}\n\n', "error event"),
        (b'data: {"type":"response.completed"}\n', "no terminal event"),
        (b'data: {"type":"response.created"}\n\n', "no terminal event"),
        (b'data: {"type":["error"]}\n\n', "no terminal event"),
        (b"data: [1]\n\n", "no terminal event"),
        (b"data: \xff\n\n", "no terminal event"),
        (b"", "no terminal event"),
    ],
)
def test_the_last_event_says_how_an_answer_ended(body: bytes, expected: str) -> None:
    counter = EventCounter()
    counter.feed(body)
    assert counter.verdict() == expected
