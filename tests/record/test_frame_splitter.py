"""Frames are split in the same way whatever the chunks, and nothing of them is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.record.frame_splitter import STREAM_START, FrameSplitter, read_frame

EVENT = '{"type":"response.created","sequence_number":0}'
PLAIN = f"event: response.created\ndata: {EVENT}\n\n"


def split(*chunks: bytes) -> list[bytes]:
    splitter = FrameSplitter()
    frames = [frame for chunk in chunks for frame in splitter.feed(chunk)]
    rest = splitter.finish()
    return [*frames, *([rest] if rest else [])]


@pytest.mark.parametrize(
    ("wire", "frames"),
    [
        (b"data: 1\n\ndata: 2\n\n", [b"data: 1\n\n", b"data: 2\n\n"]),
        (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [b"data: 1\r\n\r\n", b"data: 2\r\n\r\n"]),
        (b"data: 1\r\rdata: 2\r\r", [b"data: 1\r\r", b"data: 2\r\r"]),
        (b": comment\n\n", [b": comment\n\n"]),
        (b"data: 1\n\ndata: ha", [b"data: 1\n\n", b"data: ha"]),
        (b"", []),
    ],
)
def test_a_blank_line_ends_a_frame(wire: bytes, frames: list[bytes]) -> None:
    assert split(wire) == frames
    assert split(*(bytes([byte]) for byte in wire)) == frames


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"data: x", b":", b"\xff"]), max_size=30), st.data())
def test_no_byte_is_lost_wherever_chunks_end(parts: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    chunks = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert b"".join(split(*chunks)) == wire


def test_a_frame_as_the_api_writes_it_is_plain() -> None:
    frame = read_frame(PLAIN.encode())
    assert (frame.plain, frame.text, frame.type) == (True, EVENT, "response.created")


@pytest.mark.parametrize(
    "raw",
    [
        f"data: {EVENT}\n\n".encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        f"event: other\ndata: {EVENT}\n\n".encode(),
        f"id: 1\n{PLAIN}".encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        b": keep-alive\n\n",
        b"data: [DONE]\n\n",
        b"data: error: out of memory\n\n",
        b'event: x\ndata: {"type":"x","text":"\xff"}\n\n',
        b"data: {\ndata: }\n\n",
        b"<html>\n\n",
    ],
)
def test_any_other_frame_is_kept_as_it_is(raw: bytes) -> None:
    frame = read_frame(raw)
    assert not frame.plain
    kept = frame.before + (frame.text or "") + frame.after
    assert kept.encode(errors="surrogateescape") == raw


@pytest.mark.parametrize("body", [b"event: x", b"data:{}", b": hi", b"\xef\xbb\xbfid: 1", b"retry: 3"])
def test_a_body_that_begins_as_a_stream_is_one(body: bytes) -> None:
    assert STREAM_START.match(body)


@pytest.mark.parametrize("body", [b'{"data": 1}', b"<html>", b"", b"database"])
def test_another_body_is_none(body: bytes) -> None:
    assert not STREAM_START.match(body)
