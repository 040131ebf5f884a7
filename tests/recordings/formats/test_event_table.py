import pytest
from tests.recordings.formats.format_streams import TEXTS, TYPES

from respool.recordings import formats


@pytest.mark.parametrize(
    ("times", "gaps"),
    [
        (("08:00:00.000", "08:00:00.250", "08:00:01.250"), [None, 0.25, 1.0]),
        (("11:59:59.500 PM", "12:00:00.000 AM", "12:00:00.250 AM"), [None, 0.5, 0.25]),
        (("", "", ""), [None, None, None]),
    ],
)
@pytest.mark.parametrize("columns", ["\t{type}\t{text}\t{time}", "{type}\t{text}\t{time}"])
def test_each_row_is_an_event_with_its_time(
    times: tuple[str, ...], gaps: list[float | None], columns: str
) -> None:
    rows = [
        columns.format(type=type_, text=text, time=time)
        for type_, text, time in zip(TYPES, TEXTS, times, strict=True)
    ]
    for table in ("\n".join(rows), "Id\tType\tData\tTime\n" + "\r\n".join(rows) + "\r\n"):
        [turn] = formats.read(table.encode(), "a", "a.tsv")
        assert [timed.event.text for timed in turn.events] == list(TEXTS)
        assert [timed.gap for timed in turn.events] == gaps


def test_the_sentinel_ends_the_turn() -> None:
    [turn] = formats.read(
        f"\t{TYPES[0]}\t{TEXTS[0]}\t08:00:00.1\n\tmessage\t[DONE]\t08:00:00.2\n".encode(), "a", "a"
    )
    assert turn.header.done
