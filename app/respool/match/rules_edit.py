"""Adding to a ``match.yaml`` without touching the rest of it: comments, order and layout stay."""

import re
from collections.abc import Mapping, Sequence

from respool.errors import OptionError, RecordingError
from respool.match import pointers
from respool.match.rules import MatchRules, read_rules
from respool.protocol.events import compact

_BY_HAND = "add them by hand"


def with_rules(text: str, path: str, exclude: Sequence[str], masks: Mapping[str, str]) -> str:
    """Return the text of a ``match.yaml`` with more pointers to leave out, and more masks, by name. What it
    has already is not added again.

    Raise OptionError if the text has mistakes, a mask has another pattern already, or the text is written in
    a way that cannot be added to.
    """
    try:
        before = _read(text, path)
    except RecordingError as error:
        raise OptionError(f"{error}; mend it, or {_BY_HAND}") from None
    missing = [one for one in dict.fromkeys(exclude) if pointers.parse(one) not in before.exclude]
    for name, pattern in masks.items():
        known = before.masks.own.get(name)
        if known is not None and known.text != pattern:
            raise OptionError(f"{path}: the mask {name} is {known.text} already; choose another name")
    new = {name: pattern for name, pattern in masks.items() if name not in before.masks.own}
    changed = text
    if new:
        changed = _added(
            changed, "masks", [f"{_scalar(name)}: {_scalar(one)}" for name, one in new.items()], "{}"
        )
    if missing:
        changed = _added(changed, "exclude", [_scalar(one) for one in missing], "[]")
    try:
        after = _read(changed, path)
    except RecordingError:
        after = MatchRules()
    if (
        {*after.exclude} != {*before.exclude, *map(pointers.parse, missing)}
        or _patterns(after) != {**_patterns(before), **masks}
        or (after.strictness, after.masks.built_in) != (before.strictness, before.masks.built_in)
    ):
        raise OptionError(f"{path} is written in a way that cannot be added to; {_BY_HAND}")
    return changed


def _read(text: str, path: str) -> MatchRules:
    lines = (line.strip() for line in text.split("\n"))
    empty = all(not line or line.startswith("#") for line in lines)
    return MatchRules() if empty else read_rules(text.encode(), path)


def _patterns(rules: MatchRules) -> dict[str, str]:
    return {name: pattern.text for name, pattern in rules.masks.own.items()}


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar, which can be a JSON string."""
    return compact(text)


def _added(text: str, key: str, entries: Sequence[str], brackets: str) -> str:
    """Return the text with entries added below the top-level `key`, which is created if it is missing."""
    mark = "- " if brackets == "[]" else ""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at = next((place for place, line in enumerate(lines) if re.match(rf"{key}\s*:", line)), None)
    if at is None:
        end = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{end}{key}:\n" + "".join(f"  {mark}{entry}\n" for entry in entries)
    flow = re.match(
        rf"({key}\s*:\s*{re.escape(brackets[0])})(.*?)(\s*{re.escape(brackets[1])}.*)", lines[at], re.DOTALL
    )
    if flow:
        inner = flow[2].rstrip().rstrip(",")
        joined = ", ".join([*([inner] if inner.strip() else []), *entries])
        lines[at] = f"{flow[1]}{joined}{flow[3].lstrip()}"
        return "".join(lines)
    last, indent = at, "  "
    for place in range(at + 1, len(lines)):
        line = lines[place]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not (line[0] in " \t" or (mark and line.startswith("-"))):
            break
        if last == at:
            indent = line[: len(line) - len(line.lstrip())]
        last = place
    if not lines[last].endswith("\n"):
        lines[last] += "\n"
    lines[last + 1 : last + 1] = [f"{indent}{mark}{entry}\n" for entry in entries]
    return "".join(lines)
