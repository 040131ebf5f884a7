"""Percent-encoded text, decoded, with the place of each character."""

import re

from respool.record.json_strings import Decoded

PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def percent_decoded(text: str) -> Decoded:
    """Return a text without percent encoding."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for found in PERCENT.finditer(text):
        start, end = found.span()
        parts.append(text[at:start])
        starts.extend(range(at, start))
        ends.extend(range(at + 1, start + 1))
        # Character by character: others than ASCII are no part of a secret, and stay unchanged.
        for place in range(start, end, 3):
            code = int(text[place + 1 : place + 3], 16)
            if code < 0x80:
                parts.append(chr(code))
                starts.append(place)
                ends.append(place + 3)
            else:
                parts.append(text[place : place + 3])
                starts.extend(range(place, place + 3))
                ends.extend(range(place + 1, place + 4))
        at = end
    parts.append(text[at:])
    starts.extend(range(at, len(text)))
    ends.extend(range(at + 1, len(text) + 1))
    return Decoded("".join(parts), starts, ends)
