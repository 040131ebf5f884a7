"""Times of other tools, in seconds. A number with an unclear unit is no time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_IN_SECONDS = frozenset(
    {"elapsed_s", "elapsed_seconds", "offset_s", "offset_seconds", "t_s", "seconds", "time_s"}
)
_IN_MILLISECONDS = frozenset(
    "elapsed_ms elapsedMs offset_ms offsetMs t_ms time_ms timeMs timestamp_ms timestampMs at_ms ms".split()
)
_BY_SIZE = (
    "timestamp time ts at received_at receivedAt arrived_at recorded_at _timestamp @timestamp t".split()
    + "elapsed offset __REALTIME_TIMESTAMP".split()  # the last one is of journalctl, a text
)


def of(fields: Mapping[str, Any]) -> float | None:
    """Return the moment in a wrapper: seconds since the epoch, or since the request."""
    for key, value in fields.items():
        if type(value) in (int, float):
            if key in _IN_SECONDS:
                return float(value)
            if key in _IN_MILLISECONDS and value < 1e11:
                return float(value / 1000)
    for key in _BY_SIZE:
        if (value := fields.get(key)) is not None and (found := seconds(value)) is not None:
            return found
    return None


def seconds(value: Any) -> float | None:
    """Parse a moment: an ISO 8601 time, or a number with a unit that its size shows. A small number with a
    fraction is in seconds, without one its unit is unclear."""
    if isinstance(value, str):
        return seconds(int(value)) if re.fullmatch(r"[0-9]{13,19}", value) else _of_iso(value)
    if type(value) not in (int, float) or not 0 <= value < 1e19:
        return None
    for least, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e9, 1.0)):
        if value >= least:
            return float(value / unit)
    return float(value) if isinstance(value, float) and value < 1e5 else None


def _of_iso(text: str) -> float | None:
    if len(text) < 19 or not text[:4].isdigit():
        return None
    # Python 3.11 reads at most six digits of a second; Docker writes nine.
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
