"""Fixes, as they are recorded in the header of a recording and shown to a user."""

from collections.abc import Sequence

from respool.recordings.recording import Header
from respool.repair.damaged_stream import JSON

FIELD = "repaired"  # of the header


def with_repairs(header: Header, fixes: Sequence[JSON]) -> Header:
    """Return the header with these fixes in its list of repairs, and their counts in its note."""
    earlier = header.fields.get(FIELD)
    note = "; ".join(filter(None, (header.note, f"repaired: {', '.join(_counts(fixes))}")))
    repairs = [*(earlier if isinstance(earlier, list) else []), *fixes]
    return Header({**header.fields, "note": note, FIELD: repairs})


def _counts(fixes: Sequence[JSON]) -> list[str]:
    made = sum("made" in fix for fix in fixes)
    dropped = sum("dropped" in fix for fix in fixes)
    changed = sum(fix["until"] - fix["event"] + 1 for fix in fixes if "renumbered" in fix)
    return [
        f"{count} {noun if count == 1 else nouns} {verb}"
        for count, noun, nouns, verb in (
            (made, "event", "events", "made"),
            (dropped, "line", "lines", "left out"),
            (changed, "event", "events", "renumbered"),
        )
        if count
    ]


def in_words(fix: JSON) -> str:
    """Return the line of output that describes a fix."""
    if "dropped" in fix:
        return f"line {fix['line']} left out: {fix['dropped']}"
    if "made" in fix:
        guess = f", its {' and '.join(fix['estimated'])} estimated" if "estimated" in fix else ""
        return f"event {fix['event']} made: {fix['made']}{guess}"
    first, last = fix["event"], fix["until"]
    return f"event {first} renumbered" if first == last else f"events {first} to {last} renumbered"
