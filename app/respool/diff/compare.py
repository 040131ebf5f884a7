"""Comparison of two turns of recordings: event types, fields, items, texts, values and times.

Output items are aligned by type and name, in order, so that one more item does not make all others different.
Ignored are the cutting of a text into deltas, and values that are new in each response: ids, times and
ciphertext.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from respool.protocol.events import dumps
from respool.protocol.snapshot import fold
from respool.recordings.recording import Recording

JSON = Mapping[str, Any]

# The kinds of changes.
KINDS = ("status", "events", "fields", "items", "text", "value")

# Fields with a new value in each response. `usage` is compared, since a client may show it.
VOLATILE = frozenset(
    "id call_id item_id response_id approval_request_id previous_response_id created_at completed_at "
    "sequence_number obfuscation encrypted_content logprobs prompt_cache_key safety_identifier".split()
)
_TEXTS = frozenset({"text", "refusal", "arguments", "input", "code", "diff", "delta"})
_MOST_CHANGES = 1000
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `kind` is one of KINDS, `place` is the path of the value. None: this side has no
    value."""

    kind: str
    place: str
    before: Any = None
    now: Any = None


@dataclass(frozen=True, slots=True)
class Timing:
    """A time in both recordings, in seconds; None: unknown."""

    label: str
    before: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class TurnDiff:
    """All differences of a turn, and its times."""

    changes: tuple[Change, ...]
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """The events of one output item, or of the response itself."""

    label: str
    events: Sequence[tuple[str, JSON]]
    value: JSON


def compare(
    before: Recording, now: Recording, ignore: Collection[str] = (), *, strict: bool = False
) -> TurnDiff:
    """Return the differences. Changes of the kinds in `ignore` are left out; `strict` compares ids, too."""
    volatile: frozenset[str] = frozenset() if strict else VOLATILE
    changes: list[Change] = []
    for change in _changes(before, now, volatile):
        if change.kind not in ignore and len(changes) < _MOST_CHANGES:
            changes.append(change)
    return TurnDiff(tuple(changes), tuple(_timings(before, now)))


def _changes(before: Recording, now: Recording, volatile: frozenset[str]) -> Iterator[Change]:
    if before.header.status != now.header.status:
        yield Change("status", "status", before.header.status, now.header.status)
    if before.plain or now.plain:
        if before.plain != now.plain:
            yield Change("events", "stream", not before.plain, not now.plain)
        left, right = _body(before), _body(now)
        yield from _values("", left, right, volatile, 0)
        return
    (old_response, old_items), (new_response, new_items) = _parts(before), _parts(now)
    yield from _part_changes(old_response, new_response, volatile)
    matcher = SequenceMatcher(
        None, [part.label for part in old_items], [part.label for part in new_items], autojunk=False
    )
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        olds, news = old_items[start:end], new_items[other_start:other_end]
        if len(olds) == len(news) and [one.label for one in olds] == [one.label for one in news]:
            for offset, (old, new) in enumerate(zip(olds, news, strict=True)):
                yield from _part_changes(old, new, volatile, f"item {start + offset} ({old.label})")
            continue
        for offset, old in enumerate(olds):
            yield Change("items", f"item {start + offset}", old.label, None)
        for offset, new in enumerate(news):
            yield Change("items", f"item {other_start + offset}", None, new.label)


def _part_changes(
    old: _Part, new: _Part, volatile: frozenset[str], place: str = "response"
) -> Iterator[Change]:
    old_types, new_types = _runs(old.events), _runs(new.events)
    if old_types != new_types:
        yield Change("events", f"{place}: event types", old_types, new_types)
    old_fields, new_fields = _fields(old.events), _fields(new.events)
    for type_ in old_fields:
        if type_ not in new_fields:
            continue  # the event types show it
        for field in sorted(old_fields[type_] - new_fields[type_]):
            yield Change("fields", f"{place}: {type_} {field}", "there", None)
        for field in sorted(new_fields[type_] - old_fields[type_]):
            yield Change("fields", f"{place}: {type_} {field}", None, "there")
    yield from _values(place, old.value, new.value, volatile, 0)


