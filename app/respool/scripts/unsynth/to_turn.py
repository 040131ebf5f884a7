"""A recorded turn in, a Script's turn out: its request, response and end."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from respool.protocol import response as responses
from respool.scripts import End, Script, ScriptError, Step, Turn, plain, read
from respool.scripts.synth import Expansion, expand_turn, turn_response
from respool.scripts.synth.deltas import cut
from respool.scripts.unsynth.likeness import bare, final_response, same_response
from respool.scripts.unsynth.to_pace import pauses, turn_pace
from respool.scripts.unsynth.to_steps import JSON, RecordedStream, ScriptPiece, is_named, parts

_NAME = "unsynth"  # of the Scripts that are synthesised for comparison

# Fields of a Response object that other fields of a Script determine.
_DECIDED = ("output", "status", "error", "incomplete_details", "usage", "completed_at", "object")
_OF_PLAYS = ("ids", "faults", "hold", "steer")  # fields of a header
_ERROR_FIELDS = ("type", "code", "message", "param")


def unexpand(expansion: Expansion, named: Collection[str], *, pace: bool) -> Turn:
    """Return the turn of a Script that gives these events. Ids that are `named` somewhere are kept.

    Raise ValueError if there is none.
    """
    header = {name: expansion.header.get(name) for name in ("request", "status", "headers", "note")}
    turn = Turn(**{name: value for name, value in header.items() if value})
    turn = _with_control(turn, expansion.header)
    if not expansion.events:
        return _plain(turn, expansion.header.get("body"))
    stream = RecordedStream(expansion.events)
    turn = _with_response(turn, stream, named)
    padded = any(event.get("obfuscation") for event in stream.events)
    turn = replace(turn, deltas=_way_of_cutting(stream.events), obfuscation=padded)
    difference = None
    cut_off = End(cut=len(stream.events))
    for end, literally in ((_end(stream.events), False), (cut_off, False), (cut_off, True)):
        ended = replace(turn, end=end)
        found = list(parts(stream, ended, named, literally=literally))
        steps = tuple(part.step for part in found)
        for usage in _usages(stream.final.get("usage") if _has_usage(end) else {}):
            scripted = replace(ended, steps=steps, usage=usage)
            difference = _difference(scripted, stream)
            if difference is None:
                return _with_pace(scripted, found, stream) if pace else scripted
    raise ValueError(difference)


def _with_control(turn: Turn, header: Mapping[str, Any]) -> Turn:
    """Return the turn with the fields of a header that control its plays. A Script has the same fields."""
    fields = {name: header[name] for name in _OF_PLAYS if header.get(name) is not None}
    if not fields:
        return turn
    try:
        control = read({"text": "", **fields}).turns[0]
    except ScriptError as error:
        raise ValueError(f"a script cannot have this of its header: {error}") from None
    return replace(turn, **{name: getattr(control, name) for name in fields})


def _written_out(turn: Turn) -> Expansion:
    """Write the turn as data, read it again, and return the result synthesised. Raise ScriptError."""
    (again,) = read(plain(Script((turn,)))).turns
    return expand_turn(again, _NAME)


def _difference(turn: Turn, stream: RecordedStream) -> str | None:
    """Return how the turn's events differ from the recorded ones; None if they do not."""
    try:
        made = [it.event for it in _written_out(turn).events]
    except ScriptError as error:
        return f"a script cannot have this: {error}"
    types = [event.type for event in made]
    if types != stream.types:
        pairs = enumerate(zip([*types, "the end"], [*stream.types, "the end"], strict=False))
        number, (ours, theirs) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        return f"event {number} is {theirs}, but a script's would be {ours}"
    return (
        None if same_response(final_response(made), stream.final) else "a script's response would be another"
    )


def _plain(turn: Turn, body: Any) -> Turn:
    """Return the turn of an answer that is no stream: the service's error, or any body."""
    if turn.status >= 300 and isinstance(body, dict) and isinstance(error := body.get("error"), dict):
        usual = responses.http_error(turn.status, {})["error"]
        fields = {name: value for name, value in error.items() if usual.get(name, ...) != value}
        with suppress(ScriptError):  # for fields or values that no error of the service has
            read_error = read({"status": turn.status, "error": fields}).turns[0].error
            if responses.http_error(turn.status, read_error or {}) == body:
                return replace(turn, error=read_error)
    return replace(turn, body=body)


