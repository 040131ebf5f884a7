"""Synthesis: a Script in, full event sequences out, with every event that the service would send.

Pure: the same Script, seed and name give the same bytes. `respool check` finds nothing in the result, unless
an `event` of the Script is illegal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from respool.errors import RequestError
from respool.protocol import response as responses
from respool.scripts import Script, ScriptError, Turn
from respool.scripts.steps import GROWING
from respool.scripts.synth import turn_response
from respool.scripts.synth.item_writers import ITEMS
from respool.scripts.synth.writer import Chance, Writer, Written
from respool.scripts.tables import STEER

__all__ = ["Expansion", "Scripted", "Written", "expand", "expand_turn"]

# Items that the service closes as incomplete when tokens run out.
_TRUNCATED = ("message", "function_call")
_NO_ITEM = ("event", "pause")


@dataclass(frozen=True, slots=True)
class Expansion:
    """A synthesised turn: the fields of a recording's header, and the events."""

    header: Mapping[str, Any]
    events: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Scripted:
    """The origin of a synthesised recording: the `number`th turn of the Script `name`."""

    turn: Turn
    name: str
    seed: int = 0
    number: int = 1
    locate: Callable[[ScriptError], str] | None = field(default=None, compare=False, repr=False)

    def expand(
        self, request: Mapping[str, Any] | None = None, *, failed_after_error: bool = False
    ) -> Expansion:
        """Synthesise the turn as the answer to a request. Its fields replace those of the Script's request.

        With `failed_after_error`, `response.failed` follows an error event. Raise ScriptError if the Script
        contradicts itself, RequestError if a template cannot be applied to the request.
        """
        turn = replace(self.turn, request={**self.turn.request, **(request or {})})
        if failed_after_error and turn.end.error is not None and turn.end.failed is None:
            turn = replace(turn, end=replace(turn.end, failed={}))
        try:
            return expand_turn(turn, self.name, self.seed, self.number)
        except ScriptError as error:
            if request is None or not turn.template:
                raise
            place = self.locate(error) if self.locate else self.name
            raise RequestError(
                f"{place}: {error.cause}", status=500, code="template_error", type="server_error"
            ) from None


def expand(script: Script, name: str) -> tuple[Expansion, ...]:
    """Synthesise all turns. Raise ScriptError if a Script contradicts itself."""
    return tuple(
        expand_turn(turn, name, script.seed, number) for number, turn in enumerate(script.turns, start=1)
    )


def expand_turn(turn: Turn, name: str, seed: int = 0, number: int = 1) -> Expansion:
    """Synthesise one turn, the `number`th of the Script `name`. Raise ScriptError."""
    if turn.template:
        from respool.scripts.templates import fill_turn  # imports jmespath: only templates need it

        turn = fill_turn(turn, turn.request)
    header: dict[str, Any] = {
        "request": dict(turn.request),
        "status": turn.status if turn.status != 200 else None,
        "headers": dict(turn.headers),
        "body": responses.http_error(turn.status, turn.error) if turn.error is not None else turn.body,
        "ids": turn.ids,
        "faults": [*turn.faults],
        "hold": [*turn.hold],
        "steer": turn.steer and STEER.plain(turn.steer),
        "note": turn.note,
    }
    given = {name: value for name, value in header.items() if value not in (None, "", {}, [])}
    return Expansion(given, () if turn.plain else _events(turn, Chance(seed, name, number)))


def _events(turn: Turn, chance: Chance) -> tuple[Written, ...]:
    writer = Writer(turn, chance)
    response = turn_response.new_response(turn, writer.ids.new("resp_"))
    writer.path = turn.path
    if response["background"]:
        queued = {**response, "status": "queued"}
        writer.event("response.created", response=queued)
        writer.event("response.queued", response=queued)
    else:
        writer.event("response.created", response=response)
    writer.event("response.in_progress", response=response)
    last = next((step for step in reversed(turn.steps) if step.type not in _NO_ITEM), None)
    for step in turn.steps:
        writer.path = step.path
        writer.truncated = step is last and turn.end.incomplete is not None and step.type in _TRUNCATED
        writer.cut_as(step.value.get("deltas") if step.type in GROWING else None)
        ITEMS[step.type](writer, step.value)
    if turn.end.cut:
        return _cut(turn, writer.written)
    writer.path = turn.path
    _finish(writer, response)
    return tuple(writer.written)


def _cut(turn: Turn, written: Sequence[Written]) -> tuple[Written, ...]:
    """Return the events before a stream is cut: in the middle of its last item, or after the given number."""
    if turn.end.cut is not True:
        return tuple(written[: turn.end.cut])
    last = next((step for step in reversed(turn.steps) if step.type != "pause"), None)
    if last is None or last.type == "event":
        return tuple(written)
    deltas = [
        place
        for place, event in enumerate(written)
        if event.path == last.path and event.event.type.endswith(".delta")
    ]
    return tuple(written[: deltas[-1] + 1] if deltas else written[:-1])


def _finish(writer: Writer, response: Mapping[str, Any]) -> None:
    """Write the events that end the stream."""
    turn = writer.turn
    end = turn.end
    if end.error is not None:
        writer.event("error", error=responses.error_event(end.error))
        if end.failed is None:
            return
    final = {**response, "output": writer.output}
    if end.failed is not None:
        error = responses.failure({**(end.error or {}), **end.failed})
        writer.event("response.failed", response={**final, "status": "failed", "error": error})
        return
    if final["service_tier"] == "auto":  # a failed response keeps it, as the service's do
        final["service_tier"] = "default"
    final["usage"] = turn_response.usage(turn, writer.output_tokens, writer.reasoning_tokens)
    if end.incomplete is not None:
        details = {"reason": end.incomplete}
        final |= {"status": "incomplete", "incomplete_details": details}
        writer.event("response.incomplete", response=final)
    else:
        completed_at = turn_response.created_at(turn) + int(writer.duration)
        final |= {"status": "completed", "completed_at": completed_at}
        writer.event("response.completed", response=final)
