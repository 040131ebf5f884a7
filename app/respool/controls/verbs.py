"""Verbs: control of the stream that a hold has caught, as work for the server's thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respool.errors import EditError
from respool.play.edits import Finish
from respool.recordings.hold_points import HoldPoint
from respool.server.session_holds import SessionHold

if TYPE_CHECKING:
    from respool.http.control import Controller
    from respool.server.control import How, PlaybackView
    from respool.server.delivery import Delivery
    from respool.server.sent_events import SentEvent

WAIT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A hold: the next stream of a recording in a session, at a point."""

    recording: str | None
    point: HoldPoint
    session: str
    stub: str | None = None

    def __str__(self) -> str:
        what = self.recording or ("any recording" if self.stub is None else f"of stub {self.stub}")
        return f"{what}, {self.point}"


class Verbs:
    """Controls the stream that a hold has caught, by work for the server's thread."""

    def __init__(self, controller: "Controller", request: HoldRequest) -> None:
        self._controller = controller
        self._request = request
        self._hold_id = ""
        self._caught: Delivery | None = None

    async def begin(self) -> None:
        holds = self._controller.server.session(self._request.session).holds
        self._hold_id = holds.new_id()
        request = self._request
        holds.put(
            SessionHold(
                self._hold_id,
                request.point,
                request.recording,
                times=1,
                on_caught=self._catch,
                stub=request.stub,
            )
        )

    def _catch(self, delivery: "Delivery") -> None:
        self._caught = delivery

    @property
    def _current(self) -> "Delivery | None":
        """The stream that was caught, or the one with which its client has resumed it."""
        caught = self._caught
        if caught is None or not caught.has_ended:
            return caught
        run = caught.playback.run
        resumed = [one for one in self._controller.server.deliveries if one.playback.run is run]
        return resumed[-1] if resumed else caught

    def _held(self) -> "Delivery | None":
        delivery = self._current
        if delivery is None:
            return None
        over = delivery.has_ended and not (delivery.playback.background and _waits(delivery))
        return delivery if delivery.held or over else None

    async def wait_held(self, timeout: float) -> "PlaybackView":
        delivery = await self._controller.wait(self._held, timeout)
        what = self._request
        if delivery is None:
            found = self._current
            state = f"; {found.id} is {found.state}" if found else ", and no request for it has come"
            if found is not None and found.clock.frozen:
                state += ", and its clock is frozen: advance it"
            raise EditError(f"nothing was held ({what}) in {timeout:g} s{state}")
        if delivery.has_ended:
            raise EditError(f"{delivery.id} ({what}) has ended: {delivery.exchange.ended or 'complete'}")
        return self.view_of(delivery)

    async def caught(self) -> "Delivery":
        await self.wait_held(WAIT)
        assert self._current is not None
        return self._current

    @staticmethod
    def view_of(delivery: "Delivery") -> "PlaybackView":
        from respool.server.control import PlaybackView

        return PlaybackView.of(delivery)

    async def view(self) -> "PlaybackView | None":
        delivery = self._current
        return None if delivery is None else self.view_of(delivery)

    async def step(self) -> "SentEvent":
        (event,) = await self._controller.release(await self.caught(), 1)
        return event

    async def release(self, events: int | None) -> "list[SentEvent]":
        return await self._controller.release(await self.caught(), events)

    async def until(self, point: HoldPoint) -> "list[SentEvent]":
        return await self._controller.release(await self.caught(), until=point)

    async def inject(self, event: Mapping[str, Any] | str, renumber: bool, before: int | None) -> None:
        from respool.server.control import read_event

        found = read_event(event if isinstance(event, str) else dict(event))
        await self._controller.inject(await self.caught(), found, renumber=renumber, before=before)

    async def replace(self, number: int, event: Mapping[str, Any] | str | None) -> None:
        from respool.server.control import read_event

        found = None if event is None else read_event(event if isinstance(event, str) else dict(event))
        await self._controller.replace(await self.caught(), number, found)

    async def end(self, how: "How", error: Mapping[str, Any] | None = None) -> None:
        await self._controller.finish(await self.caught(), how, error)

    async def leave(self, failed: bool) -> None:
        """Release the stream to its end if the test passed, else cut it; likewise a stream that its client
        has left and may resume. Remove a hold that has caught none."""
        server = self._controller.server
        if (session := server.sessions.find(self._request.session)) is not None:
            session.holds.remove(self._hold_id)
        delivery = self._current
        if delivery is None or not delivery.number:
            return
        if not delivery.has_ended:
            if failed:
                await self._controller.finish(delivery, "cut")
            elif _waits(delivery):
                await self._controller.finish(delivery)
        elif delivery.ended_by.startswith("hold expired"):
            if not failed:
                raise EditError(f"{delivery.id}: {delivery.ended_by}")
        elif delivery.playback.background and _waits(delivery):
            delivery.playback.edit(Finish("cut" if failed else "terminal"), delivery.clock.now())


def _waits(delivery: "Delivery") -> bool:
    """Return True if something of a playback is held."""
    edited = delivery.playback.edited
    return edited is not None and edited.gate is not None


def hold_request(
    recording: str | None,
    at: str | Mapping[str, Any],
    when: str | None,
    session: str,
    ttl: float,
    stub: str | None = None,
    keepalive: float | None = None,
) -> HoldRequest:
    """Return the request for a hold. Raise OptionError if `at` is no point in a stream."""
    return HoldRequest(recording, HoldPoint.of(at, when, ttl=ttl, keepalive=keepalive), session, stub)


def point_of(event: str, nth: int) -> HoldPoint:
    return HoldPoint.of({"event": event, "nth": nth}) if nth != 1 else HoldPoint.read(event)
