"""Texts: where a text has lost pieces, found from those that are left and the whole."""

from collections.abc import Sequence


def find_lost(pieces: Sequence[str], least: Sequence[int | None], text: str) -> list[str] | None:
    """Return what `text` has before the first piece, between the pieces, and after the last one.

    `least` says of each of these places how many characters are missing there at the least, and is
    None where none are. None if that cannot be: the pieces do not lie in the text like that.
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
        # The earliest place for each run leaves most room for the others.
        start = len(text) - len(run) if place == gaps[-1][0] else text.find(run, at + number)
        if start < at + number:
            return None
        lost[place] = text[at:start]
        at = start + len(run)
    return lost


def guess_lost(pieces: Sequence[str], text: str) -> list[str] | None:
    """Return the same where nothing is known of the places: at one of them, the last that fits; or at any."""
    places = range(len(pieces) + 1)
    for place in reversed(places):
        if lost := find_lost(pieces, [0 if one == place else None for one in places], text):
            return lost
    return find_lost(pieces, [0 for _ in places], text)


def split(text: str, count: int) -> list[str]:
    """Return the text in so many pieces of about the same length, or in fewer if it has not as many
    characters."""
    count = max(1, min(count, len(text)))
    return [text[len(text) * n // count : len(text) * (n + 1) // count] for n in range(count)]
