"""Differences between two recordings, aligned by item. Values only; `text` and `page` format them."""

from respool.diff.compare import KINDS, Change, Timing, TurnDiff, compare

__all__ = ["KINDS", "Change", "Timing", "TurnDiff", "compare"]