def _with_response(turn: Turn, stream: RecordedStream, named: Collection[str]) -> Turn:
    """Return the turn with the fields of its Response object that the request does not imply."""
    final = {name: value for name, value in stream.final.items() if name not in _DECIDED}
    if not is_named(final.get("id"), named):
        final.pop("id", None)
    if isinstance(final.get("model"), str) and final["model"] != turn.request.get("model"):
        turn = replace(turn, model=final.pop("model"))
    usual = turn_response.new_response(turn, "")
    if usual["service_tier"] == "auto" and final.get("service_tier") == "default":
        del final["service_tier"]  # the end of a response that was auto at its start
    fields = {name: value for name, value in final.items() if bare(usual.get(name)) != bare(value)}
    return replace(turn, response=fields)


def _has_usage(end: End) -> bool:
    return not end.cut and end.error is None and end.failed is None


def _usages(usage: Any) -> Iterator[Mapping[str, Any] | None]:
    """Yield the ways to write the usage, the shortest first. Absent fields are estimated when played."""
    if not isinstance(usage, dict):
        yield None
        return
    least = ("input_tokens", "output_tokens")
    for names in (least, (*least, "output_tokens_details"), tuple(usage)):
        counts = {name: usage[name] for name in names if usage.get(name) is not None}
        with suppress(ScriptError):
            yield read({"text": "", "usage": counts}).turns[0].usage


def _end(events: Sequence[JSON]) -> End:
    """Return the end of a stream, if a Script can describe it."""
    error = next((_error(event) for event in events[-2:] if event["type"] == "error"), None)
    fields: JSON = {} if error is None else {"error": error}
    match events[-1]:
        case {"type": "response.completed"}:
            return End()
        case {"type": "response.incomplete", "response": {"incomplete_details": {"reason": str(reason)}}}:
            return End(incomplete=reason)
        case {"type": "response.failed", "response": {"error": dict(failed)}}:
            usual = responses.failure(error or {})
            fields["failed"] = {name: failed.get(name) for name in usual if failed.get(name) != usual[name]}
        case {"type": "error"} if error is not None:
            pass
        case _:
            return End(cut=len(events))
    try:
        return read({"end": fields}).turns[0].end
    except ScriptError:
        return End(cut=len(events))


def _error(event: JSON) -> JSON | None:
    error = event.get("error")
    if not isinstance(error, dict):
        return None  # not nested as the service nests it
    return {name: value for name, value in error.items() if name in _ERROR_FIELDS}


def _way_of_cutting(events: Sequence[JSON]) -> str | int:
    """Return the way of cutting deltas that explains the most texts."""
    texts: dict[str, list[str]] = {}
    for event in events:
        if event["type"].endswith(".delta") and isinstance(event.get("delta"), str):
            names = ("type", "output_index", "content_index", "summary_index", "command_index")
            texts.setdefault(repr([event.get(name) for name in names]), []).append(event["delta"])
    sizes = {min(map(len, pieces[:-1] or pieces)) for pieces in texts.values()}
    ways: list[str | int] = ["tokens", "words", "whole", *sorted(sizes - {0})]
    return max(ways, key=lambda way: sum(cut("".join(pieces), way) == pieces for pieces in texts.values()))


def _with_pace(turn: Turn, parts: Sequence[ScriptPiece], stream: RecordedStream) -> Turn:
    """Return the turn with pauses before its steps, and a pace: approximately the recorded times."""
    gaps = [written.gap for written in stream.written]
    end = parts[-1].stop if parts else len(gaps)
    found = pauses(gaps, [*(part.start for part in parts), *range(end, len(gaps))[:1]])
    steps = []
    for part in parts:
        if part.start in found:
            steps.append(Step("pause", found[part.start]))
        steps.append(part.step)
    if end in found:
        steps.append(Step("pause", found[end]))
    return replace(turn, steps=tuple(steps), pace=turn_pace(gaps, stream.events, found))
