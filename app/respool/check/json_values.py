"""Reading JSON values of unknown type, and showing them in messages."""

import json
from collections.abc import Mapping
from typing import Any

_SHOWN = 24  # characters of a text in a message


def integer(data: Mapping[str, Any], key: str) -> int | None:
    """Return the integer under `key`, or None."""
    value = data.get(key)
    return value if type(value) is int else None


def string(data: Mapping[str, Any], key: str) -> str | None:
    """Return the string under `key`, or None."""
    value = data.get(key)
    return value if isinstance(value, str) else None


def mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under `key`, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def array(data: Mapping[str, Any], key: str) -> list[Any]:
    """Return the array under `key`, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, list) else []


def at_path(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path` in nested objects, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def shown(value: object) -> str:
    """Return a value as text that is short enough for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{json.dumps(value[:_SHOWN], ensure_ascii=False)}..."
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}..."
