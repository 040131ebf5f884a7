"""What the admin API needs where several servers share their state: the journal of all of them, sessions that
are loaded and committed, and the live streams of the others, which are asked for them."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError, printable
from respool.http.lazy_mount import path_in_app
from respool.http.problems import envelope
from respool.http.walk import LocalParty, WalkStep
from respool.server.deliveries import server_in, short_name
from respool.server.mock_server import MockServer
from respool.server.session import DEFAULT_SESSION
from respool.server.state.json_text import decode, encode

SLICE = 1.0  # seconds for which another server is asked to wait at once
MOST_LISTED = 1000

_PLAYBACK = re.compile(r"/playbacks/([^/]+)(/.*)?")


class AdminCall(msgspec.Struct, frozen=True, tag="admin"):
    """A request to the admin API of another server: the path is that below its prefix."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""


class AdminAnswer(msgspec.Struct, frozen=True):
    """What that answers: JSON."""

    status: int
    body: bytes


class Shared:
    """A layer around the admin API. An endpoint may be called several times, so its answer is sent at the
    end; the body of a request is read before."""

    def __init__(self, app: ASGIApp, server: MockServer) -> None:
        self.app = app
        self.server = server
        server.state.called = self.take

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self.server.state
        if not state.shared or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_in_app(scope)
        try:
            await state.refresh()
            if path == "/events" or (
                path == "/wait" and scope["method"] == "POST"
            ):  # the journal is that of all
                end = state.follow()
                try:
                    await self.app(scope, receive, send)
                finally:
                    end()
                return
            body = await _body(receive)
            answer = await self._answer(path, scope, body)
        except RequestError as error:
            await envelope(error)(scope, receive, send)
            return
        for message in answer:
            await send(message)

    async def take(self, message: bytes) -> bytes:
        """Answer another server."""
        call = decode(message, AdminCall | WalkStep)  # type: ignore[arg-type]
        if isinstance(call, WalkStep):
            server, name = self.server, call.session
            session = await server.state.run(name, lambda: server.session(name))
            return encode(await LocalParty(server, name, session.clock).do(call))
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": call.method,
            "scheme": "http",
            "path": call.path,
            "raw_path": call.path.encode(),
            "query_string": call.query.encode(),
            "headers": [(b"content-type", b"application/json")],
        }
        body: list[Message] = [{"type": "http.request", "body": call.body}]
        return encode(_answer_of(await _collect(self.app, scope, body)))

    async def _answer(self, path: str, scope: Scope, body: list[Message]) -> list[Message]:
        def here() -> Awaitable[list[Message]]:
            return _collect(self.app, scope, body)

        query = scope["query_string"].decode("latin-1")
        call = AdminCall(scope["method"], path, query, b"".join(message.get("body", b"") for message in body))
        if path == "/wait":
            return await self._wait(call, here)
        if path == "/playbacks":
            return _messages(_merged([_answer_of(await here()), *await self._all(call)]))
        id_ = match[1] if (match := _PLAYBACK.fullmatch(path)) else ""
        if path == "/clock/advance":
            id_ = _target(call.body)
        if id_ or path == "/clock/advance":
            node = await self._node(id_)
            return await here() if node is None else _messages(await self._ask(node, call))
        return await self.server.state.run_async(DEFAULT_SESSION, here)

    async def _node(self, id: str) -> str | None:
        """Return the server that sends a playback; None if it is this one, or none does. Raise
        RequestError."""
        name = server_in(id)
        state = self.server.state
        if not name or name == short_name(state.node):
            return None
        for node in await state.others():
            if short_name(node) == name:
                return node
        raise _gone(id)

    async def _ask(self, node: str, call: AdminCall) -> AdminAnswer:
        answer = await self.server.state.ask(node, encode(call))
        if answer is None:
            raise _gone(f"of the server {short_name(node)}")
        return decode(answer, AdminAnswer)

    async def _all(self, call: AdminCall) -> list[AdminAnswer]:
        """Return the answers of all other servers that are there."""
        state = self.server.state
        answers = await asyncio.gather(*(state.ask(node, encode(call)) for node in await state.others()))
        return [decode(one, AdminAnswer) for one in answers if one is not None]

    async def _wait(self, call: AdminCall, here: Callable[[], Awaitable[list[Message]]]) -> list[Message]:
        """Wait until it is so at any server."""
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        end = self.server.state.follow()
        first: asyncio.Future[list[Message]] = asyncio.ensure_future(here())
        asking: asyncio.Future[AdminAnswer | None] | None = None
        if not query.get("for", "").startswith("requests"):  # the journal is that of all
            asking = asyncio.ensure_future(self._ask_again(call, query))
        waiting: list[asyncio.Future[Any]] = [first, *([asking] if asking else [])]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if asking and (asking.done() or _timed_out(await first)) and (found := await asking) is not None:
                return _messages(found)
            return await first
        finally:
            end()
            for task in waiting:
                task.cancel()

    async def _ask_again(self, call: AdminCall, query: dict[str, str]) -> AdminAnswer | None:
        """Ask the other servers until one of them has it, or all of the time is over."""
        try:
            left = float(query.get("timeout", 10.0))
        except ValueError:
            return None  # which is refused here
        while True:
            asked = urlencode({**query, "timeout": max(0.0, min(left, SLICE))})
            answers, _ = await asyncio.gather(
                self._all(msgspec.structs.replace(call, query=asked)),
                asyncio.sleep(min(max(left, 0.0), SLICE / 10)),  # where there are none
            )
            for answer in answers:
                if answer.status == 200 and not json.loads(answer.body)["timeout"]:
                    return answer
            left -= SLICE if answers else SLICE / 10
            if left <= 0:
                return None


def _gone(id: str) -> RequestError:
    return RequestError(
        f"There is no playback {printable(id)}: no server that is there sends it.",
        status=404,
        code="not_found",
    )


def _target(body: bytes) -> str:
    """Return the playback to whose event a clock moves; "" if there is none."""
    try:
        target = json.loads(body)["to"]["playback"]
    except (ValueError, KeyError, TypeError):
        return ""
    return target if isinstance(target, str) else ""


def _merged(answers: Sequence[AdminAnswer]) -> AdminAnswer:
    """Return the lists of several servers as one, by the start of the streams."""
    first = answers[0]
    if first.status != 200:
        return first
    found = [one for answer in answers for one in json.loads(answer.body).get("playbacks", ())]
    found.sort(key=lambda one: one["started"])
    return AdminAnswer(200, json.dumps({"playbacks": found[-MOST_LISTED:]}).encode())


def _answer_of(messages: Sequence[Message]) -> AdminAnswer:
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return AdminAnswer(messages[0]["status"], body)


def _timed_out(messages: Sequence[Message]) -> bool:
    answer = _answer_of(messages)
    return answer.status == 200 and json.loads(answer.body)["timeout"] is True


def _messages(answer: AdminAnswer) -> list[Message]:
    length = str(len(answer.body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    return [
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": answer.body},
    ]


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
