"""Edits as JSON data, and back: the form in which a shared state stores them.

Each is ``{"edit": "release", "now": 12.5, "events": 1}``: the name of its class, the clock's moment of the
edit (left out: before all time), and its fields that differ from their defaults.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from respool.play.edits import (
    Comment,
    Edit,
    Finish,
    Hold,
    Insert,
    MadeEdit,
    Postpone,
    Release,
    Replace,
    Steer,
)
from respool.protocol.events import Event

# A cancel is not among them: its moment is a field of a playback's record.
_KINDS: dict[str, Any] = {
    kind.__name__.lower(): kind for kind in (Hold, Release, Postpone, Insert, Replace, Comment, Finish, Steer)
}


def to_data(made: MadeEdit) -> dict[str, Any]:
    """Return an edit as plain data."""
    data: dict[str, Any] = {"edit": type(made.edit).__name__.lower()}
    if made.now > -math.inf:
        data["now"] = made.now
    edit: Any = made.edit
    for field in fields(edit):
        value = getattr(edit, field.name)
        if field.default is MISSING or value != field.default:
            data[field.name] = {"text": value.text, "type": value.type} if isinstance(value, Event) else value
    return data


def from_data(data: Mapping[str, Any]) -> MadeEdit:
    """Return the edit from the data of `to_data`. Raise KeyError for an unknown one."""
    rest = dict(data)
    kind, now = _KINDS[rest.pop("edit")], rest.pop("now", -math.inf)
    for name in ("event", "error"):
        if isinstance(rest.get(name), Mapping):
            rest[name] = Event(rest[name]["text"], rest[name]["type"])
    edit: Edit = kind(**rest)
    return MadeEdit(now, edit)
