from datetime import UTC, datetime

import pytest

from respool.check.age import too_old
from respool.recordings.recording import Header, Recording

DAY = 86400.0
NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("recorded", "old"),
    [
        ("2026-05-31T00:00:00Z", False),
        ("2026-03-03T00:00:00.000Z", False),  # 90 days
        ("2026-03-02T23:59:59Z", True),
        ("2020-01-01T00:00:00Z", True),
        ("no date", False),
        (5, False),
        (None, False),
    ],
)
def test_turns_recorded_longer_ago_than_allowed_are_found(recorded: object, old: bool) -> None:
    turns = [Recording("a", Header(), ()), Recording("a#2", Header({"recorded": recorded}), ())]
    found = list(too_old(turns, 90 * DAY, NOW))
    assert [number for number, _ in found] == ([2] if old else [])
    assert all("expected at most 90 days" in finding.message for _, finding in found)
