"""The lost pieces of a text, found from the remaining pieces and the whole text."""

from collections.abc import Sequence


def find_lost(pieces: Sequence[str], least: Sequence[int | None], text: str) -> list[str] | None:
    """Return the pieces of `text` before the first of `pieces`, between them, and after the last one.

    `least` has the least number of missing characters at each of these places, None where none are missing.
    Return None if the pieces do not fit the text so.
    """
    runs, gaps = [""], []  # the pieces with nothing missing between them; the places around them
    for place, number in enumerate(least):
        if number is not None:
            gaps.append((place, number))
            runs.append("")
        runs[-1] += "".join(pieces[place : place + 1])
    if not (text.startswith(runs[0]) and text.endswith(runs[-1])) or (not gaps and text != runs[0]):
        return None
    lost = [""] * len(least)
    at = len(runs[0])
    for (place, number), run in zip(gaps, runs[1:], strict=True):
        # The earliest place for each run leaves the most room for the others.
        start = len(text) - len(run) if place == gaps[-1][0] else text.find(run, at + number)
        if start < at + number:
            return None
        lost[place] = text[at:start]
        at = start + len(run)
    return lost


def guess_lost(pieces: Sequence[str], text: str) -> list[str] | None:
    """Return the same for unknown places: a single place, the last that fits, or else several."""
    places = range(len(pieces) + 1)
    for place in reversed(places):
        if lost := find_lost(pieces, [0 if one == place else None for one in places], text):
            return lost
    return find_lost(pieces, [0 for _ in places], text)


def split(text: str, count: int) -> list[str]:
    """Return the text in `count` pieces of about the same length; in fewer if it has fewer characters."""
    count = max(1, min(count, len(text)))
    return [text[len(text) * n // count : len(text) * (n + 1) // count] for n in range(count)]
