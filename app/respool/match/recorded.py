"""Recordings by their recorded requests: a `RecordedIndex`, searched once for each request.

Tiers, the first that has any recording decides:

1. exact     the canonical forms are equal
2. masked    equal after times, paths and the like, and what the rules mask
3. pointers  equal without what the rules exclude
4. skeleton  the same kinds of items in the same order, and the same last items
5. order     the only turn of this class that the session has not played

``strict`` has the first three, ``normal`` has the skeleton as well, ``loose`` all.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from respool.errors import AmbiguousMatch
from respool.match import pointers
from respool.match.canonical import JSON, canonical, digest
from respool.match.masks import Masks
from respool.match.rules import MatchRules
from respool.match.signatures import is_output

TIERS = ("exact", "masked", "pointers", "skeleton", "order")
_TIERS_OF: Mapping[str, Sequence[str]] = {"strict": TIERS[:3], "normal": TIERS[:4], "loose": TIERS}

# A turn of a recording: its name, and the number of the turn, from 1.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A turn whose request is known. Equal answers have an equal `answer`; None: unlike any other. `whole` is
    the request with the items of what it continues, if it continues a response that was recorded, too."""

    name: str
    turn: int
    request: Mapping[str, Any]
    failed: bool = False
    answer: object = None
    whole: Mapping[str, Any] | None = None

    @property
    def place(self) -> Place:
        return self.name, self.turn


@dataclass(frozen=True, slots=True)
class Seen:
    """The turns that a session has played. Add `Match.place` to `played`, and put it under `Match.digest`
    into `served`."""

    played: Collection[Place] = ()
    served: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """The turn of a recording that answers."""

    recording: str
    turn: int
    tier: str
    why: str
    digest: str  # digest of the request's canonical form

    @property
    def place(self) -> Place:
        return self.recording, self.turn


@dataclass(frozen=True, eq=False)
class Forms:
    """A request as each tier compares it. Forms that the first tier does not need are computed on access.

    `keys` are those that its index has looked up, by tier.
    """

    exact: JSON
    masks: Masks
    keys: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def digest(self) -> str:
        return digest(self.exact)

    @cached_property
    def masked(self) -> JSON:
        masked: JSON = self.masks.value(self.exact)
        return masked

    @cached_property
    def class_(self) -> str:
        return class_of(self.masked)

    @cached_property
    def skeleton(self) -> tuple[str, ...]:
        return skeleton_of(self.masked)


NOTHING_SEEN = Seen()


