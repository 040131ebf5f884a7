"""Faults of the wire: the bytes and the pieces in which they leave."""

import json
import zlib
from collections.abc import Iterable

import pytest
from fault_streams import EVENTS, events, make_body, make_stream, run, timeline
from hypothesis import given
from hypothesis import strategies as st

from respool.faults import (
    FAULTS,
    ActiveFault,
    Bom,
    Comments,
    Done,
    Fault,
    Gzip,
    IdLines,
    LineEnds,
    Merge,
    NoEventLine,
    NoSpace,
    RetryLine,
    Slicer,
    SplitData,
    apply,
)
from respool.faults.frame import Action, Frame
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.events import Event

DATA = [encode_sse(Event.parse(text)) for text in EVENTS]
REWRITES = [LineEnds(), LineEnds(kind="cr"), NoSpace(), SplitData(), SplitData(lines=9), Bom(), Comments(),
            IdLines(), RetryLine(alone=False), NoEventLine(), Done()]  # fmt: skip


def data(frames: Iterable[Frame]) -> list[bytes]:
    return [frame.data for frame in frames if frame.data]


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        (LineEnds(), DATA[2].replace(b"\n", b"\r\n")),
        (LineEnds(kind="cr"), DATA[2].replace(b"\n", b"\r")),
        (NoSpace(), b"event:response.output_text.delta\ndata:" + EVENTS[2].encode() + b"\n\n"),
        (NoEventLine(), b"data: " + EVENTS[2].encode() + b"\n\n"),
        (Bom(), b"\xef\xbb\xbf" + DATA[2]),
        (Comments(text="a b"), DATA[2] + b": a b\n\n"),
        (IdLines(), b"id: 2\n" + DATA[2]),
        (RetryLine(milliseconds=5, alone=False), b"retry: 5\n" + DATA[2]),
        (RetryLine(milliseconds=5), b"retry: 5\n\n" + DATA[2]),
        (SplitData(), DATA[2].replace(b',"seq', b',\ndata: "seq')),
        (SplitData(lines=3), DATA[2].replace(b',"', b',\ndata: "')),
    ],
    ids=str,
)
def test_an_event_is_written_otherwise(fault: Fault, first: bytes) -> None:
    assert data(run(fault, make_stream([EVENTS[2]]))) == [first]


@pytest.mark.parametrize("fault", REWRITES, ids=str)
def test_however_events_are_written_they_say_the_same(fault: Fault) -> None:
    frames = run(fault)
    assert [event.data for event in events(frames)] == [json.loads(text) for text in EVENTS]
    assert [frame.at for frame in frames if frame.event] == [1, 2, 3, 4, 5]


@given(st.lists(st.sampled_from(REWRITES), max_size=4).filter(lambda faults: faults.count(Bom()) < 2))
def test_so_do_several_in_any_order(faults: list[Fault]) -> None:
    frames = list(apply(make_stream(done=True), map(ActiveFault.of, faults)))
    assert [event.data for event in events(frames)] == [json.loads(text) for text in EVENTS]


def test_only_the_first_event_has_a_mark_or_a_time_to_reconnect() -> None:
    assert data(run(Bom()))[1:] == DATA[1:]
    assert data(run(RetryLine()))[1:] == DATA[1:]


def test_a_comment_follows_each_second_event() -> None:
    assert [b": keepalive\n\n" in one for one in data(run(Comments(every=2)))] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_an_event_without_number_has_its_place_as_id() -> None:
    frames = run(IdLines(), make_stream(['{"type":"a"}', '{"type":"b"}']))
    assert [one.splitlines()[0] for one in data(frames)] == [b"id: 0", b"id: 1"]


def test_a_comma_within_a_string_is_no_place_to_cut() -> None:
    text = '{"type":"a","delta":"b,\\",c","n":[1,2]}'
    (one,) = data(run(SplitData(lines=99), make_stream([text])))
    assert one == b'event: a\ndata: {"type":"a",\ndata: "delta":"b,\\",c",\ndata: "n":[1,\ndata: 2]}\n\n'


