"""Masks: patterns of texts that change each time, replaced by their kind before a comparison."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respool.match.patterns import Pattern

# Each is linear in the text. Source: the masks of LiteLLM and agent-replay-py.
BUILT_IN: Mapping[str, re.Pattern[str]] = {
    "time": re.compile(
        r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?)?"
        r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [A-Z][a-z]{2,8} \d{1,2}, \d{4}\b"
    ),
    "epoch": re.compile(r"\b1\d{9}(?:\d{3})?\b"),
    "tmp": re.compile(r"(?:/private)?/(?:tmp|var/folders)/[\w.+/-]+"),
    "home": re.compile(r"/(?:home|Users)/[^/\s\"'<>|]{1,64}"),
    "hex": re.compile(r"\b[0-9a-fA-F]{32,}\b"),
}
_HAS_DIGIT_OR_SLASH = re.compile(r"[0-9/]|[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of a set of recordings: `own` by name, and the built-in ones."""

    own: Mapping[str, Pattern]
    built_in: Sequence[str] = tuple(BUILT_IN)

    def text(self, text: str) -> str:
        """Return the text with its masked parts replaced: ``<time>``."""
        for name, pattern in self.own.items():
            text = pattern.replace(f"<{name}>", text)
        if _HAS_DIGIT_OR_SLASH.search(text):
            for name in self.built_in:
                text = BUILT_IN[name].sub(f"<{name}>", text)
        return text

    def value(self, value: Any) -> Any:
        """Return a canonical form with texts and timestamps masked, and floats rounded."""
        match value:
            case str():
                return self.text(value)
            case bool():
                return value
            case int() | float() if 1e9 <= value < 2e9 or 1e12 <= value < 2e12:
                return "<epoch>" if "epoch" in self.built_in else value
            case float():
                return round(value, 9)
            case dict():
                return {key: self.value(one) for key, one in value.items()}
            case list():
                return [self.value(one) for one in value]
            case _:
                return value


DEFAULT_MASKS = Masks({})