class RecordedIndex:
    """The recordings with a request. Immutable: a changed set of recordings gets another index."""

    def __init__(self, entries: Iterable[Recorded], rules: MatchRules | None = None) -> None:
        self.rules = rules or MatchRules()
        self.entries = tuple(entry for entry in entries if entry.request)
        self.forms = tuple(self.forms_of(entry.request) for entry in self.entries)
        self._by_tier: dict[str, dict[str, list[int]]] = {tier: defaultdict(list) for tier in TIERS}
        for number, (entry, forms) in enumerate(zip(self.entries, self.forms, strict=True)):
            self._add(number, forms)
            if entry.whole:
                self._add(number, self.forms_of(entry.whole))

    def __len__(self) -> int:
        return len(self.entries)

    def _add(self, number: int, forms: Forms) -> None:
        for tier in TIERS:
            key = self._key(tier, forms)
            if key and number not in self._by_tier[tier][key]:
                self._by_tier[tier][key].append(number)

    def forms_of(self, body: Mapping[str, Any]) -> Forms:
        """Return a body as each tier compares it."""
        return Forms(canonical(body), self.rules.masks)

    def prepared(self, body: Mapping[str, Any]) -> Forms:
        """Return the same, with all that `match` and `NearIndex.nearest` need of it already made."""
        forms = self.forms_of(body)
        for tier in TIERS:
            self._key(tier, forms)
        return forms

    def match(
        self,
        forms: Forms,
        *,
        seen: Seen = NOTHING_SEEN,
        lineage: Place | None = None,
        retry: bool = False,
        strictness: str | None = None,
    ) -> Match | None:
        """Return the turn that answers a request of these forms, or None.

        lineage     the turn that the request continues: a turn of the same recording is preferred
        retry       whether the request is a retry, by ``x-stainless-retry-count``
        strictness  replaces that of the rules

        Equal requests are a sequence of answers: they play in the order of the files, and the last one
        repeats. Raise AmbiguousMatch if only the skeletons of several are equal.
        """
        for tier in _TIERS_OF[strictness or self.rules.strictness]:
            key = self._key(tier, forms)
            numbers = self._by_tier[tier].get(key, ()) if key else ()
            if tier == "order":
                numbers = [one for one in numbers if self.entries[one].place not in seen.played]
                if len(numbers) != 1:
                    continue
            if numbers:
                found = [self.entries[number] for number in numbers]
                entry, why = self._choose(
                    tier, found, seen, lineage, seen.served.get(forms.digest) if retry else None
                )
                return Match(entry.name, entry.turn, tier, why, forms.digest)
        return None

    def _key(self, tier: str, forms: Forms) -> str:
        if (key := forms.keys.get(tier)) is None:
            key = forms.keys[tier] = self._made_key(tier, forms)
        return key

    def _made_key(self, tier: str, forms: Forms) -> str:
        match tier:
            case "exact":
                return forms.digest
            case "masked":
                return digest(forms.masked)
            case "pointers":
                exclude = self.rules.exclude
                return digest(pointers.without(forms.masked, exclude)) if exclude else ""
            case "skeleton":
                return digest([forms.class_, forms.skeleton, last_items(forms.masked)])
            case _:
                return forms.class_

    def _choose(
        self, tier: str, found: Sequence[Recorded], seen: Seen, lineage: Place | None, before: Place | None
    ) -> tuple[Recorded, str]:
        why = _WHY[tier]
        if lineage and (below := [entry for entry in found if entry.name == lineage[0]]):
            found = [entry for entry in below if entry.turn == lineage[1] + 1] or below
        if len(found) == 1:
            return found[0], why
        if tier == "skeleton" and not _same_answer(found):
            raise AmbiguousMatch([f"{entry.name}#{entry.turn}" for entry in found])
        for number, entry in enumerate(found, 1):
            if entry.place == before and not entry.failed:
                return entry, f"{why}; a retry gets the same again"
            if entry.place not in seen.played:
                return entry, f"{why}; number {number} of {len(found)} with this request"
        return found[-1], f"{why}; the last of {len(found)} with this request, again"


_WHY: Mapping[str, str] = {
    "exact": "its recorded request is equal",
    "masked": "its recorded request is equal but for what is masked",
    "pointers": "its recorded request is equal but for what is excluded",
    "skeleton": "its recorded request has the same kinds of items, and the same last ones",
    "order": "it is the only turn of this class that was not played yet",
}


def class_of(form: JSON) -> str:
    """Return the class of a program's request: main loop, titles, summaries. The tiers skeleton and order
    never match requests of two classes."""
    format_ = form.get("text", {}).get("format", {}) if isinstance(form.get("text"), dict) else {}
    kind = [format_.get("type"), format_.get("name")] if isinstance(format_, dict) else []
    instructions = form.get("instructions")
    first = instructions[:1] if isinstance(instructions, list) else []
    return digest([form.get("model"), bool(form.get("tools")), kind, first])


def skeleton_of(form: JSON) -> tuple[str, ...]:
    """Return the kinds of the items: types, roles, names of tools, and which call an output answers."""
    found = []
    for item in form.get("input") or ():
        type_ = item.get("type")
        if type_ != "reasoning":
            detail = item.get("role") or item.get("name") or item.get("call_id") or ""
            found.append(f"{type_} {detail}")
    return tuple(found)


def last_items(form: JSON) -> list[Any]:
    """Return the items after the last one that a model made."""
    items = form.get("input") or []
    last = max((place for place, item in enumerate(items) if is_output(item)), default=-1)
    return list(items[last + 1 :])


def _same_answer(found: Sequence[Recorded]) -> bool:
    first = found[0].answer
    return first is not None and all(entry.answer == first for entry in found)
