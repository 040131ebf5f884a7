"""Near misses: the recordings nearest to a request that nothing answers, and the differences."""

import heapq
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from respool.errors import printable
from respool.match import pointers
from respool.match.canonical import JSON, digest
from respool.match.difference import Comparison, Difference, common_ends, compare
from respool.match.patterns import Pattern
from respool.match.recorded import Forms, Recorded, RecordedIndex, last_items
from respool.recordings.recording import Recording

MOST = 3
_COMPARED = 12  # candidates that are compared in detail
_VALUES = 800  # of each that are looked at: others wait meanwhile
_FEATURES = 200  # of a form
_EVENTS = 400  # that are looked at for the first text


@dataclass(frozen=True, slots=True)
class WouldSend:
    """What a recording would have answered: its status, and the beginning of its first text or call."""

    status: int
    first_text: str = ""


@dataclass(frozen=True, slots=True)
class Near:
    """A recording that nearly matched. `hint` says how to make it match."""

    recording: str
    turn: int
    distance: float
    differences: tuple[Difference, ...]
    whole: bool  # whether those are all differences
    hint: str
    would_have_sent: WouldSend | None = None

    @property
    def line(self) -> str:
        """A line for a message or a log."""
        name = f"{self.recording}#{self.turn}" if self.turn > 1 else self.recording
        if not self.differences:
            return f"{printable(name)} (distance {self.distance:g})"
        first, *rest = self.differences
        more = f", and {len(rest)}{'' if self.whole else ' or more'} other differences" if rest else ""
        return (
            f"{printable(name)} (distance {self.distance:g}): {printable(first.pointer)} is "
            f"{_quoted(first.received)}, recorded {_quoted(first.recorded)}{more}"
        )

    def to_api(self) -> dict[str, Any]:
        """Return the value as the admin API shows it."""
        sent = self.would_have_sent
        return {
            "recording": self.recording,
            "turn": self.turn,
            "distance": self.distance,
            "differences": [
                {"pointer": one.pointer, "recorded": one.recorded, "received": one.received}
                for one in self.differences
            ],
            "whole": self.whole,
            "hint": self.hint,
            "would_have_sent": sent and {"status": sent.status, "first_text": sent.first_text},
        }


class NearIndex:
    """Finds the nearest recordings of a `RecordedIndex`. Made for the first request without an answer."""

    def __init__(self, index: RecordedIndex) -> None:
        self._index = index
        self._features = [_features(forms.masked) for forms in index.forms]

    def nearest(
        self,
        forms: Forms,
        answer: Callable[[Recorded], WouldSend | None] = lambda _: None,
        *,
        strictness: str | None = None,
        most: int = MOST,
    ) -> tuple[Near, ...]:
        """Return the nearest recordings, the nearest first.

        `answer` returns what a recording would have sent; `strictness` is the request's own, if it is not
        that of the rules.
        """
        strict = (strictness or self._index.rules.strictness) == "strict"
        wanted = _features(forms.masked)
        scores = ((len(wanted ^ features), number) for number, features in enumerate(self._features))
        numbers = [number for _, number in heapq.nsmallest(_COMPARED, scores)]
        compared = [(compare(self._index.forms[one].masked, forms.masked, _VALUES), one) for one in numbers]
        compared.sort(key=lambda pair: (pair[0].distance, pair[1]))
        return tuple(
            Near(
                (entry := self._index.entries[number]).name,
                entry.turn,
                found.distance,
                found.differences,
                found.whole,
                self._hint(forms, found, number, strict=strict),
                answer(entry),
            )
            for found, number in compared[:most]
        )

    def _hint(self, forms: Forms, found: Comparison, number: int, *, strict: bool) -> str:
        recorded, rules = self._index.forms[number], self._index.rules
        same_shape = (recorded.class_, recorded.skeleton) == (forms.class_, forms.skeleton)
        if strict and same_shape and last_items(recorded.masked) == last_items(forms.masked):
            return "in match.yaml, strictness: normal"
        if mask := _mask(found):
            pattern = Pattern(mask)
            if all(pattern.replace("", one) == pattern.replace("", other) for one, other in found.texts):
                return f"in match.yaml, masks: {{name: '{mask}'}}"
        if found.whole and found.differences:
            parts = [*rules.exclude, *(pointers.parse(one.pointer) for one in found.differences)]
            if pointers.without(recorded.masked, parts) == pointers.without(forms.masked, parts):
                written = ", ".join(one.pointer for one in found.differences)
                return f"in match.yaml, exclude: [{printable(written, 2000)}]"
        entry = self._index.entries[number]
        return f"the header x-respool-play: {printable(entry.name)}#{entry.turn}"


def would_send(recording: Recording) -> WouldSend:
    """Return a summary of what a recording answers."""
    status = recording.header.status
    text = ""
    for timed in recording.events[:_EVENTS]:
        match timed.event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                text += str(timed.event.data.get("delta", ""))
            case "response.output_item.added" if not text:
                item = timed.event.data.get("item")
                if isinstance(item, dict) and isinstance(item.get("name"), str):
                    return WouldSend(status, printable(f"calls {item['name']}"))
            case "response.failed" | "error":
                break
        if len(text) > 120:
            break
    if recording.plain and isinstance(body := recording.header.body, dict):
        error = body.get("error")
        text = str(error.get("message", "")) if isinstance(error, dict) else ""
    return WouldSend(status, printable(text, 120))


def _features(form: JSON) -> frozenset[str]:
    """Return digests of the items and of the other members; of many items, only the last ones."""
    items = form.get("input") or []
    found = [digest(item) for item in items[-_FEATURES:]]
    found += [digest([name, value]) for name, value in form.items() if name != "input"]
    return frozenset(found[-_FEATURES - 50 :])


_WORD = re.compile(r"[\w-]*\Z"), re.compile(r"[\w-]*")


def _mask(found: Comparison) -> str | None:
    """Return a pattern for the word in which two texts differ, if only its digits do."""
    if not found.whole or len(found.differences) != 1 or len(found.texts) != 1:
        return None
    words = []
    one, other = found.texts[0]
    start, end = common_ends(one, other)
    for text in (one, other):
        before = _WORD[0].search(text[max(0, start - 40) : start])
        after = _WORD[1].match(text[len(text) - end : len(text) - end + 40])
        middle = text[start : len(text) - end]
        words.append((before[0] if before else "") + middle + (after[0] if after else ""))
    general = {re.sub(r"[0-9]+", "[0-9]+", word) for word in words}
    if len(general) != 1 or not all(re.fullmatch(r"[\w-]{1,80}", word) for word in words):
        return None
    (pattern,) = general
    return pattern if "[0-9]+" in pattern else None


def _quoted(value: str | None) -> str:
    return "absent" if value is None else f'"{printable(value, 80)}"'


def explain(near: Sequence[Near]) -> str:
    """Return one line about the nearest recordings."""
    return "; ".join(one.line for one in near) if near else "no recording carries its request"
