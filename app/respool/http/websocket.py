"""``GET /v1/responses``, upgraded: the Responses API over WebSocket.

The protocol is `play.socket_connection`, the sending `http.sending.socket`; `http.socket_responses` decides
what answers. Here is the upgrade: its headers, its faults, its refusal.
"""

import logging
import re
from dataclasses import replace
from functools import partial
from random import Random

from starlette.types import Scope
from starlette.websockets import WebSocket

from respool.errors import RequestError
from respool.faults.fault import Fault
from respool.http.client_limits import bytes_of
from respool.http.deciding import decided
from respool.http.large_frames import read_ahead
from respool.http.request_scope import exchange_of, session_of
from respool.http.requested import requested_holds, requested_pace, set_requested_clock
from respool.http.sending.connection import SERVER_SEND, header_values, steering
from respool.http.sending.faulty import FAULT_HEADER, load_faults, requested_faults
from respool.http.sending.socket import SocketDriver
from respool.http.sending.socket_line import line_of
from respool.http.socket_responses import SocketResponses
from respool.http.socket_routes import deny
from respool.play.session_clock import SessionClock
from respool.play.socket_connection import INTERNAL_ERROR, SocketConnection
from respool.play.socket_settings import SocketSettings
from respool.server.journal import WEBSOCKET
from respool.server.mock_server import MockServer

logger = logging.getLogger("respool.requests")

_LOOPBACK_HOST = re.compile(r"(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
_BETA = "responses_multi_agent=v1"
_rng = Random()  # of the ids of steers, which are no secret


async def serve_socket(
    server: MockServer, settings: SocketSettings, request_faults: bool, max_body: int, socket: WebSocket
) -> None:
    """Accept an upgrade, or refuse it, and serve the connection until it ends."""
    scope = socket.scope
    exchange = exchange_of(scope)
    exchange.transport = WEBSOCKET
    try:
        _check_origin(scope)
        if values := steering(scope, FAULT_HEADER.encode()):
            await load_faults()
        requested = requested_faults(values, request_faults)
        holds, pace = requested_holds(scope), requested_pace(scope)

        def admit() -> SessionClock:
            session = server.session(session_of(scope))
            set_requested_clock(scope, session.clock, server.state)
            for active in server.draw_upgrade_faults(requested, session.name):
                exchange.faults = (str(active.fault),)
                raise _refusal_by(active.fault)
            return session.clock

        clock = await decided(server, session_of(scope), admit)
    except RequestError as error:
        await deny(error, socket)
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
    read = partial(read_ahead, settings=settings, limit=max_body, held=held)
    turns = SocketResponses(server, scope, requested, holds, pace, read)
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