def _parts(recording: Recording) -> tuple[_Part, list[_Part]]:
    """Return the response without its output, and its items."""
    own: list[tuple[str, JSON]] = []
    by_item: dict[int, list[tuple[str, JSON]]] = {}
    for timed in recording.events:
        data = timed.event.data
        index = data.get("output_index")
        if type(index) is int:
            by_item.setdefault(index, []).append((timed.event.type, data))
        else:
            own.append((timed.event.type, data))
    response = fold(timed.event for timed in recording.events)
    output = response.get("output")
    items = output if isinstance(output, list) else []
    parts = []
    for index in sorted({*by_item, *range(len(items))}):
        value = items[index] if 0 <= index < len(items) and isinstance(items[index], dict) else {}
        parts.append(_Part(_label(value), by_item.get(index, []), value))
    rest = {name: value for name, value in response.items() if name != "output"}
    return _Part("response", own, rest), parts


def _label(item: JSON) -> str:
    named = item.get("name") or item.get("server_label")
    return f"{item.get('type', 'item')} {named}" if isinstance(named, str) else str(item.get("type", "item"))


def _runs(events: Sequence[tuple[str, JSON]]) -> list[str]:
    """Return the types in order, without repetitions in a row, which depend on how a text was cut."""
    return [type_ for type_, _ in groupby(type_ for type_, _ in events)]


def _fields(events: Sequence[tuple[str, JSON]]) -> dict[str, set[str]]:
    """Return the fields of the events of each type. Fields of nested objects have their paths."""
    found: dict[str, set[str]] = {}
    for type_, data in events:
        paths = found.setdefault(type_, set())
        for name, value in data.items():
            paths.add(name)
            if isinstance(value, dict):
                paths.update(f"{name}.{inner}" for inner in value)
    return found


def _values(place: str, before: Any, now: Any, volatile: frozenset[str], depth: int) -> Iterator[Change]:
    if depth > _DEEPEST:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if key in volatile:
                continue
            inner = f"{place}.{key}" if place else str(key)
            if key in before and key in now:
                yield from _values(inner, before[key], now[key], volatile, depth + 1)
            elif before.get(key) != now.get(key):  # null and no field are the same
                yield Change("value", inner, before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (left, right) in enumerate(zip(before, now, strict=True)):
            yield from _values(f"{place}[{number}]", left, right, volatile, depth + 1)
    elif before != now:
        is_text = place.rpartition(".")[2] in _TEXTS and isinstance(before, str) and isinstance(now, str)
        yield Change("text" if is_text else "value", place, before, now)


def _body(recording: Recording) -> Any:
    return recording.header.body if recording.plain else fold(timed.event for timed in recording.events)


def _timings(before: Recording, now: Recording) -> Iterator[Timing]:
    for label, moment in (("first event", _first), ("first delta", _first_delta), ("end", _end)):
        left, right = moment(before), moment(now)
        if left is not None or right is not None:
            yield Timing(label, left, right)


def _moments(recording: Recording) -> list[tuple[float, str]]:
    """Return the moment and type of each event; empty if a time is unknown."""
    at, found = 0.0, []
    for timed in recording.events:
        if timed.gap is None:
            return []
        at += timed.gap
        found.append((at, timed.event.type))
    return found


def _first(recording: Recording) -> float | None:
    return next((at for at, _ in _moments(recording)), None)


def _first_delta(recording: Recording) -> float | None:
    return next((at for at, type_ in _moments(recording) if type_.endswith(".delta")), None)


def _end(recording: Recording) -> float | None:
    moments = _moments(recording)
    return moments[-1][0] if moments else recording.header.fields.get("elapsed")


def shown(value: Any, most: int = 120) -> str:
    """Return a value as one line of at most `most` characters."""
    if value is None:
        return "absent"
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = dumps(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
