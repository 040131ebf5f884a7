"""What the admin API needs where several servers share their state: the journal of all of them, and sessions
that are loaded and committed."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.http.problems import envelope
from respool.server.mock_server import MockServer
from respool.server.session import EVERYBODYS

# What waits for requests of the other servers, instead of looking once.
_FOLLOWING = ("/events", "/wait")


class Shared:
    """A layer around the admin API. An endpoint may be called several times, so its answer is sent at the
    end; the body of a request is read before."""

    def __init__(self, app: ASGIApp, server: MockServer) -> None:
        self.app = app
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self.server.state
        if not state.shared or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await state.refresh()
            if scope["path"].endswith(_FOLLOWING):
                end = state.follow()
                try:
                    await self.app(scope, receive, send)
                finally:
                    end()
                return
            body = await _body(receive)
            answer = await state.run_async(EVERYBODYS, lambda: _collect(self.app, scope, body))
        except RequestError as error:
            await envelope(error)(scope, receive, send)
            return
        for message in answer:
            await send(message)


async def _body(receive: Receive) -> list[Message]:
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return messages


async def _collect(app: ASGIApp, scope: Scope, body: list[Message]) -> list[Message]:
    answer: list[Message] = []
    coming = iter(body)

    async def receive() -> Message:
        return next(coming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        answer.append(message)

    await app(dict(scope), receive, send)
    return answer
