"""Warm-up: a create with ``generate: false``, answered with two events without playing anything."""

from collections.abc import Mapping
from typing import Any

from respool.play.live_turn import FixedTurn
from respool.protocol.events import Event, compact
from respool.protocol.response import USUAL, echo, usage_of
from respool.recordings.recording import Header, Recording, TimedEvent

WARM_UP = "(warm-up)"  # stands for the name of the recording that answers a warm-up


def warm_up_turn(body: Mapping[str, Any], id: str, created_at: int, started: float) -> FixedTurn:
    """Return the answer to a warm-up: ``response.created``, then ``response.completed`` without output.

    `created_at` is in seconds since 1970, `started` in the clock's. Source: openai/codex#11258.
    """
    begun = {"id": id, "object": "response", "created_at": created_at, **USUAL, **_echo(body)}
    ended = {**begun, "status": "completed", "completed_at": created_at, "usage": usage_of(0, 0)}
    events = [
        _event("response.created", {**begun, "status": "in_progress"}, 0),
        _event("response.completed", ended, 1),
    ]
    return FixedTurn.of(id, events, [started, started], stored=body.get("store") is not False)


def warm_up_recording(body: Mapping[str, Any], id: str, moment: float) -> Recording:
    """Return the recording that a warm-up plays. It follows from these alone, so it need not be kept."""
    turn = warm_up_turn(body, id, int(moment), moment)
    return Recording(WARM_UP, Header({}), tuple(TimedEvent(0.0, event) for event in turn.events))


def _echo(body: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        echoed = echo(body)
        compact(echoed)
    except (ValueError, RecursionError):  # numbers or nesting without end, in an unchecked body
        return {}
    return {**echoed, "background": False}


def _event(type: str, response: Mapping[str, Any], number: int) -> Event:
    return Event(compact({"type": type, "response": response, "sequence_number": number}), type)
