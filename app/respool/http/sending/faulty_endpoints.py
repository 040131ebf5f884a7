"""FaultyEndpoints: faults for the answers of endpoints that do not stream."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.faults.applying import ActiveFault
from respool.faults.fault import Fault
from respool.http.deciding import decided
from respool.http.problems import envelope
from respool.http.sending.connection import header_values, steering
from respool.http.sending.faulty import (
    ASKED,
    FAULT_HEADER,
    FaultyResponse,
    accepted_codings,
    check_possible,
    load_faults,
    requested_faults,
)
from respool.play.session_clock import SessionClock
from respool.server.delivery import AnswerDelivery
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer

_FAULT_HEADER = FAULT_HEADER.encode()
CREATE = "/v1/responses"  # which sees to its faults itself


class FaultyEndpoints:
    """A layer: applies the faults in ``x-respool-fault`` to the answers of all endpoints that do
    not see to it themselves (those which stream: they take ``respool.faults`` out of the scope)."""

    def __init__(self, app: ASGIApp, server: MockServer, allowed: bool) -> None:
        self.app = app
        self.server = server
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        values = steering(scope, _FAULT_HEADER) if scope["type"] == "http" else ()
        if not values or scope["path"] == CREATE:
            await self.app(scope, receive, send)
            return
        try:
            await load_faults()
            requested = requested_faults(values, self.allowed)
        except RequestError as error:
            await envelope(error, profile=self.server.profile)(scope, receive, send)
            return
        scope[ASKED] = requested
        answer = _Collected()

        async def collect(message: Message) -> None:
            if ASKED not in scope:
                await send(message)
            else:
                answer.take(message)

        await self.app(scope, receive, collect)
        if ASKED in scope and answer.response is not None:
            await self._send(requested, answer.response, scope, receive, send)

    async def _send(
        self, requested: Sequence[Fault], sound: Response, scope: Scope, receive: Receive, send: Send
    ) -> None:
        exchange: Exchange = scope["respool.exchange"]
        codings = accepted_codings(",".join(header_values(scope, b"accept-encoding")))

        def decide() -> tuple[SessionClock, tuple[ActiveFault, ...]]:
            session = self.server.session(exchange.session)
            name = f"{scope['method']} {scope['path']}"
            return session.clock, session.sampler.sample(name, requested, codings)

        try:
            check_possible(requested, stream=False)
            clock, active = await decided(self.server, exchange.session, decide)
        except RequestError as error:
            await envelope(error, profile=self.server.profile)(scope, receive, send)
            return
        delivery = AnswerDelivery(clock, exchange)
        await FaultyResponse(sound, delivery, active, clock.now(), self.server.held_by_faults)(
            scope, receive, send
        )


class _Collected:
    """An answer that is no stream, collected from its messages."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self._body = bytearray()

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.response = Response(status_code=message["status"])
            self.response.raw_headers = list(message.get("headers", ()))
        elif message["type"] == "http.response.body" and self.response is not None:
            self._body += message.get("body", b"")
            self.response.body = bytes(self._body)
