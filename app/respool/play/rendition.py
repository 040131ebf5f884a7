"""Rendition: a recording as one kind of request gets it. Renditions: makes and keeps them.

Most requests get the recording as it is, and share one rendition. `Changes` has what a request may change.
"""

import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

from respool.play import keepalive as keepalives
from respool.play.frames import due
from respool.play.offload import LARGE, offload
from respool.play.pace import Pace, moments_between
from respool.play.socket_frames import SocketFrames
from respool.play.sse_frames import SSEFrames
from respool.protocol import rewrite, snapshot
from respool.protocol.event_frames import encode_comment, encode_data, encode_sse
from respool.protocol.events import CREATED, ENDING_TYPES, TERMINAL_TYPES, Event, compact_recorded, loads
from respool.protocol.members import member_text
from respool.protocol.profiles import OPENAI, Profile, spoken
from respool.protocol.several_responses import places_of_others
from respool.recordings.recording import FRAMINGS, Recording, TimedEvent, Verbatim, wire_bytes

# The latest renditions that differ from the recording are kept, at most so many: each holds all its bytes.
MOST_CHANGED = 64
MOST_CHANGED_BYTES = 64 * 1024 * 1024  # of all of them; the latest is kept in any case

_BEFORE_PROGRESS = frozenset({CREATED, "response.queued", "keepalive"})


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences of a play from its recording; by default none.

    obfuscation  False: the deltas have no padding (``stream_options.include_obfuscation``)
    request      JSON text of the request parameters that the Response object repeats; "" as recorded
    ids          the seed of fresh ids; "" as recorded
    id           the id of the response, apart from its other ids; "" as recorded
    whole        True: fields that a Response object lacks are filled in (`protocol.response_defaults`)
    """

    obfuscation: bool = True
    request: str = ""
    ids: str = ""
    id: str = ""
    whole: bool = False


UNCHANGED = Changes()


@dataclass(frozen=True)
class Rendition:
    """The events that a play sends, and their moments, in seconds since the request, never falling.

    It has no bytes of any transport: `sse` and `socket_frames` are made on first access, once for all plays
    with the same changes.
    """

    events: Sequence[Event]
    moments: Sequence[float]
    lay_out: Callable[[], SSEFrames] = field(repr=False, compare=False)  # makes `sse`

    @classmethod
    def of_frames(cls, events: Sequence[Event], sse: SSEFrames) -> "Rendition":
        """Make a rendition with frames that are known."""
        return cls(tuple(events), sse.event_moments, lambda: sse)

    @cached_property
    def sse(self) -> SSEFrames:
        """The frames of a stream of server-sent events."""
        return self.lay_out()

    def due(self, started: float, now: float) -> int:
        """Return how many events of a playback that began at `started` are due at `now`; see `frames.due`."""
        return due(self.moments, started, now)

    @cached_property
    def numbers(self) -> Sequence[int]:
        """The number of each event by which a client resumes after it: its ``sequence_number``, or its place
        in a recording without numbers. They never fall."""
        numbers = []
        last = -1
        for place, event in enumerate(self.events):
            number = event.sequence_number
            last = max(last, place if number is None else number)
            numbers.append(last)
        return numbers

    @cached_property
    def socket_frames(self) -> SocketFrames:
        """The events as frames of a WebSocket, made once and shared."""
        return SocketFrames.of(self.events)

    @cached_property
    def end(self) -> int | None:
        """The place of the event that ends the response; None: it was cut."""
        ends = [place for place, event in enumerate(self.events) if event.type in ENDING_TYPES]
        return ends[-1] if ends else None

    @cached_property
    def progress(self) -> int:
        """The place of the event after which the response is no longer queued."""
        places = (place for place, event in enumerate(self.events) if event.type not in _BEFORE_PROGRESS)
        return next(places, len(self.events))

    @cached_property
    def begun(self) -> Mapping[str, Any]:
        """The first Response object of the stream; empty if no event has one."""
        data = (event.data.get("response") for event in self.events if event.type in rewrite.LIFECYCLE_TYPES)
        return next((response for response in data if isinstance(response, dict)), {})

    @cached_property
    def output_ids(self) -> Sequence[str]:
        """The ids of the output items, and of their calls."""
        output = snapshot.fold(self.events).get("output")
        items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        ids = (item.get(name) for item in items for name in ("id", "call_id"))
        return [id_ for id_ in ids if isinstance(id_, str) and id_]

    def prepare(self, *, output: bool) -> None:
        """Compute the cached properties now; with `output`, also the ids of its items."""
        for name in ("begun", "end", "progress", "final_response", *(["output_ids"] if output else [])):
            getattr(self, name)

    @cached_property
    def of_others(self) -> frozenset[int]:
        """The places of the events of other responses: those that run in the stream of this one, in the
        multi-agent beta."""
        return places_of_others(self.events, self.begun.get("id"))

    @property
    def _own(self) -> Sequence[Event]:
        if not self.of_others:
            return self.events
        return [event for place, event in enumerate(self.events) if place not in self.of_others]

    @cached_property
    def final_response(self) -> str | None:
        """The last Response object of the stream, as JSON text; None if it ends without one.

        It is recorded byte for byte, except that an empty or absent output is filled in if there were items
        (the ChatGPT backend sends none), as a client needs it.
        """
        ends = [event for event in self._own if event.type in TERMINAL_TYPES]
        texts = (member_text(event.text, "response") for event in reversed(ends))
        text = next((text for text in texts if text and text.startswith("{")), None)
        if text is None or ends[-1].type == "response.failed":
            return text
        response = loads(text)
        if not isinstance(response, dict) or response.get("output"):
            return text
        whole = snapshot.fold(self._own)
        return compact_recorded(whole) if whole.get("output") else text


class Renditions:
    """Makes renditions at a pace, and keeps them: those without changes as long as their recording, of the
    others the latest.

    `framing` is that of events captured on a wire: as ``captured``, or as the API's (``normal``). `profile`
    is that of Scripts, and decides what is sent after `keepalive` seconds of silence (None: nothing).
    """

    def __init__(
        self,
        pace: Pace,
        profile: Profile = OPENAI,
        keepalive: float | None = None,
        framing: str = FRAMINGS[0],
        cache: "RenditionCache | None" = None,
    ) -> None:
        """`cache` keeps the changed ones, also of other paces."""
        self.pace = pace
        self._captured = framing == FRAMINGS[0]
        self.profile = profile
        self._keepalive = keepalive
        self._unchanged: WeakKeyDictionary[Recording, Rendition] = WeakKeyDictionary()
        self._cache = RenditionCache() if cache is None else cache

    def get(self, recording: Recording, changes: Changes = UNCHANGED) -> Rendition:
        """Return the rendition of a recording with these changes."""
        if changes is UNCHANGED or changes == UNCHANGED:
            rendition = self._unchanged.get(recording)
            if rendition is None:
                rendition = self._unchanged[recording] = self._make(recording, changes)
            return rendition
        key = (self.pace, self._keepalive, recording, changes)
        if known := self._cache.get(key):
            return known
        rendition = offload(self._size(recording, changes), key, partial(self._prepared, recording, changes))
        self._cache.put(key, rendition)
        return rendition

    def _size(self, recording: Recording, changes: Changes) -> int:
        """Return the approximate size of a changed rendition's sources, in bytes."""
        unchanged = self._unchanged.get(recording)
        if unchanged is not None:
            return len(changes.request) + len(unchanged.sse.schedule.encoded.data)
        return len(changes.request) + sum(len(text) for _, text in recording.types())

    def _prepared(self, recording: Recording, changes: Changes) -> Rendition:
        """Return a rendition with all that a play needs first: computed in the same thread, if it is made in
        one."""
        rendition = self._make(recording, changes)
        if len(rendition.sse.schedule.encoded.data) > LARGE:
            rendition.prepare(output=bool(changes.ids))
        return rendition

    def _make(self, recording: Recording, changes: Changes) -> Rendition:
        profile = self.profile
        if recording.scripted and (changes.request or profile.failed_after_error):
            request = loads(changes.request) if changes.request else None
            written = recording.scripted.expand(request, failed_after_error=profile.failed_after_error).events
            recording = replace(recording, events=tuple(TimedEvent(one.gap, one.event) for one in written))
        moments = self.pace.moments(recording)
        events = list(_changed((timed.event for timed in recording.events), recording, changes))
        frames = _captured_frames(recording, events) if self._captured and recording.captured else {}
        between = moments_between(recording.entries, moments) if self._captured and recording.captured else []
        encode, done = encode_sse, recording.header.done
        if recording.scripted:  # profiles do not apply to recorded streams
            if not profile.obfuscation:
                events = list(rewrite.without_obfuscation(events))
            events = list(spoken(events, profile))
            encode, done = encode_sse if profile.event_lines else encode_data, done or profile.done
        if self._keepalive and not profile.comment:
            events, moments = keepalives.with_events(events, moments, self._keepalive)
            if between:  # the places of the texts do not count the keepalives
                between = _places_among(between, moments)
        others = [(place, at, wire_bytes(text.text)) for place, at, text in between]
        if self._keepalive and profile.comment:
            comment = encode_comment(profile.comment)
            others += [(place, at, comment) for place, at in keepalives.silences(moments, self._keepalive)]
            others.sort(key=lambda other: other[:2])
        played = tuple(events)
        lay_out = partial(SSEFrames.lay_out, played, moments, others, encode, frames, done=done)
        return Rendition(played, moments, lay_out)


