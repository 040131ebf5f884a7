"""The options of servers in Python, as types, completed and checked by the table of settings."""

import os
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TypedDict, cast

from respool.errors import OptionError
from respool.recordings.store import Store
from respool.server.choosing import default_of
from respool.server.indexes import ASKS_UPSTREAM, MatchOptions
from respool.server.settings import SETTINGS, Part

if TYPE_CHECKING:
    from respool.faults.fault import Fault
    from respool.play.clock import Clock
    from respool.play.pace import Pace
    from respool.play.session_clock import Mode
    from respool.protocol.request import ValidationLevel
    from respool.server.state import State


class ServerOptions(TypedDict, total=False):
    """The options of `MockServer`, and of all that make one: the settings of `Part.SERVER`, and objects."""

    pace: "Pace | None"
    clock: "Clock | None"
    default: str | None
    ids: str
    replay_window: float
    validate: "ValidationLevel | str | None"
    faults: "Sequence[Fault]"
    profile: str
    keepalive: float | None
    framing: str
    on_unknown_id: str
    stateless: bool
    session_idle: float
    session_by: str
    state: "State | None"
    match: str | None
    on_miss: str
    on_exhausted: str
    asks_upstream: str
    clock_mode: "Mode"
    max_memory: int | None
    max_client_bytes: int | None


class UpstreamOptions(TypedDict, total=False):
    """The upstream for what is not recorded: the settings of `Part.UPSTREAM`. The key is in the
    environment, in the variable that `api_key_env` names."""

    upstream: str | None
    api_key_env: str | None
    record_into: str | os.PathLike[str] | None
    record_mode: str
    record_name: str | None
    redact: Sequence[str]
    redact_pointer: Sequence[str]
    redact_hook: str | None


_SETTINGS = {one.name: one for one in SETTINGS if one.part is Part.SERVER}
_DEFAULTS: dict[str, Any] = {
    "pace": None,
    "clock": None,
    "state": None,
    "asks_upstream": ASKS_UPSTREAM[0],
    **{name: one.default for name, one in _SETTINGS.items()},
}


def complete(options: ServerOptions, store: Store) -> ServerOptions:
    """Return all options of a server, those that are not given with their defaults.

    Raise OptionError for a value out of range, for a default that is no recording of `store`, and for options
    that need another one; TypeError for an unknown name.
    """
    if unknown := sorted(options.keys() - _DEFAULTS.keys()):
        raise TypeError(f"MockServer() got an unexpected keyword argument '{unknown[0]}'")
    values: dict[str, Any] = {**_DEFAULTS, **options}
    for name, setting in _SETTINGS.items():
        if name in options and not isinstance(values[name], Enum):  # a member is one of the words
            values[name] = setting.check(values[name])
    default = values["default"]
    if default is not None and store.get(default) is None:
        nearest = ", ".join(store.nearest(default))
        raise OptionError(
            f"default is {default}, but no recording has that name" + (nearest and f"; nearest: {nearest}")
        )
    if values["on_miss"] == "record" and values["asks_upstream"] == "never":
        raise OptionError("on-miss is record, but this server has no upstream: --upstream URL names one")
    if values["on_unknown_id"] == "default" and default_of(store, default) is None:
        raise OptionError(
            "on-unknown-id is default, but there is none; give the name of a recording as default"
        )
    return cast(ServerOptions, values)


def match_options(options: ServerOptions) -> MatchOptions:
    """Return the options of matching."""
    return MatchOptions(
        options["default"],
        options["match"],
        options["on_miss"],
        options["on_exhausted"],
        options["asks_upstream"],
    )
