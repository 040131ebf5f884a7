"""SocketResponses: the responses of one WebSocket: what answers each create, and its entry in the journal."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from starlette.types import Scope

from respool.errors import NoMatchingRecording, RequestError
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault
from respool.http.deciding import decided, delivery_of, needs_of
from respool.http.request_body import beside
from respool.http.request_scope import exchange_of, name_in_header, name_in_path, session_of
from respool.http.sending.socket import SocketTurn
from respool.match.stubs import Stub
from respool.play.live_turn import LiveTurn, PlaybackTurn
from respool.play.offload import LARGE, NO_RESULTS, WorkNeeded, offloading
from respool.play.playback import Playback
from respool.play.socket_actions import StartTurn
from respool.protocol.events import compact
from respool.recordings.hold_points import HoldPoint
from respool.recordings.steer_rule import SteerRule
from respool.server.choosing import AskUpstream
from respool.server.delivery import Delivery
from respool.server.heavy import heavy
from respool.server.journal import ENDED, STARTED, WEBSOCKET, Exchange
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session_holds import hold

logger = logging.getLogger("respool.requests")

_CODINGS = ("gzip",)  # so that a fault which needs one is refused in words
_MANY_EVENTS = 2000  # whose frames are made by a thread
_MUCH_ADDED = 256 * 1024  # bytes of a fault, likewise


class _Decided(NamedTuple):
    """What answers a request, its faults, and what becomes of a steer."""

    active: tuple[ActiveFault, ...]
    delivery: Delivery
    rule: SteerRule | None


class SocketResponses:
    """Starts the responses of one connection, by the same `MockServer.begin` as HTTP. Each has an exchange of
    its own in the journal."""

    def __init__(
        self,
        server: MockServer,
        scope: Scope,
        faults: tuple[Fault, ...],
        holds: tuple[HoldPoint, ...],
        pace: Mapping[str, Any] | None,
        read: Callable[[str], Awaitable[str]],
    ) -> None:
        self.read = read
        self._server = server
        self._scope = scope
        self._faults = faults
        self._connection = exchange_of(scope)
        self._session = session_of(scope)
        self._holds = holds
        self._pace = pace
        self._shared = server.state.shared
        self._one_by_one = asyncio.Lock()

    def start(
        self, start: StartTurn, wake: Callable[[], None], *, behind: bool
    ) -> SocketTurn | Awaitable[SocketTurn]:
        """Start a response, or return what starts it later. Raise RequestError."""
        exchange = self._arrived()
        if behind or self._shared or start.size > LARGE:
            return self._start_later(start, wake, exchange)
        try:
            with _as_frames(exchange):
                request = self._request(start, exchange, _text_of(start.body))
                try:
                    with offloading(NO_RESULTS):
                        started = self._decide(start, request, exchange, None)
                except WorkNeeded:
                    return self._start_later(start, wake, exchange)
                if _is_large(started):
                    return self._start_later(start, wake, exchange, started)
                return self._begin(wake, started, _live(started))
        except RequestError as error:
            self._refused(exchange, error)
            raise

    async def _start_later(
        self,
        start: StartTurn,
        wake: Callable[[], None],
        exchange: Exchange,
        started: _Decided | None = None,
    ) -> SocketTurn:
        """Start a response, after those that were asked for before it. A thread does what is large; what was
        `started` only lacks its frames."""
        server = self._server
        async with self._one_by_one:
            try:
                with _as_frames(exchange):
                    started = started or await self._decide_later(start, exchange)
                    live = await heavy(partial(_live, started)) if _is_large(started) else _live(started)
            except RequestError as error:
                exchange.status = error.status
                await server.state.note(exchange)
                self._refused(exchange, error)
                raise
            turn = self._begin(wake, started, live)
            await server.state.note(exchange)
            return turn

    def _arrived(self) -> Exchange:
        of = self._connection
        exchange = Exchange(
            "POST",
            of.path,
            self._server.clock.now(),
            address=of.address,
            session=self._session,
            transport=WEBSOCKET,
            raw_query=of.raw_query,
            raw_headers=of.raw_headers,
        )
        self._server.journal.add(exchange)
        return exchange

    async def _decide_later(self, start: StartTurn, exchange: Exchange) -> _Decided:
        server, size = self._server, start.size
        request = self._request(start, exchange, await beside(size, _text_of, start.body))
        if size > LARGE:  # checked in a thread, since strict types take 0.2 ms for an item
            await beside(size, request.check, server.validate)
            request.checked = True
        # Time counts from the arrival, since this may take a while.
        return await decided(
            server,
            self._session,
            lambda: self._decide(start, request, exchange, exchange.received),
            *(needs_of(request) if self._shared else ()),
        )

    def _decide(
        self, start: StartTurn, request: Request, exchange: Exchange, arrived: float | None
    ) -> _Decided:
        """Decide what answers. It changes nothing but the session, so that it can be done again."""
        server, session = self._server, self._server.session(self._session)
        now = session.moment(arrived)
        stub = None
        if start.warm_up:
            playback = server.warm_up(request, now, start.lineage)
            exchange.why = "warm-up: checked, and nothing is played"
        else:
            playback, decision, *_ = server.begin(request, now, start.lineage)
            exchange.recording, exchange.why = playback.recording.name, decision.line
            stub = decision.stub
        if playback.recording.plain:
            raise _refusal(playback)
        active = () if start.warm_up else self._draw(playback, stub)
        if active:
            exchange.faults = tuple(str(one.fault) for one in active)
        delivery = delivery_of(server, playback, session, exchange)
        delivery.transport = WEBSOCKET
        if not start.warm_up:
            hold(delivery, self._holds, session.holds, stub.hold if stub else ())
        steer = stub.steer if stub and stub.steer else playback.recording.header.steer
        return _Decided(active, delivery, steer)

    def _begin(self, wake: Callable[[], None], decided: _Decided, live: LiveTurn) -> SocketTurn:
        delivery, journal = decided.delivery, self._server.journal
        exchange, playback = delivery.exchange, delivery.playback
        exchange.status = 200
        if journal.watchers:
            journal.notify(STARTED, exchange)
        exchange.response_id = playback.id
        turn = SocketTurn(live, delivery, playback.subscribe(wake), decided.rule)
        delivery.begin(turn)
        return turn

    def ended(self, turn: SocketTurn) -> None:
        """Note that all of a response was sent, or that no more will be."""
        self._end(turn.delivery.exchange)

    def _request(self, start: StartTurn, exchange: Exchange, text: bytes) -> Request:
        self._server.journal.keep_body(exchange, text)
        scope = self._scope
        return Request(
            start.body,
            name_in_path(scope),
            name_in_header(scope),
            start.size,
            "POST",
            scope["path"],
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            self._session,
            text,
            self._faults,
            seed=exchange.request_id,
            pace=self._pace,
            plays=self._server.indexes.successor(start.rule) if start.rule else None,
        )

    def _draw(self, playback: Playback, stub: Stub | None) -> tuple[ActiveFault, ...]:
        recording, server = playback.recording, self._server
        given = (*stub.faults, *self._faults) if stub else self._faults
        if not (recording.header.faults or given or server.faults_of(server.session(self._session))):
            return ()
        active = server.draw_faults(recording, given, _CODINGS, self._session, on_socket=True)
        return tuple(one for one in active if one.fault.name != "socket_refused")

    def _refused(self, exchange: Exchange, error: RequestError) -> None:
        exchange.status = error.status
        self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        exchange.seconds = self._server.clock.now() - exchange.received
        if self._server.journal.watchers:
            self._server.journal.notify(ENDED, exchange)
        if self._shared:
            self._server.state.note_later(exchange)
        logger.info("%s", exchange)


def _text_of(body: Mapping[str, Any]) -> bytes:
    """Return the body as JSON. Raise RequestError if it cannot be written."""
    try:
        return compact(body).encode()
    except (ValueError, RecursionError):
        raise RequestError(
            "The request has a number that is too large for JSON, or is nested too deeply.",
            code="invalid_json",
        ) from None


def _is_large(started: _Decided) -> bool:
    """Return True if its frames take long to make, and are not made yet."""
    rendition = started.delivery.playback.rendition
    if started.active and sum(one.fault.added_bytes for one in started.active) > _MUCH_ADDED:
        return True
    return len(rendition.events) > _MANY_EVENTS and (
        bool(started.active) or "socket_frames" not in vars(rendition)
    )


def _live(started: _Decided) -> LiveTurn:
    """Return the turn to send, with its frames. Raise RequestError for faults that no socket can have."""
    playback = started.delivery.playback
    if started.active:
        from respool.play.faulty_turn import faulty_turn  # late: most servers meet no fault

        return faulty_turn(playback, started.active)
    playback.rendition.socket_frames  # noqa: B018 - made once, for all
    return PlaybackTurn(playback)


@contextmanager
def _as_frames(exchange: Exchange) -> Iterator[None]:
    """Have a miss be refused as other requests are."""
    try:
        yield
    except NoMatchingRecording as error:
        exchange.unmatched = True
        exchange.near = error.near_misses
        hint = " Over WebSocket no upstream is asked; HTTP does." if isinstance(error, AskUpstream) else ""
        raise RequestError(f"{error}{hint}", status=404, code="no_matching_recording") from None


def _refusal(playback: Playback) -> RequestError:
    """Return the error of a recording that is an HTTP error, for an error frame."""
    header = playback.recording.header
    body = header.body
    status = header.status if header.status >= 400 else 500
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = {"message": body} if isinstance(body, str) and body else {}
    return RequestError(
        str(error.get("message") or f"The recording {playback.recording.name} holds no events."),
        status=status,
        type=_text(error, "type") or ("server_error" if status >= 500 else "invalid_request_error"),
        code=_text(error, "code"),
        param=_text(error, "param"),
    )


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None