_Key = tuple[Pace, float | None, Recording, Changes]  # a pace, and when a stream is kept alive


class RenditionCache:
    """The latest changed renditions, at any pace: `MOST_CHANGED` of them, that hold no more than
    `most_bytes` together; the latest is kept in any case."""

    def __init__(self, most_bytes: int = MOST_CHANGED_BYTES) -> None:
        self.most_bytes = most_bytes
        self.used = 0  # bytes, about
        self._kept: OrderedDict[_Key, Rendition] = OrderedDict()
        self._lock = threading.Lock()  # threads make some, too

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: _Key) -> Rendition | None:
        """Return the rendition of that key, which is the latest then."""
        with self._lock:
            if known := self._kept.get(key):
                self._kept.move_to_end(key)
            return known

    def put(self, key: _Key, rendition: Rendition) -> None:
        """Keep a rendition, and forget the oldest where there are too many."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = rendition
                self.used += _weight(key, rendition)
            while len(self._kept) > 1 and (len(self._kept) > MOST_CHANGED or self.used > self.most_bytes):
                self.used -= _weight(*self._kept.popitem(last=False))


def _weight(key: _Key, rendition: Rendition) -> int:
    """Return the approximate size of a rendition, in bytes: its frames, and its events' texts and data."""
    return len(key[3].request) + 3 * len(rendition.sse.schedule.encoded.data)


