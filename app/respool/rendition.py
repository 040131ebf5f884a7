"""Rendition: a recording as one kind of request gets it; and Renditions, which makes and keeps them.

Most requests get the recording as it is, and share one rendition. What a request may ask to be changed is
in `Changes`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

from respool.frames import SSE_DONE, Reel, Schedule, encode_sse
from respool.pace import Pace
from respool.protocol import rewrite, snapshot
from respool.protocol.events import CREATED, TERMINAL_TYPES, Event, compact, loads
from respool.protocol.members import member_text
from respool.recording import Recording, TimedEvent

# The renditions that differ from the recording and are kept, the latest ones: each holds all its bytes.
MOST_CHANGED = 64

_BEFORE_PROGRESS = frozenset({CREATED, "response.queued", "keepalive"})


@dataclass(frozen=True, slots=True)
class Changes:
    """How a play differs from what was recorded; without any, it does not.

    obfuscation  False: the deltas have no padding (``stream_options.include_obfuscation``)
    request      JSON text of the request, as far as the Response object repeats it; "" as recorded
    ids          the seed of fresh ids; "" as recorded
    """

    obfuscation: bool = True
    request: str = ""
    ids: str = ""


@dataclass(frozen=True)
class Rendition:
    """The events that a play sends, and when. Shared by all plays that ask for the same."""

    events: Sequence[Event]
    schedule: Schedule

    @cached_property
    def numbers(self) -> Sequence[int]:
        """Of each event, the number by which a client resumes after it: its ``sequence_number``; in a
        recording that has none, its place. They never fall."""
        numbers = []
        last = -1
        for place, event in enumerate(self.events):
            number = event.sequence_number
            last = max(last, place if number is None else number)
            numbers.append(last)
        return numbers

    @cached_property
    def end(self) -> int | None:
        """The place of the event with which the response ends; None: it was cut."""
        ends = [
            place
            for place, event in enumerate(self.events)
            if event.type in TERMINAL_TYPES or event.type == "error"
        ]
        return ends[-1] if ends else None

    @cached_property
    def progress(self) -> int:
        """The place of the event with which the response is no longer queued."""
        places = (place for place, event in enumerate(self.events) if event.type not in _BEFORE_PROGRESS)
        return next(places, len(self.events))

    @cached_property
    def begun(self) -> Mapping[str, Any]:
        """The Response object as it is told first; empty if no event has one."""
        data = (event.data.get("response") for event in self.events if event.type in rewrite.LIFECYCLE_TYPES)
        return next((response for response in data if isinstance(response, dict)), {})

    @cached_property
    def final_response(self) -> str | None:
        """The Response object with which the stream ends, as JSON text; None if it ends without one.

        Byte for byte as recorded, but where it lacks the output that came before it (the ChatGPT backend
        sends none): there it is filled in, as a client needs it.
        """
        ends = [event for event in self.events if event.type in TERMINAL_TYPES]
        texts = (member_text(event.text, "response") for event in reversed(ends))
        text = next((text for text in texts if text), None)
        if text is None or ends[-1].type == "response.failed" or '"output"' not in text:
            return text
        response = loads(text)
        if not isinstance(response, dict) or response.get("output"):
            return text
        whole = snapshot.fold(self.events)
        return compact(whole) if whole.get("output") else text


class Renditions:
    """Makes renditions at a pace, and keeps them: that of a recording as it is for as long as the
    recording is there, of the others the latest."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._unchanged: WeakKeyDictionary[Recording, Rendition] = WeakKeyDictionary()
        self._changed: OrderedDict[tuple[Recording, Changes], Rendition] = OrderedDict()

    def get(self, recording: Recording, changes: Changes = Changes()) -> Rendition:
        """The recording with these changes."""
        if changes == Changes():
            rendition = self._unchanged.get(recording)
            if rendition is None:
                rendition = self._unchanged[recording] = self._make(recording, changes)
            return rendition
        key = (recording, changes)
        rendition = self._changed.pop(key, None) or self._make(recording, changes)
        self._changed[key] = rendition  # the latest is last
        if len(self._changed) > MOST_CHANGED:
            self._changed.popitem(last=False)
        return rendition

    def _make(self, recording: Recording, changes: Changes) -> Rendition:
        if changes.request and recording.scripted:
            written = recording.scripted.expand(loads(changes.request)).events
            recording = replace(recording, events=tuple(TimedEvent(one.gap, one.event) for one in written))
        moments = self._pace.moments(recording)
        events = tuple(_changed((timed.event for timed in recording.events), recording, changes))
        frames = [encode_sse(event) for event in events]
        if recording.header.done:
            frames.append(SSE_DONE)
            moments.append(moments[-1] if moments else 0.0)
        return Rendition(events, Schedule(Reel.wind(frames), moments))


def _changed(events: Iterable[Event], recording: Recording, changes: Changes) -> Iterable[Event]:
    if changes.request and not recording.scripted:
        events = rewrite.with_response_fields(events, loads(changes.request))
    if changes.ids:
        events = rewrite.with_fresh_ids(tuple(events), Random(changes.ids))
    return events if changes.obfuscation else rewrite.without_obfuscation(events)
