"""What is different between two recordings, aligned by item. Values; `text` and `page` show them."""

from respool.diff.compare import KINDS, Change, Timing, TurnDiff, compare

__all__ = ["KINDS", "Change", "Timing", "TurnDiff", "compare"]
