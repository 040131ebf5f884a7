import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.bench.client import ClientStream, FrameCounter, late

PING = b": ping\n\n"
BLOCKS = (
    PING,
    b'event: a\ndata: {"x": "\\n\\n"}\n\n',
    PING,
    b"event: b\ndata: : \n\n",
    b"data: c\n\n",
    PING,
)
THREE = b"".join(BLOCKS)  # events
LINE_ENDS = pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])


@LINE_ENDS
def test_an_event_counts_with_the_last_byte_of_its_blank_line_and_a_comment_never(line_end: bytes) -> None:
    counter = FrameCounter()
    for block in BLOCKS:
        data = block.replace(b"\n", line_end)
        counts = [counter.feed(data[at : at + 1]) for at in range(len(data))]
        assert counts == [0] * (len(data) - 1) + [block != PING]


@LINE_ENDS
@given(cuts=st.lists(st.integers(0, len(THREE))))
def test_events_are_counted_whatever_the_split(line_end: bytes, cuts: list[int]) -> None:
    body = THREE.replace(b"\n", line_end)
    counter = FrameCounter()
    assert sum(counter.feed(body[start:end]) for start, end in pairwise([0, *sorted(cuts), len(body)])) == 3


def test_an_event_is_as_late_as_the_read_that_completes_it() -> None:
    assert list(late([(1.0, 1), (2.5, 2)], [1.0, 1.5, 2.5])) == [0.0, 1.0, 0.0]


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


def answer(status: str = "200 OK", body: bytes = THREE) -> bytes:
    head = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
    return head.encode() + body + b"\r\n0\r\n\r\n"


def stream(*answers: bytes, repeat: bool = False) -> tuple[ClientStream, FakeTransport]:
    played, transport = ClientStream(b"request", expected=3, repeat=repeat), FakeTransport()
    played.connection_made(transport)
    for data in answers:
        played.data_received(data)
    return played, transport


def test_a_stream_sends_its_request_counts_the_events_and_leaves() -> None:
    whole = answer()
    played, transport = stream(*(whole[at : at + 1] for at in range(len(whole))))
    assert [count for _, count in played.reads] == [1, 1, 1]
    assert (played.size, played.plays, played.failed) == (len(THREE), 1, 0)
    assert played.done.is_set()
    assert (transport.written, transport.aborted) == ([b"request"], True)


def test_a_stream_that_repeats_asks_again_on_the_same_connection() -> None:
    played, transport = stream(answer(), answer(), repeat=True)
    assert (played.plays, played.failed, sum(count for _, count in played.reads)) == (2, 0, 6)
    assert (len(transport.written), transport.aborted) == (3, False)


@pytest.mark.parametrize(
    "bad",
    [answer("500 Internal Server Error"), answer(body=BLOCKS[1]), answer(body=THREE + THREE)],
    ids=["error", "too few", "too many"],
)
def test_a_stream_with_a_wrong_answer_has_failed_and_does_not_repeat(bad: bytes) -> None:
    played, transport = stream(bad, repeat=True)
    assert (played.plays, played.failed, transport.aborted) == (0, 1, True)


def test_a_stream_that_is_cut_has_failed() -> None:
    played, _ = stream(answer()[:-20])
    played.connection_lost(None)
    assert (played.plays, played.failed, played.done.is_set()) == (0, 1, True)


def test_a_stream_that_has_left_has_not_failed() -> None:
    played, _ = stream(answer())
    played.connection_lost(None)
    assert played.failed == 0


def test_what_is_no_http_has_failed() -> None:
    played, transport = stream(b"SSH-2.0-OpenSSH_9.9\r\n")
    assert (played.error, transport.aborted) == ("not HTTP", True)
