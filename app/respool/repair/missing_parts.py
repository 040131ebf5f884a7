"""PartWalk: makes the missing events of one part of an item. Also finds the lost pieces of texts."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from respool.check.json_values import at_path
from respool.check.machines import missing, part_type_of
from respool.protocol.delta_texts import TEXTS, DeltaText
from respool.protocol.event_types import EVENT_TYPES, EventKind
from respool.protocol.transitions import TRANSITIONS, MachineState
from respool.repair.damaged_stream import JSON, DamagedStream, Made, integer
from respool.repair.made_events import Style, empty_part
from respool.repair.texts import find_lost, guess_lost

_ANNOTATION = "response.output_text.annotation.added"
_TEXT_DONE = "response.output_text.done"

_MOST = 10_000  # deltas that may be missing at one place

Lost = dict[int | None, str]  # place: the piece of text that is missing before it; None: after all events


class PartWalk:
    """Makes the missing events of one part. `known` are the fields that all its events have.

    `value` is the final part: a content part, a command, the output of one. `places` are the places of its
    events.
    """

    def __init__(
        self,
        stream: DamagedStream,
        style: Style,
        known: JSON,
        type: str | None,
        value: Any,
        places: Sequence[int],
    ) -> None:
        self.places = places
        self.state = MachineState.START
        self._stream = stream
        self._style = style
        self._known = known
        self._type = type
        self._value = value
        by_events = [TEXTS.get(stream.events[place].type) for place in places]
        self._text = next((text for text in (*by_events, *texts_of(type)) if text), None)
        held = at_path(value, self._text.path) if self._text else None
        self._lost = lost_of(stream, self._text, places, held) if self._text else {}
        self._annotations: dict[int | None, list[int]] = {}  # place: indexes of annotations missing before it
        self._annotated = any(stream.events[place].type == _ANNOTATION for place in places)
        if type == "output_text":
            self._find_annotations()

    def missing_before(self, place: int) -> Iterator[Made]:
        """Yield the missing events before the event at a place."""
        event = self._stream.events[place].type
        way = missing(self._type, self.state, event) if self._type else None
        if way:
            steps, self.state = way
            yield from self._steps(steps)
            yield from self._found(place)

    def close(self) -> Iterator[Made]:
        """Yield the missing events up to the one that closes the part."""
        if self._type is None or self.state is MachineState.CLOSED:
            return
        closer = _closer(self._type)
        steps, self.state = missing(self._type, self.state, closer) or ((), MachineState.CLOSED)
        yield from self._steps((*steps, closer))

    def _steps(self, steps: Sequence[str]) -> Iterator[Made]:
        for step in map(self._style.step, steps):
            text = TEXTS.get(step)
            if text:
                yield from self._found(None)
            yield self._make(step, self._body(step, text))

    def _body(self, step: str, text: DeltaText | None) -> JSON:
        if step == "response.shell_call_command.added":
            return {"command": ""}
        if step == "response.shell_call_output_content.done":
            return {"output": [self._value]}
        if text:
            logprobs = at_path(self._value, ("logprobs",))
            entries = [_without_bytes(entry) for entry in logprobs] if isinstance(logprobs, list) else []
            return {text.field: at_path(self._value, text.path) or "", "logprobs": entries}
        return {"part": empty_part(self._value) if step.endswith(".added") else self._value}

    def _found(self, place: int | None) -> Iterator[Made]:
        """Yield the deltas and annotations that were found missing before a place."""
        if self._text and (piece := self._lost.pop(place, "")):
            yield self._make(f"{self._text.name}.delta", {"delta": piece, "logprobs": []})
        for number in self._annotations.pop(place, ()):
            annotation = self._value["annotations"][number]
            fields = {"annotation_index": number, "annotation": annotation}
            yield self._make(_ANNOTATION, fields, optional=not self._annotated)

    def _make(self, type: str, fields: JSON, *, optional: bool = False) -> Made:
        return Made(type, self._style.fields(type, {**self._known, **fields}), optional)

    def _find_annotations(self) -> None:
        """Find the annotations that no event has added, and a place for each: where an event is missing,
        preferably without lost text; else before the next annotation, or the end of the text."""
        stream, values = self._stream, at_path(self._value, ("annotations",))
        came: dict[int, int] = {}  # annotation_index: the place of its event
        for place in self.places:
            count = integer(stream.data[place].get("annotation_index"))
            if stream.events[place].type == _ANNOTATION and count is not None:
                came[count] = place
        done = next((place for place in self.places if stream.events[place].type == _TEXT_DONE), None)
        after = -1
        for number in range(len(values) if isinstance(values, list) else 0):
            if number in came:
                after = came[number]
                continue
            until = next((came[later] for later in sorted(came) if later > number), done)
            free = [
                (place in self._lost, place)
                for before, place in pairwise(self.places)
                if after < place and (until is None or place <= until)
                if EVENT_TYPES[stream.events[place].type].kind is not EventKind.PART
                if stream.has_room(before + 1, place, self._count_found(place))
            ]
            at = min(free)[1] if free else until
            self._annotations.setdefault(at, []).append(number)
            if at is not None:
                stream.suspect(at)

    def _count_found(self, place: int) -> int:
        """Return how many events were found missing before a place."""
        return len(self._annotations.get(place, ())) + (place in self._lost)


def lost_of(stream: DamagedStream, text: DeltaText, places: Sequence[int], whole: object) -> Lost:
    """Return the lost pieces of a text. `places` are the places of all events of its part or item; `whole` is
    the text of the final item, if known."""
    own = [place for place in places if TEXTS.get(stream.events[place].type) == text]
    pieces = [place for place in own if stream.events[place].type.endswith(".delta")]
    done = next((place for place in own if stream.events[place].type.endswith(".done")), None)
    final = stream.data[done].get(text.field) if done is not None else whole
    if not isinstance(final, str):
        return {}
    if not own:
        return {None: final}
    begin = max((place for place in places if place < own[0]), default=own[0] - 1)
    end = done if done is not None else next((at for at in places if at > own[-1]), stream.end)
    spans = list(zip([begin, *pieces], [*pieces, end], strict=True))
    joined = [str(stream.data[place].get("delta")) for place in pieces]
    least = [_least(stream, before + 1, place) for before, place in spans]
    began_before = stream.resumed and own[0] == places[0]
    if began_before:
        least[0] = 0
    lost = find_lost(joined, least, final) or find_lost(joined, [one and 0 for one in least], final)
    if lost is None and stream.troubled(spans[-1][0] + 1, end):
        lost = guess_lost(joined, final)
    found: Lost = {}
    for (before, after), piece in zip(spans, lost or (), strict=False):
        if piece and not (began_before and after == own[0]):
            within = [place for place in places if before < place < after]
            free = (to for at, to in pairwise([before, *within, after]) if stream.has_room(at + 1, to))
            place = next(free, after)
            stream.suspect(place)
            found[None if place == end and done is None else place] = piece
    return found


def _least(stream: DamagedStream, first: int, last: int) -> int | None:
    """Return the least number of characters that are lost between two events of a text: one for each missing
    event, if no other event is between them. None: nothing is lost."""
    count = stream.missing_within(first, last)
    if not count and (stream.numbered or not stream.troubled(first, last)):
        return None
    return count if first == last and count <= _MOST else 0


@lru_cache(256)
def texts_of(type: str | None) -> Sequence[DeltaText]:
    """Return the texts of an item or a part of this type."""
    rows = {
        text.name: text
        for name, text in TEXTS.items()
        if (type == text.part if text.part else type in EVENT_TYPES[name].items)
    }
    return tuple(rows.values())


def type_of(stream: DamagedStream, places: Sequence[int], value: object) -> str | None:
    """Return the type of a content or summary part, by its events or its content."""
    by_events = (part_type_of(stream.events[place].type) for place in places)
    held = (at_path(stream.data[place], ("part", "type")) for place in places)
    found = next((one for one in (*by_events, *held, at_path(value, ("type",))) if one), None)
    return found if isinstance(found, str) and found in TRANSITIONS else None


@cache
def _closer(part_type: str) -> str:
    """Return the event that closes a part of this type."""
    steps = (step for table in TRANSITIONS[part_type].values() for step in table.items())
    return next(event for event, then in steps if then is MachineState.CLOSED)


def _without_bytes(entry: Any) -> Any:
    """Return an entry of logprobs as text events have it: without the bytes, which only parts have."""
    if not isinstance(entry, dict):
        return entry
    return {name: value for name, value in entry.items() if name != "bytes"}
