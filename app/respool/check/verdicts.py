"""Verdicts: collects the findings about a stream."""

from collections.abc import Hashable

from respool.check.dialects import Dialect
from respool.check.findings import RULES, Finding, Level

# If a stretch of events was cut out, these findings follow from the cut and are no errors of the producer.
_OF_CUT_OUT = frozenset({"RS202", "RS206", "RS401"})


class Verdicts:
    """Collects findings. `at` is the number of the current event, from 0."""

    def __init__(self) -> None:
        self.at = -1
        self.dialect: Dialect | None = None
        self.cut_out = False  # the sequence numbers show that a stretch of events is missing
        self._found: list[Finding] = []
        self._reported: set[Hashable] = set()

    def add(self, code: str, message: str, level: Level | None = None, event: int | None = None) -> None:
        """Report a finding at the current event, or at `event`."""
        level = level or RULES[code].level
        if level is Level.ERROR and self.dialect and (habit := self.dialect.softens.get(code)):
            level = Level.WARNING
            message = f"{message} ({self.dialect.name} {habit})"
        if level is Level.ERROR and self.cut_out and code in _OF_CUT_OUT:
            level = Level.WARNING
        self._found.append(Finding(code, level, message, self.at if event is None else event))

    def once(self, about: Hashable, code: str, message: str, level: Level | None = None) -> None:
        """Report a finding unless one about `about` was reported before: one mistake is one finding."""
        if (about, code) not in self._reported:
            self._reported.add((about, code))
            self.add(code, message, level)

    def of_stream(self, code: str, message: str, level: Level | None = None) -> None:
        """Report a finding about the whole stream."""
        self._found.append(Finding(code, level or RULES[code].level, message))

    def take(self) -> list[Finding]:
        """Return the findings since the last call."""
        found, self._found = self._found, []
        return found
