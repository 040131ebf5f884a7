"""Writer: writes events in order, numbered and timed. ItemWriter: writes one output item."""

import base64
import math
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES
from respool.protocol.events import Event, compact
from respool.protocol.response import count_tokens
from respool.scripts import Path, Turn
from respool.scripts.synth.deltas import cut, take
from respool.scripts.synth.turn_response import created_at

_ALPHANUMERIC = string.ascii_letters + string.digits
_BLOCK = 16  # the length of delta and padding together is a multiple of this
_DIGITS = 6  # of a gap: microseconds


@dataclass(frozen=True, slots=True)
class Written:
    """An event, the seconds since the previous one (None: the pace decides), and the path of its step."""

    gap: float | None
    event: Event
    path: Path


class Chance:
    """All randomness of a turn. Each use has its own generator, so that one more word in a text changes
    neither the ids nor the times of later events."""

    def __init__(self, seed: int, name: str, turn: int) -> None:
        self._seed = f"{seed}:{name}:{turn}"
        self.ids = self.of("ids")
        self.padding = self.of("padding")
        self.times = self.of("times")
        self.content = self.of("content")

    def of(self, what: str) -> Random:
        return Random(f"{self._seed}:{what}")


class MadeIds:
    """Makes ids like the service's: all ids of a response share a prefix that encodes its time."""

    def __init__(self, rng: Random, created_at: int) -> None:
        self._rng = rng
        self._root = f"{_hex(rng, 16)}01{created_at & 0xFFFFFFFF:08x}"

    def new(self, prefix: str) -> str:
        """Return an id with this prefix and 50 hexadecimal digits."""
        return f"{prefix}{self._root}{_hex(self._rng, 24)}"

    def call(self) -> str:
        """Return a new call_id."""
        return "call_" + "".join(self._rng.choices(_ALPHANUMERIC, k=24))


