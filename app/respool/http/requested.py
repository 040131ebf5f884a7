"""What a request asks of its answer, besides faults: where it is held, its pace, its session's clock."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.types import Scope

from respool.errors import OptionError, RequestError, printable
from respool.http.sending.connection import steering
from respool.play.session_clock import Mode, SessionClock, read_mode
from respool.recordings.hold_points import HoldPoint, parse
from respool.server.state import NO_AUTO, State

HOLD_HEADER = "x-respool-hold"
PACE_HEADER = "x-respool-pace"
CLOCK_HEADER = "x-respool-clock"

T = TypeVar("T")
_HOLD, _PACE, _CLOCK = HOLD_HEADER.encode(), PACE_HEADER.encode(), CLOCK_HEADER.encode()


def requested_holds(scope: Scope) -> tuple[HoldPoint, ...]:
    """Return the holds that a request's headers set for its stream. Raise RequestError."""
    values = steering(scope, _HOLD)
    return _read(HOLD_HEADER, "invalid_hold", ";".join(values), parse) if values else ()


def requested_pace(scope: Scope) -> Mapping[str, Any] | None:
    """Return the changes of the pace in a request's headers. Raise RequestError."""
    values = steering(scope, _PACE)
    if not values:
        return None
    from respool.play.pace import read_changes

    return _read(PACE_HEADER, "invalid_pace", ",".join(values), read_changes)


def set_requested_clock(scope: Scope, clock: SessionClock, state: State) -> None:
    """Have the clock of a request's session run as its headers ask, if it does not. Raise RequestError."""
    values = steering(scope, _CLOCK)
    if values:
        mode, rate = _read(CLOCK_HEADER, "invalid_clock", values[-1], read_mode)
        check_clock(mode, state, None)
        clock.run_as(mode, rate)


def check_clock(mode: Mode, state: State, param: str | None) -> None:
    """Raise RequestError for a mode that clocks of a shared state do not have; `param` asks for it."""
    if mode == "auto" and state.shared:
        raise RequestError(f"The mode auto cannot be used: {NO_AUTO}.", param=param, code="not_shared")


def _read(header: str, code: str, text: str, read: Callable[[str], T]) -> T:
    try:
        # ASGI gives header values as Latin-1.
        return read(text.encode("latin-1").decode("utf-8", "replace"))
    except OptionError as error:
        raise RequestError(f"The header {header}: {printable(str(error), 400)}", code=code) from None