def test_the_sentinel_is_before_the_end() -> None:
    assert timeline(run(Done()))[-2:] == [(5.0, SSE_DONE), (5.0, Action.CLOSE)]


@pytest.mark.parametrize("fault", REWRITES, ids=str)
def test_an_answer_without_stream_is_not_written_otherwise(fault: Fault) -> None:
    assert run(fault, make_body()) == make_body()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_a_body_is_sliced(size: int) -> None:
    frames = run(Slicer(size=size))
    pieces = [frame for frame in frames if frame.data]
    assert b"".join(data(frames)) == b"".join(DATA)
    assert all(piece.alone for piece in pieces)
    cut = [[one[at : at + size] for at in range(0, len(one), size)] for one in DATA]
    assert data(frames) == [piece for pieces in cut for piece in pieces]
    assert [piece.event is not None for piece in pieces] == [
        number == len(pieces) for pieces in cut for number in range(1, len(pieces) + 1)
    ]


def test_slices_vary_by_chance_and_the_same_seed_gives_the_same() -> None:
    fault = Slicer(size=10, variation=5)
    sizes = {len(piece) for piece in data(run(fault))[:-1]}
    assert sizes <= set(range(1, 16))
    assert len(sizes) > 5
    assert data(run(fault)) == data(run(fault, seed=0)) != data(run(fault, seed=1))


def test_slices_may_have_a_pause_between_them() -> None:
    frames = run(Slicer(size=30, delay=0.25), make_stream([EVENTS[2]]))
    count = -(-len(DATA[2]) // 30)
    assert [frame.at for frame in frames if frame.data] == [1.0 + 0.25 * number for number in range(count)]
    assert frames[-1] == Frame(1.0 + 0.25 * count, action=Action.CLOSE)


def test_events_are_merged_into_chunks_that_leave_with_their_last_event() -> None:
    size = len(DATA[0]) + 1
    frames = run(Merge(size=size))
    assert timeline(frames) == [
        (0.0, 200), (2.0, DATA[0] + DATA[1]), (4.0, DATA[2] + DATA[3]), (5.0, DATA[4]), (5.0, Action.CLOSE)
    ]  # fmt: skip
    assert [frame.event.text for frame in frames if frame.event] == list(EVENTS)
    assert timeline(run(Merge())) == [(0.0, 200), (5.0, b"".join(DATA)), (5.0, Action.CLOSE)]


def test_a_compressed_stream_gives_each_event_at_its_moment() -> None:
    frames = run(Gzip())
    assert frames[0].head is not None
    assert frames[0].head.headers["content-encoding"] == "gzip"
    inflator = zlib.decompressobj(wbits=31)
    for frame, expected in zip(frames[1:], [*DATA, b""], strict=True):
        assert inflator.decompress(frame.data) == expected
    assert inflator.eof
    assert [frame.at for frame in frames] == [frame.at for frame in make_stream()]


def test_a_compressed_stream_that_is_cut_has_no_end() -> None:
    frames = [*make_stream()[:3], Frame(2.0, action=Action.CUT)]
    inflator = zlib.decompressobj(wbits=31)
    assert inflator.decompress(b"".join(data(run(Gzip(), frames)))) == DATA[0] + DATA[1]
    assert not inflator.eof


@pytest.mark.parametrize("fault", [Gzip(), Slicer(size=4), Merge()], ids=str)
def test_an_answer_without_stream_says_its_true_length(fault: Fault) -> None:
    frames = list(apply(make_body(), [ActiveFault.of(fault)]))
    assert frames[0].head is not None
    assert frames[0].head.headers["content-length"] == str(sum(map(len, data(frames))))


def test_every_fault_of_the_wire_is_in_a_test_above() -> None:
    shown = {type(fault) for fault in [*REWRITES, Gzip(), Slicer(), Merge()]}
    assert shown == {fault for fault in FAULTS.values() if fault.category == "wire"}
