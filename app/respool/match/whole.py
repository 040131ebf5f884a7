"""Whole requests: the items that a request continues are added to its input. So a request with
`previous_response_id` can be compared with one that repeats the conversation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from respool.match.turn_choice import TurnFacts

_REMEMBERED = frozenset(("previous_response_id", "conversation", "input"))


def given_items(body: Mapping[str, Any]) -> list[Any]:
    """Return the items of a request's input, as they were sent."""
    given = body.get("input")
    if isinstance(given, list):
        return given
    return [{"role": "user", "content": given}] if isinstance(given, str) else []


def with_items(body: Mapping[str, Any], items: Iterable[Any]) -> dict[str, Any]:
    """Return a body with these items as its input, without references to earlier responses."""
    return {**{name: value for name, value in body.items() if name not in _REMEMBERED}, "input": list(items)}


def whole_recorded(turns: Sequence[TurnFacts]) -> list[Mapping[str, Any] | None]:
    """Return the whole request of each turn that continues another of these turns; None for other turns, and
    if not all items are known."""
    by_id = {turn.id: turn for turn in turns if turn.id}
    return [_whole(turn, by_id) if turn.request.get("previous_response_id") else None for turn in turns]


def _whole(turn: TurnFacts, by_id: Mapping[str, TurnFacts]) -> Mapping[str, Any] | None:
    parts, request = [given_items(turn.request)], turn.request
    seen: set[object] = set()
    while (previous := request.get("previous_response_id")) is not None:
        before = by_id.get(previous) if isinstance(previous, str) else None
        if before is None or previous in seen or before.request.get("conversation") is not None:
            return None
        seen.add(previous)
        request = before.request
        parts.append([*given_items(request), *before.output])
    return with_items(turn.request, [item for part in reversed(parts) for item in part])