def _hex(rng: Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


@dataclass
class Writer:
    """Writes the events of a turn."""

    turn: Turn
    chance: Chance
    written: list[Written] = field(default_factory=list)
    output: list[dict[str, Any]] = field(default_factory=list)  # the items that are done
    output_tokens: int = 0
    reasoning_tokens: int = 0
    path: Path = ()  # of the current step
    truncated: bool = False  # whether the item of this step ends early because tokens run out
    last_call: dict[str, str] = field(default_factory=dict)  # item type: call_id
    _lengths: Iterator[int] | None = None  # lengths of this step's deltas, if it sets them
    _pause: float | None = None
    _no_deltas: bool = False  # whether this step has no deltas
    _next_index: int = 0
    _began: bool = False  # whether the first delta has come

    def __post_init__(self) -> None:
        self.ids = MadeIds(self.chance.ids, created_at(self.turn))

    @property
    def duration(self) -> float:
        """The known seconds so far."""
        return math.fsum(event.gap or 0.0 for event in self.written)

    def pause(self, seconds: float) -> None:
        """Pause before the next event."""
        self._pause = (self._pause or 0.0) + float(seconds)

    def event(self, type: str, /, *, tokens: int = 0, **fields: Any) -> None:
        """Write an event. Its fields are sorted, as the service sorts them; `tokens` determine its time."""
        fields["sequence_number"] = len(self.written)
        text = compact({"type": type, **dict(sorted(fields.items()))})
        self.written.append(Written(self._gap(tokens), Event(text, type), self.path))

    def literal(self, data: Mapping[str, Any]) -> None:
        """Write a literal event, and count the items that it opens and closes."""
        index, item = data.get("output_index"), data.get("item")
        if data["type"] == "response.output_item.added" and type(index) is int:
            self._next_index = max(self._next_index, index + 1)
        if data["type"] == "response.output_item.done" and isinstance(item, dict):
            self.output.append(item)
        full = data if "sequence_number" in data else {**data, "sequence_number": len(self.written)}
        self.written.append(Written(self._gap(0), Event(compact(full), data["type"]), self.path))

    def delta(self, type: str, piece: str, **fields: Any) -> None:
        """Write one delta."""
        if self.turn.obfuscation and "obfuscation" in EVENT_TYPES[type].optional:
            padding = self.chance.padding.choices(_ALPHANUMERIC, k=-len(piece) % _BLOCK)
            fields["obfuscation"] = "".join(padding)
        self.event(type, delta=piece, tokens=count_tokens(piece), **fields)

    def cut_as(self, lengths: Sequence[int] | None) -> None:
        """Set the lengths of the deltas in the current step. None: the default; empty: no deltas."""
        self._lengths = None if lengths is None else iter(lengths)
        self._no_deltas = lengths is not None and not lengths

    def pieces(self, text: str) -> list[str]:
        """Return a text's deltas."""
        if self._no_deltas:
            return []
        return cut(text, self.turn.deltas) if self._lengths is None else take(text, self._lengths)

    def spend(self, *texts: str, reasoning: bool = False) -> None:
        """Count tokens that the model wrote."""
        tokens = sum(map(count_tokens, texts))
        self.output_tokens += tokens
        self.reasoning_tokens += tokens if reasoning else 0

    def ciphertext(self) -> str:
        """Return text that looks like encrypted content."""
        return "gAAAAA" + base64.urlsafe_b64encode(self.chance.content.randbytes(150)).decode()

    def next_index(self) -> int:
        """Return the output_index of a new item."""
        self._next_index += 1
        return self._next_index - 1

    def _gap(self, tokens: int) -> float | None:
        pause, self._pause = self._pause, None
        pace = self.turn.pace
        if pace is None:
            return pause
        gap = pause or 0.0
        if not self.written:
            gap += pace.ttft
        if tokens and pace.tokens_per_second and self._began:
            mean = tokens / pace.tokens_per_second
            gap += self._burst(mean) if pace.bursts else mean
        if pace.gap is not None and self.written:
            gap += pace.gap
        self._began = self._began or tokens > 0
        return round(gap / pace.speed, _DIGITS)

    def _burst(self, mean: float) -> float:
        """Return a gap: half of the deltas come with the one before, as in one network chunk, the others
        later."""
        return self.chance.times.expovariate(1 / (2 * mean)) if self.chance.times.random() < 0.5 else 0.0


class ItemWriter:
    """An output item in progress: added on creation, done when `done` is called."""

    def __init__(self, writer: Writer, type: str, given: Mapping[str, Any], **skeleton: Any) -> None:
        """Write that the item is added. `given` are the fields of the step: id, call_id and status are read
        here.

        `skeleton` has the item's fields when it is added; a field that is ... is left out.
        """
        self.writer = writer
        self.type = type
        self.given = given
        self.index = writer.next_index()
        self.id: str = given.get("id") or writer.ids.new(ITEM_TYPES[type].prefix or "item_")
        fields = {name: value for name, value in skeleton.items() if value is not ...}
        self.item = _item(self.id, type, fields)
        writer.event("response.output_item.added", item=self.item, output_index=self.index)

    def event(self, type: str, **fields: Any) -> None:
        """Write an event of this item."""
        self.writer.event(f"response.{type}", item_id=self.id, output_index=self.index, **fields)

    def text(self, prefix: str, field: str, text: str, **fields: Any) -> None:
        """Write a text of this item: its deltas, and the done event, which has the text in `field`."""
        self.writer.spend(text, reasoning=self.type == "reasoning")
        for piece in self.writer.pieces(text):
            self.delta(prefix, piece, **fields)
        self.event(f"{prefix}.done", **{field: text}, **fields)

    def delta(self, prefix: str, piece: str, **fields: Any) -> None:
        """Write one delta of this item."""
        self.writer.delta(
            f"response.{prefix}.delta", piece, item_id=self.id, output_index=self.index, **fields
        )

    def done(self, **changes: Any) -> None:
        """Write that the item is done, with these fields changed."""
        final = _item(self.id, self.type, {**self.item, **changes})
        self.writer.output.append(final)
        self.writer.event("response.output_item.done", item=final, output_index=self.index)

    def status(self, usual: str = "completed") -> str:
        """Return the status of the finished item."""
        given: str | None = self.given.get("status")
        return given or ("incomplete" if self.writer.truncated else usual)


def _item(id: str, type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's fields in the service's order."""
    first = {"id": id, "type": type} | ({"status": fields["status"]} if "status" in fields else {})
    return first | dict(sorted((name, value) for name, value in fields.items() if name not in first))
