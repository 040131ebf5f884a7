"""``/__admin/timelines``, ``/__admin/recorded-events``: a recording's timeline and events, for drawing."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from respool import show
from respool.errors import RequestError, printable
from respool.http.admin.base_models import AdminModel, example
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer

BUCKETS = 240  # of a row of the timeline
BURST = 0.001  # seconds: events no further apart have come together
MOST_ROWS = 500
MOST_KEPT = 8  # timelines
MOST_EVENTS = 1000  # of a page
SHORT = 2000  # characters of an event
GIST = 200  # characters


class RowView(AdminModel):
    """The response, an item, or, one deeper, a part or a phase of an item."""

    label: str
    depth: int
    start: float  # seconds since the request, of its first event
    end: float  # of its last
    events: int
    buckets: dict[int, int]  # how many events are in each part of the whole time that has any


class TimelineView(AdminModel):
    """A turn at a glance. Times are seconds since the request, at the server's pace."""

    model_config = example(
        name="text/hello",
        note="",
        end="completed",
        status=200,
        rows=[
            {
                "label": "response",
                "depth": 0,
                "start": 0.4,
                "end": 1.7,
                "events": 12,
                "buckets": {"0": 2, "239": 10},
            }
        ],
        rows_left_out=0,
        buckets=240,
        events=12,
        untimed=0,
        first_token=0.6,
        seconds=1.7,
        bursts=3,
        longest_gap=0.4,
        size=4711,
        types={"response.created": 1},
        text="Hello!",
        text_cut=False,
        request=None,
        body=None,
    )
    name: str
    note: str
    end: str  # completed, failed, ..., cut; without events, the status
    status: int
    rows: list[RowView]
    rows_left_out: int
    buckets: int  # into how many parts the whole time is cut
    events: int
    untimed: int  # events for which no time was recorded
    first_token: float | None
    seconds: float
    bursts: int  # groups of two or more events that come together
    longest_gap: float
    size: int  # bytes of JSON
    types: dict[str, int]
    text: str  # what the model says, beginning
    text_cut: bool
    request: Any  # that it was recorded with
    body: Any  # of an answer without events


class EventView(AdminModel):
    """One recorded event."""

    place: int  # in its turn, from 0
    moment: float  # seconds since the request
    sequence_number: int | None
    type: str
    gist: str
    text: str  # its JSON as it was recorded; the beginning of a long one
    size: int  # characters of its JSON
    line: int | None


class EventList(AdminModel):
    """A page of the events of a turn."""

    model_config = example(
        events=[
            {
                "place": 0,
                "moment": 0.41,
                "sequence_number": 0,
                "type": "response.created",
                "gist": "in_progress",
                "text": '{"type":"response.created", ...}',
                "size": 900,
                "line": 2,
            }
        ],
        total=12,
    )
    events: list[EventView]
    total: int


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["recordings"])
    kept: OrderedDict[str, tuple[Recording, TimelineView, list[float]]] = OrderedDict()

    def known(name: str) -> tuple[Recording, TimelineView, list[float]]:
        recording = server.store.get(name)
        if recording is None:
            raise RequestError(
                f'There is no recording "{printable(name)}".', status=404, code="not_found", param="name"
            )
        entry = kept.get(name)
        if entry is None or entry[0] is not recording:
            moments = server.pace.moments(recording)
            entry = kept[name] = recording, _timeline(server, recording, moments), moments
            while len(kept) > MOST_KEPT:
                kept.pop(next(iter(kept)), None)
        return entry

    # Functions that are not async run in a thread: a large recording takes its time.
    @routes.get("/timelines/{name:path}", summary="Get the timeline of a recording")
    def timeline(name: str) -> TimelineView:
        """Get what happens in a turn, and when: `NAME`, or `NAME#2` for its second turn."""
        return known(name)[1]

    @routes.get("/recorded-events/{name:path}", summary="List the events of a recording")
    def recorded_events(
        name: str,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 200,
        most: Annotated[int, Query(ge=0, description="Characters of an event; 0: all.")] = SHORT,
    ) -> EventList:
        """List the events of a turn, each with its text: of a long one the beginning."""
        recording, _, moments = known(name)
        page = recording.events[offset : offset + limit]
        return EventList(
            events=[
                EventView(
                    place=place,
                    moment=moments[place],
                    sequence_number=timed.event.sequence_number,
                    type=timed.event.type,
                    gist=printable(show.gist(timed.event.type, timed.event.data, GIST), 2 * GIST),
                    text=_sound(timed.event.text[:most] if most else timed.event.text),
                    size=len(timed.event.text),
                    line=timed.line,
                )
                for place, timed in enumerate(page, offset)
            ],
            total=len(recording.events),
        )

    return routes


def _timeline(server: MockServer, recording: Recording, moments: Sequence[float]) -> TimelineView:
    seen = show.timeline(recording, server.pace)
    text = _text_of(recording)
    gaps = [later - before for before, later in zip([0.0, *moments], moments, strict=False)]
    return TimelineView(
        name=recording.name,
        note=seen.note,
        end=seen.end,
        status=recording.header.status,
        rows=[_row(row, seen.seconds) for row in seen.rows[:MOST_ROWS]],
        rows_left_out=max(0, len(seen.rows) - MOST_ROWS),
        buckets=BUCKETS,
        events=len(seen.lines),
        untimed=seen.untimed,
        first_token=seen.first_token,
        seconds=seen.seconds,
        bursts=_bursts(gaps),
        longest_gap=max(gaps, default=0.0),
        size=seen.size,
        types=dict(seen.types),
        text=_sound(text[:SHORT]),
        text_cut=len(text) > SHORT,
        request=dict(recording.header.request) or None,
        body=recording.header.body,
    )


def _row(row: show.Row, seconds: float) -> RowView:
    buckets: dict[int, int] = {}
    for moment in row.moments:
        place = min(BUCKETS - 1, int(moment / seconds * BUCKETS)) if seconds else 0
        buckets[place] = buckets.get(place, 0) + 1
    return RowView(
        label=row.label,
        depth=row.depth,
        start=row.moments[0],
        end=row.moments[-1],
        events=len(row.moments),
        buckets=buckets,
    )


def _sound(text: str) -> str:
    """Return the text with lone surrogates replaced, which no answer can carry."""
    return text.encode("utf-8", "replace").decode()


def _bursts(gaps: Sequence[float]) -> int:
    together = [gap <= BURST for gap in gaps[1:]]
    return sum(now and not before for before, now in zip([False, *together], together, strict=False))


def _text_of(recording: Recording) -> str:
    """Return what the model says, as its deltas have it; a little more than is shown."""
    parts: list[str] = []
    size = 0
    for timed in recording.events:
        if timed.event.type in ("response.output_text.delta", "response.refusal.delta"):
            part = timed.event.data.get("delta")
            if isinstance(part, str):
                parts.append(part)
                size += len(part)
                if size > SHORT:
                    break
    return "".join(parts)
