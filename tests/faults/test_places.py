"""Places: where an answer is parted, and which event one names."""

import pytest
from fault_streams import EVENTS, make_body, make_stream, timeline
from hypothesis import given
from hypothesis import strategies as st

from respool.faults.frame import Frame
from respool.faults.places import Place, Split, Unit, spotted
from respool.protocol.event_frames import encode_sse
from respool.protocol.events import Event

SIZES = [len(encode_sse(Event.parse(text))) for text in EVENTS]


def parted(place: Place | int | str, frames: list[Frame]) -> tuple[int, bytes, float | None]:
    """Events before the point, bytes before it, and its moment; None if it is not reached."""
    split = Split(frames, place)
    before = list(split.before())
    assert b"".join(f.data for f in [*before, *split.rest()]) == b"".join(f.data for f in frames)
    events = sum(frame.event is not None for frame in before)
    return events, b"".join(frame.data for frame in before), split.at if split.reached else None


@pytest.mark.parametrize(
    ("place", "events", "at"),
    [
        (0, 0, 0.0),
        (1, 1, 1.0),
        (5, 5, 5.0),
        (6, 5, None),
        ("response.created", 1, 1.0),
        ("output_text.delta", 3, 3.0),
        ("response.output_text.delta#2", 4, 4.0),
        ("output_text.delta#3", 5, None),
        ("0%", 0, 0.0),
        ("50%", 3, 3.0),
        ("40%", 2, 2.0),
        ("40.1%", 3, 3.0),
        ("100%", 5, 5.0),
        ("2s", 2, 2.0),
        ("2.5s", 2, 2.5),
        ("999ms", 0, 0.999),
        ("5s", 5, None),
        ("0b", 0, 0.0),
        (f"{SIZES[0]}b", 1, 1.0),
        (f"{sum(SIZES)}b", 5, 5.0),
        (f"{sum(SIZES) + 1}b", 5, None),
    ],
)
def test_a_point_parts_a_stream_between_two_events(place: int | str, events: int, at: float | None) -> None:
    sizes = sum(SIZES[:events])
    found = parted(place, make_stream())
    assert (found[0], len(found[1]), found[2]) == (events, sizes, at)


def test_a_point_in_bytes_parts_an_event_which_is_whole_only_with_its_second_half() -> None:
    frames = make_stream()
    split = Split(frames, f"{SIZES[0] + 3}b")
    before, rest = list(split.before()), list(split.rest())
    assert (before[-1].data, before[-1].event) == (frames[2].data[:3], None)
    assert (rest[0].data, rest[0].event, rest[0].at) == (frames[2].data[3:], frames[2].event, 2.0)
    assert split.at == 2.0


def test_a_point_that_keeps_events_whole_is_after_the_one_that_holds_the_byte() -> None:
    for place, events in ((SIZES[0], 1), (SIZES[0] + 3, 2)):
        split = Split(make_stream(), f"{place}b", whole=True)
        assert list(split.before()) == make_stream()[: events + 1]
        assert (split.reached, split.at) == (True, float(events))


@pytest.mark.parametrize(
    ("place", "sent", "at"),
    [
        ("50%", 7, 5.0),
        ("0%", 0, 5.0),
        ("100%", 15, 5.0),
        ("4b", 4, 5.0),
        ("1s", 0, 1.0),
        ("6s", 15, None),
        (1, 15, None),
    ],
)
def test_a_body_is_parted_by_its_bytes_and_its_moment(place: int | str, sent: int, at: float | None) -> None:
    found = parted(place, make_body())
    assert (len(found[1]), found[2]) == (sent, at)


def test_a_point_before_the_head_leaves_nothing() -> None:
    assert timeline(Split(make_body(), "1s").before()) == []


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (1, 1),
        (5, 5),
        (6, None),
        ("response.completed", 5),
        ("output_text.delta", 3),
        ("output_text.delta#2", 4),
        ("error", None),
        ("50%", 3),
        ("1%", 1),
        ("0%", 1),
        ("100%", 5),
        ("0s", 1),
        ("2s", 2),
        ("2.5s", 3),
        ("9s", None),
        ("0b", 1),
        ("1b", 1),
        (f"{SIZES[0]}b", 1),
        (f"{SIZES[0] + 1}b", 2),
        (f"{sum(SIZES) + 1}b", None),
    ],
)
def test_a_spot_names_one_event(place: int | str, number: int | None) -> None:
    frames = make_stream()
    found = [frame for frame, here in spotted(frames, place) if here]
    assert found == ([] if number is None else [frames[number]])
    assert [frame for frame, _ in spotted(frames, place)] == frames


@given(st.integers(0, sum(SIZES) + 10))
def test_a_stream_may_be_parted_at_every_byte(place: int) -> None:
    frames = make_stream()
    whole = b"".join(frame.data for frame in frames)
    _, before, at = parted(f"{place}b", frames)
    assert before == whole[:place]
    assert (at is None) is (place > len(whole))


@pytest.mark.parametrize(
    "value", ["", "-1", "1.5", "1.5b", "101%", "5 ", "#2", "a#0", "2m", -1, 1.5, True, None, []]
)
def test_what_is_no_place_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        Place.read(value)


def test_a_place_is_written_as_it_is_read() -> None:
    for text in (
        "5",
        "100b",
        "50%",
        "12.5%",
        "2s",
        "0.25s",
        "error",
        "response.created",
        "output_text.delta#3",
    ):
        assert str(Place.read(text)) == text
    assert str(Place(Unit.SECONDS, 1e-07)) == "1e-07s"
