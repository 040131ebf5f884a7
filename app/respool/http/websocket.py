"""``GET /v1/responses``, upgraded: the Responses API over WebSocket.

The protocol is `play.socket_connection`, the sending `http.sending.socket`. Here is what a connection has of
HTTP: its path, its headers and its key, the denials of the upgrade, and the journal.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from starlette.routing import Router, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from respool.errors import NoMatchingRecording, RequestError
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault
from respool.http.asked import asked_holds, asked_pace, set_asked_clock
from respool.http.client_limits import bytes_of
from respool.http.deciding import decided, delivery_of, needs_of
from respool.http.edge import exchange_of, name_in_header, name_in_path, session_of
from respool.http.problems import envelope, profile_of
from respool.http.sending.connection import SERVER_SEND, header_values, steering
from respool.http.sending.faulty import FAULT_HEADER, asked_faults, load_faults
from respool.http.sending.socket import SocketDriver, SocketTurn
from respool.http.sending.socket_line import line_of
from respool.match.stubs import Stub
from respool.play.live_turn import LiveTurn, PlaybackTurn
from respool.play.playback import Playback
from respool.play.session_clock import SessionClock
from respool.play.socket_actions import StartTurn
from respool.play.socket_connection import INTERNAL_ERROR, SocketConnection
from respool.play.socket_settings import SocketSettings
from respool.protocol.events import compact
from respool.recordings.hold_points import HoldPoint
from respool.recordings.steer_rule import SteerRule
from respool.server.choosing import AskUpstream
from respool.server.delivery import Delivery
from respool.server.journal import ENDED, STARTED, WEBSOCKET, Exchange
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.session_holds import hold

logger = logging.getLogger("respool.requests")

_LOOPBACK_HOST = re.compile(r"(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
_CODINGS = ("gzip",)  # so that a fault which needs one is refused in words
_BETA = "responses_multi_agent=v1"
_rng = Random()  # of the ids of steers, which are no secret


def add_routes(router: Router, server: MockServer, settings: SocketSettings, request_faults: bool) -> None:
    """Serve WebSockets at ``/v1/responses``; elsewhere an upgrade is denied with 404."""

    async def serve(socket: WebSocket) -> None:
        await _serve(server, settings, request_faults, socket)

    router.routes.append(WebSocketRoute("/v1/responses", serve))
    router.routes.append(WebSocketRoute("/{path:path}", _not_found))


async def _not_found(socket: WebSocket) -> None:
    path = socket.scope.get("respool.path", socket.scope["path"])
    error = RequestError(f"Invalid URL (WEBSOCKET {path})", status=404)
    await _deny(error, socket)


async def _deny(error: RequestError, socket: WebSocket, headers: Mapping[str, str] | None = None) -> None:
    """Refuse the upgrade, with an ordinary answer of HTTP."""
    scope = socket.scope
    await envelope(error, headers, profile_of(scope))(scope, socket.receive, socket.send)


async def _serve(
    server: MockServer, settings: SocketSettings, request_faults: bool, socket: WebSocket
) -> None:
    scope = socket.scope
    exchange = exchange_of(scope)
    exchange.transport = WEBSOCKET
    try:
        _check_origin(scope)
        if values := steering(scope, FAULT_HEADER.encode()):
            await load_faults()
        asked = asked_faults(values, request_faults)
        holds, pace = asked_holds(scope), asked_pace(scope)

        def admit() -> SessionClock:
            session = server.session(session_of(scope))
            set_asked_clock(scope, session.clock, server.state)
            for active in server.draw_upgrade_faults(asked, session.name):
                exchange.faults = (str(active.fault),)
                raise _refusal_by(active.fault)
            return session.clock

        clock = await decided(server, session_of(scope), admit)
    except RequestError as error:
        await _deny(error, socket)
        return
    exchange.status = 101
    if server.state.shared:
        await server.state.note(exchange)
    await socket.accept()
    beta = ",".join(header_values(scope, b"openai-beta"))
    if _BETA in beta.replace(" ", ""):
        settings = replace(settings, multi_agent=True)
    held = bytes_of(scope)
    if held:
        settings = replace(settings, remembered_bytes=min(settings.remembered_bytes, held.most))
    connection = SocketConnection(clock.now(), settings, rng=_rng, refusal=held.refusal if held else None)
    if held:
        held.count_socket(lambda: connection.unanswered_bytes)
    line = line_of(scope.get(SERVER_SEND), socket.send)
    turns = _Turns(server, scope, asked, holds, pace)
    try:
        await SocketDriver(line, connection, turns, clock).run(socket.receive)
    except Exception:
        # A defect of ours: the log tells where.
        logger.exception("internal error in %s", exchange)
        await line.close(INTERNAL_ERROR, "internal error")


def _refusal_by(fault: Fault) -> RequestError:
    from respool.faults.socket import SocketRefused  # late: most servers meet no fault

    assert isinstance(fault, SocketRefused)
    return fault.error()


def _check_origin(scope: Scope) -> None:
    """Raise RequestError for a page of another site: for WebSockets, browsers do not ask first."""
    for origin in header_values(scope, b"origin"):
        host = origin.lower().partition("://")[2]
        if not _LOOPBACK_HOST.fullmatch(host) and host not in header_values(scope, b"host"):
            raise RequestError(
                "Pages of other sites cannot use this server's WebSocket: expected an origin on localhost.",
                status=403,
                code="origin_not_allowed",
            )


class _Decided(NamedTuple):
    """What answers a request, and what becomes of a steer."""

    live: LiveTurn
    delivery: Delivery
    rule: SteerRule | None


class _Turns:
    """Starts the responses of one connection, by the same `MockServer.start` as HTTP. Each has an exchange
    of its own in the journal."""

    def __init__(
        self,
        server: MockServer,
        scope: Scope,
        asked: tuple[Fault, ...],
        holds: tuple[HoldPoint, ...],
        pace: Mapping[str, Any] | None,
    ) -> None:
        self._server = server
        self._scope = scope
        self._asked = asked
        self._connection = exchange_of(scope)
        self._session = session_of(scope)
        self._holds = holds
        self._pace = pace
        self.waits = server.state.shared
        self._one_by_one = asyncio.Lock()

    def start(self, asked: StartTurn, wake: Callable[[], None]) -> SocketTurn:
        """Start a response. Raise RequestError."""
        exchange = self._arrived()
        try:
            with _as_frames(exchange):
                request = self._request(asked, exchange)
                return self._begin(wake, self._decide(asked, request, exchange))
        except RequestError as error:
            self._refused(exchange, error)
            raise

    async def start_later(self, asked: StartTurn, wake: Callable[[], None]) -> SocketTurn:
        """Start a response by what a shared state knows, after those that were asked for before it. Raise
        RequestError."""
        server, exchange = self._server, self._arrived()
        async with self._one_by_one:
            try:
                with _as_frames(exchange):
                    request = self._request(asked, exchange)
                    started = await decided(
                        server,
                        self._session,
                        lambda: self._decide(asked, request, exchange),
                        *needs_of(request),
                    )
            except RequestError as error:
                exchange.status = error.status
                await server.state.note(exchange)
                self._refused(exchange, error)
                raise
            turn = self._begin(wake, started)
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

    def _decide(self, asked: StartTurn, request: Request, exchange: Exchange) -> _Decided:
        """Decide what answers. It changes nothing but the session, so that it can be done again."""
        server, session = self._server, self._server.session(self._session)
        # Time counts from the arrival if a shared state is asked, which may take a while.
        now = session.moment(exchange.received if self.waits else None)
        stub = None
        if asked.warm_up:
            playback = server.warm_up(request, now, asked.lineage)
            exchange.why = "warm-up: checked, and nothing is played"
        else:
            playback, decision, _ = server.begin(request, now, asked.lineage)
            exchange.recording, exchange.why = playback.recording.name, decision.line
            stub = decision.stub
        if playback.recording.plain:
            raise _refusal(playback)
        live: LiveTurn = PlaybackTurn(playback)
        if not asked.warm_up and (active := self._draw(playback, stub)):
            from respool.play.faulty_turn import faulty_turn  # late: most servers meet no fault

            exchange.faults = tuple(str(one.fault) for one in active)
            live = faulty_turn(playback, active)
        delivery = delivery_of(server, playback, session, exchange)
        delivery.transport = WEBSOCKET
        if not asked.warm_up:
            hold(delivery, self._holds, session.holds, stub.hold if stub else ())
        steer = stub.steer if stub and stub.steer else playback.recording.header.steer
        return _Decided(live, delivery, steer)

    def _begin(self, wake: Callable[[], None], decided: _Decided) -> SocketTurn:
        delivery, journal = decided.delivery, self._server.journal
        exchange, playback = delivery.exchange, delivery.playback
        exchange.status = 200
        if journal.watchers:
            journal.tell(STARTED, exchange)
        exchange.response_id = playback.id
        turn = SocketTurn(decided.live, delivery, playback.subscribe(wake), decided.rule)
        delivery.begin(turn)
        return turn

    def ended(self, turn: SocketTurn) -> None:
        """All of a response was sent, or no more of it will be."""
        self._end(turn.delivery.exchange)

    def _request(self, asked: StartTurn, exchange: Exchange) -> Request:
        try:
            text = compact(asked.body).encode()
        except (ValueError, RecursionError):
            raise RequestError(
                "The request has a number that is too large for JSON, or is nested too deeply.",
                code="invalid_json",
            ) from None
        self._server.journal.keep_body(exchange, text)
        scope = self._scope
        return Request(
            asked.body,
            name_in_path(scope),
            name_in_header(scope),
            asked.size,
            "POST",
            scope["path"],
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            self._session,
            text,
            self._asked,
            pace=self._pace,
            plays=self._server.indexes.successor(asked.rule) if asked.rule else None,
        )

    def _draw(self, playback: Playback, stub: Stub | None) -> tuple[ActiveFault, ...]:
        recording, server = playback.recording, self._server
        given = (*stub.faults, *self._asked) if stub else self._asked
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
            self._server.journal.tell(ENDED, exchange)
        if self.waits:
            self._server.state.note_later(exchange)
        logger.info("%s", exchange)


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
    """A recording that is an HTTP error, as an error frame says it."""
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
