"""``/__admin/playbacks``, ``/__admin/wait``: live streams under hand."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from respool.errors import EditError, OptionError, RequestError, printable
from respool.http.admin.models import AnySession, Model, example
from respool.http.control import Controller
from respool.recordings.hold_points import TTL, HoldPoint, OnExpiry
from respool.server.control import How, PlaybackView, read_event
from respool.server.delivery import Delivery
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.server.sent_events import SentEvent

State = Literal["running", "held", "done", "aborted", "cancelled"]
LONGEST_WAIT = 300.0  # seconds
MOST_WAITING = 100  # at once
MOST_LISTED = 1000


class NextEvent(Model):
    """The next event of a stream."""

    seq: int
    type: str
    due: Annotated[float | None, Field(description="Seconds until it is due; null: it is held.")]


class Playback(Model):
    """One playback on its way to one client."""

    model_config = example(
        id="pb_1",
        session="checkout",
        recording="text/hello",
        transport="sse",
        state="held",
        events=22,
        sent=1,
        seq_sent=0,
        next={"seq": 1, "type": "response.in_progress", "due": None},
        held_at="after=response.created",
        holds=["h1"],
        response_id="resp_1",
        started=1767225600.0,
        request_id="req_1",
        ended="",
    )
    id: str
    session: str
    recording: str
    transport: str
    state: State
    events: int
    sent: int
    seq_sent: int | None
    next: NextEvent | None
    held_at: str | None
    holds: list[str]
    response_id: str
    started: float  # by the session's clock
    request_id: str
    ended: Annotated[str, Field(description="How, if there is something to say.")]


class PlaybackList(Model):
    """Playbacks, in the order in which they began."""

    playbacks: list[Playback]


class Sent(Model):
    """An event that was sent: its sequence number, and its moment in seconds since the playback began."""

    playback: str
    seq: int
    type: str
    t: float


At = str | dict[str, Any]


class Release(Model):
    """How much to let go: so many events, or all up to a point; without either, all, at the stream's own pace
    until the next hold."""

    model_config = example(events=1)
    events: Annotated[int | None, Field(ge=1)] = None
    until: Annotated[
        At | None, Field(description='An event type, or `{"event": ..., "nth": 2}`, `{"seq": 5}`, ...')
    ] = None


class HoldNow(Model):
    """Where to hold a stream that is under way; without `at`, before all that is not due yet."""

    model_config = example(at={"event": "response.output_item.done"}, when="before", ttl=60)
    at: At | None = None
    when: Literal["before", "after"] | None = None
    ttl: float = TTL
    on_expiry: OnExpiry = "abort"
    keepalive: float | None = None


class Inject(Model):
    """An event to be sent, now or before another one: an object, or its JSON text, which is sent as it is."""

    model_config = example(event={"type": "response.unknown"}, renumber=True)
    event: dict[str, Any] | str
    renumber: bool = True
    before: Annotated[int | None, Field(description="A sequence number.")] = None


class Drop(Model):
    """The sequence number of an event that is not to be sent."""

    model_config = example(seq=8)
    seq: int


class Replace(Model):
    """The sequence number of an event, and what is sent instead of it."""

    model_config = example(seq=8, event={"type": "response.unknown", "sequence_number": 8})
    seq: int
    event: dict[str, Any] | str


class Finish(Model):
    """How to end it: send all that is left, cut or reset the connection, say an error event, or end the
    answer without what is left."""

    model_config = example(how="error_event", error={"code": "server_error"})
    how: Annotated[
        str, Field(description="terminal, cut, reset, error_event or close; close:1011 on a socket")
    ] = "terminal"
    error: dict[str, Any] | None = None


class Changed(Model):
    """What was sent by it, and how the playback is getting on."""

    sent: list[Sent]
    playback: Playback


class Waited(Model):
    """What was waited for; `timeout` is true if it did not come."""

    timeout: bool
    playback: Playback | None = None
    requests: int | None = None


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["live streams"])
    controller = Controller(server)
    deliveries = server.deliveries
    waiting: list[str] = []

    @routes.get("/playbacks", summary="List live streams")
    async def playbacks(
        session: AnySession = None,
        state: Annotated[list[State] | None, Query(description="Only in this state. Repeatable.")] = None,
        recording: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> PlaybackList:
        """List the streams under way, and the latest 1000 that have ended."""
        found = [_ended(*one) for one in deliveries.ended if session in (None, one[1].session)]
        found += [view(one) for one in deliveries if session in (None, one.exchange.session)]
        found.sort(key=lambda one: int(one.id.rpartition("_")[2]))
        wanted = [
            one for one in found if (not state or one.state in state) and recording in (None, one.recording)
        ]
        return PlaybackList(playbacks=wanted[-MOST_LISTED:])

    @routes.get("/playbacks/{id}", summary="Look at a live stream")
    async def playback(id: str) -> Playback:
        """Tell how a stream is getting on."""
        for ended in deliveries.ended:
            if id == ended[0]:
                return _ended(*ended)
        return view(deliveries.get(id))

    @routes.post("/playbacks/{id}/release", summary="Release a stream")
    async def release(id: str, body: Release) -> Changed:
        """Let go of what is held. Answers when it was handed to the connection. Two at once add up."""
        if body.events is not None and body.until is not None:
            raise OptionError("give one of events and until")
        delivery = deliveries.get(id)
        until = None if body.until is None else HoldPoint.of(body.until)
        sent = await conflicts(lambda: controller.release(delivery, body.events, until))
        return Changed(sent=[_sent(one) for one in sent], playback=view(delivery))

    @routes.post("/playbacks/{id}/hold", summary="Hold a stream")
    async def hold(id: str, body: HoldNow) -> Changed:
        """Hold a stream that is under way."""
        delivery = deliveries.get(id)
        options = {"ttl": body.ttl, "on_expiry": body.on_expiry, "keepalive": body.keepalive}
        point = None if body.at is None else HoldPoint.of(body.at, body.when, **options)
        await conflicts(lambda: controller.hold(delivery, point))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/inject", summary="Send another event")
    async def inject(id: str, body: Inject) -> Changed:
        """Send an event that is not in the recording. With `renumber`, it takes the next sequence number and
        those after it rise."""
        delivery, event = deliveries.get(id), read_event(body.event)
        await conflicts(
            lambda: controller.inject(delivery, event, renumber=body.renumber, before=body.before)
        )
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/drop", summary="Leave out an event")
    async def drop(id: str, body: Drop) -> Changed:
        """Leave out an event that was not sent yet; the numbers of the others stay."""
        delivery = deliveries.get(id)
        await conflicts(lambda: controller.replace(delivery, body.seq))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/replace", summary="Replace an event")
    async def replace(id: str, body: Replace) -> Changed:
        """Send another event in place of one that was not sent yet."""
        delivery, event = deliveries.get(id), read_event(body.event)
        await conflicts(lambda: controller.replace(delivery, body.seq, event))
        return Changed(sent=[], playback=view(delivery))

    @routes.post("/playbacks/{id}/finish", summary="End a stream")
    async def finish(id: str, body: Finish) -> Changed:
        """End a stream now."""
        delivery = deliveries.get(id)
        how = _how(body.how)
        await conflicts(lambda: controller.finish(delivery, how, body.error))
        return Changed(sent=[], playback=view(delivery))

    @routes.get("/wait", summary="Wait for a state")
    async def wait(
        for_: Annotated[
            str,
            Query(
                alias="for",
                description="`playback.held`, `playback.done` (whichever way it ended), `requests>=N`, or "
                "`seq>=N` (an event with that sequence number was sent).",
            ),
        ],
        session: AnySession = None,
        playback: Annotated[str | None, Query(description="Only this one, by its id.")] = None,
        timeout: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Real seconds.")] = 10.0,
    ) -> Waited:
        """Answer as soon as it is so, or when the time is over: then `timeout` is true."""
        look = _look(server, for_, session, playback)
        if len(waiting) >= MOST_WAITING:
            raise RequestError(
                f"{MOST_WAITING} requests wait already; end some.", status=429, code="too_many"
            )
        waiting.append(for_)
        try:
            found = await controller.wait(look, timeout, poll=not for_.startswith("playback."))
        finally:
            waiting.remove(for_)
        return found or Waited(timeout=True)

    return routes


def view(delivery: Delivery) -> Playback:
    """Return how a delivery is getting on."""
    seen = asdict(PlaybackView.of(delivery))
    seq, kind, due = seen.pop("next_seq"), seen.pop("next_type"), seen.pop("next_due")
    following = None if seq is None else NextEvent(seq=seq, type=kind, due=due)
    return Playback(**{**seen, "holds": list(seen["holds"])}, next=following)


async def conflicts(work: Callable[[], Any]) -> Any:
    """Do some work; what cannot be done in the state in which a stream is, is a conflict."""
    try:
        return await work()
    except EditError as error:
        raise RequestError(f"{error}.", status=409, code="conflict") from None


def _sent(event: SentEvent) -> Sent:
    return Sent(playback=event.playback, seq=event.seq, type=event.type, t=event.t)


def _ended(id: str, exchange: Exchange, cancelled: bool) -> Playback:
    return Playback(
        id=id,
        session=exchange.session,
        recording=exchange.recording or "",
        transport="",
        state="cancelled" if cancelled else "aborted" if exchange.ended else "done",
        events=exchange.events,
        sent=exchange.events,
        seq_sent=None,
        next=None,
        held_at=None,
        holds=[],
        response_id=exchange.response_id,
        started=exchange.received,
        request_id=exchange.request_id,
        ended=exchange.ended,
    )


def _how(text: str) -> How:
    name = "close" if re.fullmatch(r"close(:[0-9]{4})?", text) else text
    if name not in ("terminal", "cut", "reset", "error_event", "close"):
        raise OptionError(f"how is {printable(text)}, expected terminal, cut, reset, error_event or close")
    return name  # type: ignore[return-value]


def _look(
    server: MockServer, wanted: str, session: str | None, id: str | None
) -> Callable[[], Waited | None]:
    """What to look for, again and again. Raise OptionError."""
    deliveries = server.deliveries

    def live() -> list[Delivery]:
        return [one for one in deliveries if session in (None, one.exchange.session) and id in (None, one.id)]

    def held() -> Waited | None:
        found = next((one for one in live() if one.held), None)
        return None if found is None else Waited(timeout=False, playback=view(found))

    def done() -> Waited | None:
        ended = [
            one for one in deliveries.ended if session in (None, one[1].session) and id in (None, one[0])
        ]
        return Waited(timeout=False, playback=_ended(*ended[-1])) if ended else None

    if wanted in ("playback.held", "playback.done"):
        return held if wanted == "playback.held" else done
    match = re.fullmatch(r"(requests|seq)>=([0-9]{1,9})", wanted)
    if not match:
        raise OptionError(
            f"for is {printable(wanted)}, expected playback.held, playback.done, requests>=N or seq>=N"
        )
    least = int(match[2])

    def requests() -> Waited | None:
        count = sum(session in (None, one.session) for one in server.journal)
        return Waited(timeout=False, requests=count) if count >= least else None

    def seq() -> Waited | None:
        seen = (view(one) for one in live())
        found = next((one for one in seen if one.seq_sent is not None and one.seq_sent >= least), None)
        return None if found is None else Waited(timeout=False, playback=found)

    return requests if match[1] == "requests" else seq
