"""SteerRule: how a recording, a Script or a stub answers steers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respool.errors import OptionError
from respool.protocol.websocket.steers import SteerAt

if TYPE_CHECKING:
    from respool.scripts import Script


@dataclass(frozen=True, slots=True)
class SteerRule:
    """How a response answers steers.

    at         where a steer ends the response; None: the server's setting
    successor  the recording (by name) or Script to play then; None: the one that matches the steered input
    code       error code with which the steer fails; "": it does not fail
    message    error message
    """

    at: SteerAt | None = None
    successor: "str | Script | None" = None
    code: str = ""
    message: str = ""


def rule_of(fields: Mapping[str, Any]) -> SteerRule:
    """Return the rule of these fields, as the table ``STEER`` of Scripts gives them."""
    error = fields.get("error", {})
    at = fields.get("at")
    return SteerRule(
        None if at is None else SteerAt(at),
        fields.get("successor"),
        error.get("code", ""),
        error.get("message", ""),
    )


def read_rule(value: Any) -> SteerRule:
    """Return the rule in a recording's header ``steer``. Raise OptionError."""
    from respool.scripts.sources import PlainSource, ScriptError, ScriptPlace  # late: few recordings have one
    from respool.scripts.tables import STEER

    try:
        return rule_of(STEER.read(value, ScriptPlace(PlainSource())))
    except ScriptError as error:
        raise OptionError(str(error)) from None