def _captured_frames(recording: Recording, events: Sequence[Event]) -> dict[int, bytes]:
    """Return the captured frames of events, by the identity of those that play as recorded.

    An event with a changed text gets a new frame, with an ``event:`` line if it had one.
    """
    frames = {}
    for timed, event in zip(recording.events, events, strict=True):
        if timed.frame is None:
            continue
        if event.text == timed.event.text:
            frames[id(event)] = wire_bytes(timed.frame)
        elif not re.search(r"(?:^|[\r\n])event:", timed.frame):
            frames[id(event)] = encode_data(event)
    return frames


def _places_among(
    between: Sequence[tuple[int, float, Verbatim]], moments: Sequence[float]
) -> list[tuple[int, float, Verbatim]]:
    """Return the same texts, with their places among more events."""
    return [(max(place, bisect_left(moments, at)), at, text) for place, at, text in between]


def _changed(events: Iterable[Event], recording: Recording, changes: Changes) -> Iterable[Event]:
    if changes.request and not recording.scripted:
        events = rewrite.with_response_fields(events, loads(changes.request))
    if changes.ids:
        events = rewrite.with_fresh_ids(tuple(events), Random(changes.ids))
    if changes.whole:
        from respool.protocol.response_defaults import lacking  # which needs much else

        events = rewrite.with_missing_members(events, lacking)
    if changes.id:
        events = rewrite.with_response_fields(events, {"id": changes.id})
    return events if changes.obfuscation else rewrite.without_obfuscation(events)
