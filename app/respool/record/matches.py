"""SecretMatch: the place of a secret in a text; how such places are moved, and freed of overlaps."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from respool.record.json_strings import Decoded


@dataclass(frozen=True, slots=True)
class SecretMatch:
    """A secret, or one part of it, at text[start:end].

    `lo` and `hi` are the limits of the part, as shares of 1, if a secret is cut across deltas. `path` is the
    parts of the JSON pointer. `encoded` is the decoded text of base64 at this place, `inside` the matches in
    it. With `instead`, the place is no secret itself, but is replaced by this text.
    """

    start: int
    end: int
    rule: str
    secret: str
    lo: float = 0.0
    hi: float = 1.0
    path: tuple[str | int, ...] = ()
    encoded: str | None = None
    inside: tuple["SecretMatch", ...] = ()
    instead: str | None = None
    is_string: bool = True

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Yield each secret at this place, with the name of its rule."""
        if self.encoded is not None:
            for match in self.inside:
                yield from match.secrets()
        elif self.instead is None:
            yield self.secret, self.rule


def touches(match: SecretMatch, spans: Sequence[tuple[int, int]], *, inside: bool) -> bool:
    """Return True if a match overlaps one of the spans; with `inside`, without containing it and more."""
    place = bisect_right(spans, (match.start, match.start)) - 1
    for start, end in spans[max(place, 0) : place + 3]:
        if (
            match.start < end
            and start < match.end
            and not (
                inside and match.start <= start and end <= match.end and match.end - match.start > end - start
            )
        ):
            return True
    return False


def moved(matches: Iterable[SecretMatch], by: int) -> Iterator[SecretMatch]:
    """Return the matches of a text that begins `by` characters later in another one."""
    for match in matches:
        yield replace(match, start=match.start + by, end=match.end + by)


def mapped(matches: Iterable[SecretMatch], decoded: Decoded) -> Iterator[SecretMatch]:
    """Return the matches of a decoded text at their places in the source."""
    for match in matches:
        yield replace(match, start=decoded.starts[match.start], end=decoded.ends[match.end - 1])


def apart(matches: Sequence[SecretMatch]) -> list[SecretMatch]:
    """Return the matches, in order, without overlaps: the longest stay, of equal ones the first."""
    if len(matches) < 2:
        return list(matches)
    kept: list[tuple[int, int, int]] = []
    order = sorted(range(len(matches)), key=lambda i: (matches[i].start - matches[i].end, i))
    for number in order:
        match = matches[number]
        place = bisect_left(kept, (match.start, match.end, number))
        if (place and kept[place - 1][1] > match.start) or (place < len(kept) and kept[place][0] < match.end):
            continue
        kept.insert(place, (match.start, match.end, number))
    return [matches[number] for _, _, number in kept]
