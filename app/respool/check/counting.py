"""Numbers that rise by one: Count for any of them, SequenceNumbers for those of a stream."""

from respool.check.findings import Level
from respool.check.verdicts import Verdicts

_STRETCH = 5  # events missing at one place, from which on they count as cut out by hand
_SIDES = 4  # unexpected numbers in a row that are remembered


class Count:
    """A number that should rise by one.

    After an unexpected number it accepts both continuations, so that one wrong number is one finding, and so
    is one missing event.
    """

    def __init__(self, first: int = 0) -> None:
        self._next = [first]

    @property
    def expected(self) -> int:
        """The next number."""
        return self._next[0]

    def take(self, number: int) -> bool:
        """Take the next number; return True if it is the expected one."""
        if number in self._next:
            self._next = [number + 1]
            return True
        self._next = [number + 1, *(expected + 1 for expected in self._next)][:_SIDES]
        return False

    def restart(self, number: int) -> None:
        """Continue after `number`."""
        self._next = [number + 1]

    def skip(self) -> None:
        """Count an event without a number."""
        self._next = [self._next[0] + 1, *self._next][:_SIDES]


class SequenceNumbers:
    """Checks that sequence numbers start at 0 and rise by one, and that all events have them, or none has."""

    def __init__(self, report: Verdicts) -> None:
        self._report = report
        self._count = Count()
        self._last: int | None = None
        self._without: list[tuple[int, str]] = []  # events without a number, before the first with one
        self._jump: tuple[int, int, str] | None = None  # a jump not yet reported: event, number, message

    def receive(self, type_: str, number: object, *, from_start: bool) -> None:
        """Check an event's number. `from_start`: the stream was not resumed."""
        if type(number) is not int:
            if type_ != "error":  # not needed over WebSocket
                self._receive_none(type_)
            return
        for event, name in self._without:
            self._report.add("RS204", f"{name}: no sequence_number, but later events have one", event=event)
        self._without.clear()
        self._land(number)
        expected = self._count.expected
        if self._last is None:
            self._receive_first(type_, number, from_start)
        elif not self._count.take(number):
            self._surprise(type_, number, expected)
        self._last = number

    def _receive_none(self, type_: str) -> None:
        if self._last is None:
            self._without.append((self._report.at, type_))
        else:
            self._report.add("RS204", f"{type_}: no sequence_number, but earlier events have one")
        self._count.skip()

    def _receive_first(self, type_: str, number: int, from_start: bool) -> None:
        if not from_start:
            self._count.restart(number)
        elif not self._count.take(number):
            level = Level.WARNING if number == 1 else None
            self._report.add("RS201", f"{type_}: the first sequence_number is {number}, expected 0", level)

    def _surprise(self, type_: str, number: int, expected: int) -> None:
        if number > expected:
            message = f"{type_}: sequence_number is {number}, expected {expected}"
            if number - expected < _STRETCH:
                # The service counts a terminal event that it then does not send.
                skips_end = type_ == "error" and number == expected + 1
                self._report.add("RS202", message, Level.WARNING if skips_end else None)
            else:
                # People shorten recordings before they publish them; servers that lose events lose few. If
                # the next number continues this one, it is a cut, else one wrong number.
                self._report.cut_out = True
                self._jump = (self._report.at, number, message)
        else:
            self._report.add("RS203", f"{type_}: sequence_number is {number}, after {self._last}")

    def _land(self, number: int) -> None:
        """Judge a jump by the number after it."""
        if self._jump:
            event, jumped_to, message = self._jump
            self._report.cut_out = number == jumped_to + 1
            self._report.add("RS202", message, event=event)
            self._jump = None

    def finish(self) -> None:
        """Report the findings that had to wait for the end of the stream."""
        self._land(-1)
        if self._without:
            self._report.of_stream("RS205", "no event has a sequence_number")
