"""SameIds: checks that ids which should be equal are equal."""

from respool.check.verdicts import Verdicts

# This many ids must differ, and none agree, before all ids of a stream count as changing.
_ENOUGH = 3


class SameIds:
    """Compares ids. GitHub Copilot gives everything a new id in every event, so differences are held back
    until some ids have agreed, or the stream ends."""

    def __init__(self, report: Verdicts) -> None:
        self._report = report
        self._agreed = False
        self._held: list[tuple[str, str, int]] = []

    @property
    def changing(self) -> bool:
        """True if all ids of this stream differ so far."""
        return not self._agreed and len(self._held) >= _ENOUGH

    def agree(self) -> None:
        """Note two ids that are equal, as they should be."""
        if not self._agreed:
            self._agreed = True
            self._release()

    def differ(self, about: tuple[object, ...], code: str, message: str) -> None:
        """Note two ids that are not equal."""
        if self._agreed:
            self._report.once(about, code, message)
        else:
            self._held.append((code, message, self._report.at))

    def finish(self) -> None:
        """Report the findings that were held back until the end of the stream."""
        if self.changing:
            self._report.of_stream("RS306", "every id is another one in every event (GitHub Copilot does so)")
        else:
            self._release()

    def _release(self) -> None:
        for code, message, event in self._held:
            self._report.add(code, message, event=event)
        self._held.clear()
