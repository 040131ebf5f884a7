import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from respool.faults.frame import Action, Frame
from respool.play.frames import EncodedFrames, Schedule
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.events import Event

KIB_64 = 64 * 1024


def schedule(frames: list[bytes], moments: list[float] | None = None) -> Schedule:
    return Schedule(EncodedFrames.join(frames), [0.0] * len(frames) if moments is None else moments)


def test_an_event_is_encoded_with_its_type_and_its_text_unchanged() -> None:
    text = '{ "type":"response.caf\\u00e9", "delta":"é\\u2028\u2028"}'
    assert encode_sse(Event(text, "response.café")) == f"event: response.café\ndata: {text}\n\n".encode()


def test_the_sentinel_has_no_event_line() -> None:
    assert SSE_DONE == b"data: [DONE]\n\n"


def test_a_reel_knows_where_each_frame_begins() -> None:
    encoded = EncodedFrames.join([b"one", b"", b"three"])
    assert encoded.data == b"onethree"
    assert [encoded.start_of(number) for number in range(4)] == [0, 3, 3, 8]


def test_an_empty_schedule_is_never_due() -> None:
    empty = schedule([])
    assert (len(empty), empty.end, empty.due(0.0, 1e9), list(empty.frames())) == (0, 0.0, 0, [])


@pytest.mark.parametrize(
    ("elapsed", "due"),
    [(-1, 0), (0, 1), (0.999, 1), (1, 4), (1.001, 4), (2.5, 5), (1e9, 5), (float("inf"), 5)],
)
def test_what_is_due_is_all_whose_moment_has_come(elapsed: float, due: int) -> None:
    assert schedule([b"x"] * 5, [0.0, 1.0, 1.0, 1.0, 2.5]).due(0.0, elapsed) == due


def test_a_schedule_ends_with_its_last_moment() -> None:
    assert schedule([b"a", b"b"], [1.0, 2.5]).end == 2.5


def test_frames_are_the_same_one_at_a_time() -> None:
    frames = schedule([b"one", b"two", SSE_DONE], [0.5, 0.5, 2.0]).frames()
    assert list(frames) == [Frame(0.5, b"one"), Frame(0.5, b"two"), Frame(2.0, SSE_DONE)]


@pytest.mark.parametrize(
    ("sizes", "sent", "due", "upto"),
    [
        ([10, 10, 10], 0, 3, 3),
        ([10, 10, 10], 0, 2, 2),
        ([10, 10, 10], 1, 2, 2),
        ([KIB_64, 1], 0, 2, 1),
        ([KIB_64 - 1, 1, 1], 0, 3, 2),
        ([KIB_64 + 1, 1], 0, 2, 1),
        ([1, KIB_64 + 1, 1], 0, 3, 1),
        ([1, KIB_64 + 1, 1], 1, 3, 2),
        ([3 * KIB_64, 3 * KIB_64], 0, 2, 1),
        ([1, KIB_64, 1], 1, 3, 2),  # what was sent before does not count
    ],
)
def test_a_chunk_is_what_is_due_up_to_64_kib_and_never_less_than_a_frame(
    sizes: list[int], sent: int, due: int, upto: int
) -> None:
    frames = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    assert schedule(frames).chunk(sent, due) == (upto, b"".join(frames[sent:upto]))


@given(
    st.lists(st.integers(0, 300) | st.integers(0, 2 * KIB_64), max_size=30),
    st.lists(st.integers(0, 30), max_size=8),
)
@example([KIB_64 // 2, KIB_64 // 2, 1], [3])
def test_chunks_are_whole_frames_in_order_whatever_their_sizes_and_whenever_they_are_due(
    sizes: list[int], dues: list[int]
) -> None:
    frames = [bytes([number]) * size for number, size in enumerate(sizes)]
    encoded = schedule(frames)
    sent = 0
    chunks = []
    for due in [*sorted(min(due, len(frames)) for due in dues), len(frames)]:
        while sent < due:
            before = sent
            sent, chunk = encoded.chunk(sent, due)
            chunks.append(chunk)
            assert before < sent <= due
            assert chunk == b"".join(frames[before:sent])
            assert len(chunk) <= KIB_64 or sent == before + 1
            assert sent == due or len(chunk) + sizes[sent] > KIB_64, "a frame more had room"
    assert b"".join(chunks) == b"".join(frames)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 300) | st.integers(0, 2 * KIB_64)), max_size=12).map(
        sorted
    ),
    st.floats(0, 3),
    st.floats(0, 1e6),
)
@example([(0.0, 9), (0.0, 9)], 0.0, 0.0)
@example([(0.0, KIB_64), (0.0, 1)], 0.0, 0.0)
def test_what_is_taken_is_the_chunk_of_what_is_due(
    frames: list[tuple[float, int]], elapsed: float, started: float
) -> None:
    encoded = schedule([b"x" * size for _, size in frames], [moment for moment, _ in frames])
    now = started + elapsed
    due = encoded.due(started, now)
    for sent in range(due):
        assert encoded.take(sent, started, now) == encoded.chunk(sent, due)


@given(st.lists(st.floats(0, 10), max_size=20).map(sorted), st.floats(-1, 11))
def test_due_agrees_with_looking_at_each_frame(moments: list[float], elapsed: float) -> None:
    found = schedule([b"x"] * len(moments), moments).due(0.0, elapsed)
    assert found == sum(moment <= elapsed for moment in moments)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=20).map(sorted),
    st.floats(0, 1e6),
    st.integers(0, 19),
)
@example([0.3], 1000.1, 0)
def test_what_was_waited_for_is_due_whatever_the_rounding(
    moments: list[float], started: float, place: int
) -> None:
    now = started + moments[place % len(moments)]
    found = schedule([b"x"] * len(moments), moments).due(started, now)
    assert found == sum(started + moment <= now for moment in moments) > 0


def test_an_action_prints_as_its_name() -> None:
    assert repr(Frame(1.0, b"x", Action.ABORT)).startswith("Frame(at=1.0, data=b'x', action=Action.ABORT,")
