"""Script, Turn, Step: the values, and their conversion from and to plain data."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from respool.scripts import tables
from respool.scripts.builder import ScriptBuilder
from respool.scripts.sources import Path, PlainSource, ScriptError, ScriptPlace, Source

TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a turn: an output item, by the name of its type, or `item`, `event`, `pause`.

    `value` has the fields that `steps.STEPS` lists for it; an item has only those that differ from the
    defaults. For `item` and `event` it is the object itself, for `pause` the seconds.
    """

    type: str
    value: Any = field(default_factory=dict)
    path: Path = field(default=(), compare=False)  # its place in the Script


@dataclass(frozen=True, slots=True)
class End:
    """The end of a turn. Without any of these it is completed.

    incomplete   the reason
    error        an `error` event with these fields (type, code, message, param)
    failed       `response.failed` with these (code, message); with `error`, that comes before it
    cut          the stream breaks off: in the middle of the last item, or after so many events
    """

    incomplete: str | None = None
    error: Mapping[str, Any] | None = None
    failed: Mapping[str, Any] | None = None
    cut: bool | int = False


@dataclass(frozen=True, slots=True)
class ScriptPace:
    """The times of events, in seconds."""

    tokens_per_second: float | None = None  # None: after the first delta, events come at once
    ttft: float = 0.0  # the time of the first delta; pauses before it are added
    bursts: bool = False  # uneven, with the same mean
    gap: float | None = None  # between any two events, instead of tokens per second
    speed: float = 1.0  # divides all times, pauses included


@dataclass(frozen=True, slots=True)
class Turn:
    """One response, or an answer that is no response (then `body` is not None)."""

    steps: tuple[Step, ...] = ()
    end: End = End()
    model: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = field(default_factory=dict)  # the given fields; None: no usage
    deltas: str | int = TOKENS  # tokens, words, whole, or a number of characters
    obfuscation: bool = False
    pace: ScriptPace | None = None  # None: the pace of the server
    status: int = 200  # HTTP
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None  # the fields of an HTTP error
    body: Any = None
    ids: str | None = None  # recorded or fresh; None: the server's setting
    note: str = ""
    faults: tuple[str | Mapping[str, Any], ...] = ()  # as in the header of a recording
    hold: tuple[bool | str | Mapping[str, Any], ...] = ()  # where the stream waits, as in such a header
    steer: Mapping[str, Any] | None = None  # the reaction to a steer; its successor may be a Script
    template: bool = False  # whether ${...} stands for a value of the request
    path: Path = field(default=(), compare=False)

    @property
    def plain(self) -> bool:
        """True if the answer is no stream."""
        return self.error is not None or self.body is not None


@dataclass(frozen=True, slots=True)
class Script(ScriptBuilder):
    """A file's turns, and the seed of their random values."""

    turns: tuple[Turn, ...] = ()
    seed: int = 0


def read(data: Any, source: Source | None = None) -> Script:
    """Return the Script that plain data describes.

    Each error goes to ``source.damage``, as a ScriptError with its path. If ``damage`` returns, reading goes
    on. Without a source the first error is raised.
    """
    source = source or PlainSource()
    place = ScriptPlace(source)
    try:
        found = tables.SCRIPT.read(data, place)
    except ScriptError as error:
        source.damage(error)
        return Script(())
    seed = found.pop("seed", 0)
    turns = found.pop("turns", None)
    if turns is None:
        turns, shared = [(found, ())], {}
    else:
        shared = found
    return Script(tuple(_turns(turns, shared, source)), seed)


def _turns(
    turns: Iterable[tuple[dict[str, Any], Path]], shared: Mapping[str, Any], source: Source
) -> Iterator[Turn]:
    for found, path in turns:
        try:
            yield _turn({**shared, **found}, ScriptPlace(source, path))
        except ScriptError as error:
            source.damage(error)


def _turn(found: dict[str, Any], place: ScriptPlace) -> Turn:
    status = found.get("status", 200)
    if status >= 300:
        for name in ("text", "output", "end"):
            if name in found:
                raise place.below(name).error(f"an answer with status {status} has no {name}", at_key=True)
        if found.get("body") is None:
            found.setdefault("error", {})
    elif "error" in found:
        raise place.below("error").error("an error needs a status of 400 or more beside it", at_key=True)
    steps = [_step(name, value, path) for (name, value), path in found.pop("output", ())]
    if "text" in found:
        steps = [Step("message", {"text": found.pop("text")}, (*place.path, "text"))]
    end = _end(found.pop("end", "completed"))
    pace = found.pop("pace", None)
    return Turn(
        tuple(steps), end, pace=None if pace is None else ScriptPace(**pace), path=place.path, **found
    )


def _step(name: str, value: Any, path: Path) -> Step:
    if name == "refusal":
        return Step("message", {"content": (("refusal", value),)}, path)
    return Step(name, value, path)


_END_WORDS = {
    "completed": End(),
    "incomplete": End(incomplete="max_output_tokens"),
    "failed": End(failed={}),
    "error": End(error={}),
    "cut": End(cut=True),
}


def _end(found: str | dict[str, Any]) -> End:
    return _END_WORDS[found] if isinstance(found, str) else End(**found)


def plain(script: Script) -> dict[str, Any]:
    """Return the shortest plain data that `read` turns into this Script."""
    turns = [_plain_turn(turn) for turn in script.turns]
    data = turns[0] if len(turns) == 1 else {"turns": turns}
    return data | ({"seed": script.seed} if script.seed else {})


def _plain_turn(turn: Turn) -> dict[str, Any]:
    usual = Turn()
    found = {name: getattr(turn, name) for name in _ORDER if getattr(turn, name) != getattr(usual, name)}
    if turn.error == {}:
        del found["error"]  # the status implies it
    if turn.pace:
        usual_pace = ScriptPace()
        found["pace"] = {
            name: value for name, value in asdict(turn.pace).items() if value != getattr(usual_pace, name)
        }
    steps = turn.steps
    if len(steps) == 1 and steps[0].type == "message" and steps[0].value.keys() == {"text"}:
        found["text"] = steps[0].value["text"]
    elif steps:
        found["output"] = [(_plain_step(step), step.path) for step in steps]
    if turn.end != usual.end or not (steps or turn.plain):
        words = (word for word, end in _END_WORDS.items() if repr(end) == repr(turn.end))  # True == 1
        found["end"] = next(words, None) or {
            name: value for name, value in asdict(turn.end).items() if value not in (None, False)
        }
    data: dict[str, Any] = tables.TURN_RECORD.plain(found)
    return data


def _plain_step(step: Step) -> tuple[str, Any]:
    match step.type, step.value:
        case "message", {"content": (("refusal", text),), **others} if not others:
            return "refusal", text
        case _:
            return step.type, step.value


_ORDER = (
    "note ids template faults hold steer model request response status headers error body deltas "
    "obfuscation pace usage"
).split()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of Scripts, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Respool script",
        "$ref": "#/$defs/script",
        "$defs": tables.definitions(),
    }
