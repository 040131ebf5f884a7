"""The age of recordings, by their own time of recording."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from respool.check.findings import Finding, Level
from respool.errors import printable
from respool.recordings.formats import moments
from respool.recordings.recording import Recording

TOO_OLD = "RS006"
_DAY = 86400.0  # seconds


def too_old(turns: Sequence[Recording], max_age: float, now: float) -> Iterator[tuple[int, Finding]]:
    """Yield each turn, from 1, that was recorded more than `max_age` seconds before `now` (epoch seconds).

    A turn without a time of recording is skipped.
    """
    for number, turn in enumerate(turns, 1):
        recorded = turn.header.fields.get("recorded")
        at = moments.seconds(recorded) if isinstance(recorded, str) else None
        if at is not None and now - at > max_age:
            day = datetime.fromtimestamp(at, UTC).date().isoformat()
            days, most = (now - at) / _DAY, max_age / _DAY
            message = f"recorded {printable(day)}, {days:.0f} days ago, expected at most {most:g} days"
            yield number, Finding(TOO_OLD, Level.ERROR, message)
