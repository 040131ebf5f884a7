"""The limit for nested JSON in a recording."""

import re
from typing import Any

from respool.protocol.events import nests_deeper

MAX_DEPTH = 500  # levels; not every JSON library reads and writes more

_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def too_deep(text: str) -> bool:
    """Return True if a JSON text is nested deeper than MAX_DEPTH."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _NESTING.finditer(text):
        match found.group():
            case "[" | "{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case "]" | "}":
                depth -= 1
    return False


def check_depth(value: Any) -> None:
    """Raise ValueError for a JSON value that is nested deeper than MAX_DEPTH."""
    if nests_deeper(value, MAX_DEPTH):
        raise ValueError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
