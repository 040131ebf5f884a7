"""Ids: whether the ids which should be the same are the same."""

from respool.check.verdicts import Verdicts

# As many ids must differ, and none agree, before a stream counts as one whose ids all change.
_ENOUGH = 3


class SameIds:
    """Compares ids. GitHub Copilot gives everything a new id in every event: so what differs is held
    back until some ids have agreed, or the stream is over."""

    def __init__(self, report: Verdicts) -> None:
        self._report = report
        self._agreed = False
        self._held: list[tuple[str, str, int]] = []

    @property
    def changing(self) -> bool:
        """Whether all ids of this stream differ, as far as it has come."""
        return not self._agreed and len(self._held) >= _ENOUGH

    def agree(self) -> None:
        """Two ids are the same, as they should be."""
        if not self._agreed:
            self._agreed = True
            self._release()

    def differ(self, about: tuple[object, ...], code: str, message: str) -> None:
        """Two ids are not the same."""
        if self._agreed:
            self._report.once(about, code, message)
        else:
            self._held.append((code, message, self._report.at))

    def finish(self) -> None:
        """The stream is over."""
        if self.changing:
            self._report.of_stream("RS306", "every id is another one in every event (GitHub Copilot does so)")
        else:
            self._release()

    def _release(self) -> None:
        for code, message, event in self._held:
            self._report.add(code, message, event=event)
        self._held.clear()
