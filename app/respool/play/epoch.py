"""Seconds since 1970 that never go back, the same on every machine."""

import time

# A multiple of a timer's slot: sums and differences with the monotonic clock then keep the order of moments.
_GRAIN = 4096  # a second
OFFSET = round((time.time() - time.monotonic()) * _GRAIN) / _GRAIN


def now() -> float:
    """Return the time, in seconds since 1970."""
    return time.monotonic() + OFFSET
