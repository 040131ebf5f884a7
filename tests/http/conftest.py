"""What the tests of the HTTP floor need: a call through uvicorn's own protocols, without a socket."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from respool.http import create_app
from respool.server.mock_server import MockServer

PROTOCOLS = {"httptools": HttpToolsProtocol, "h11": H11Protocol}


class Room:
    """How many writes more the client takes, as a semaphore has it."""

    def __init__(self, connection: "Connection", free: int) -> None:
        self.connection = connection
        self.free = free

    def take(self) -> None:
        self.free -= 1
        if self.free < 0:
            self.connection.protocol.pause_writing()

    def release(self) -> None:
        self.free += 1
        if self.free >= 0:
            self.connection.protocol.resume_writing()


class Connection:
    """One request on a connection of uvicorn's, seen as `Call` shows a call of an ASGI app.

    It is the connection's transport as well: what uvicorn writes is in `written`.
    """

    implementation = "httptools"

    def __init__(
        self,
        app: ASGIApp | MockServer,
        path: str = "/v1/responses",
        body: object = None,
        *,
        headers: Any = (),
        more_body: bool = False,
        http_version: str = "1.1",
        method: str = "POST",
        query_string: bytes = b"",
    ) -> None:
        self.written: list[bytes] = []
        self.closed = self.reading_paused = False
        self.room = asyncio.Semaphore(1_000_000)
        app = create_app(app) if isinstance(app, MockServer) else app
        config = Config(
            app, log_config=None, access_log=False, server_header=False, date_header=False, ws="none"
        )
        config.load()
        state = ServerState()
        self.protocol: Any = PROTOCOLS[self.implementation](config, state, {}, asyncio.get_running_loop())
        self.protocol.connection_made(self)
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        length = b"transfer-encoding: chunked" if more_body else b"content-length: %d" % len(content)
        target = f"{path}?{query_string.decode()}" if query_string else path
        lines = [f"{method} {target} HTTP/{http_version}".encode(), b"host: localhost", length]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
        self.protocol.data_received(b"\r\n".join([*lines, b"", b""]))
        self._chunked = more_body
        self.upload(content, more_body)
        (self.task,) = state.tasks

    def upload(self, content: bytes, more_body: bool = False) -> None:
        if self._chunked:
            content = b"%x\r\n%b\r\n" % (len(content), content) + (b"" if more_body else b"0\r\n\r\n")
        self.protocol.data_received(content)

    def leave(self) -> None:
        self.closed = True
        self.protocol.connection_lost(None)

    @property
    def room(self) -> Room:
        return self._room

    @room.setter
    def room(self, semaphore: asyncio.Semaphore) -> None:
        self._room = Room(self, semaphore._value)

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(bytes(data))
        self.room.take()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False

    @property
    def sent(self) -> list[Message]:
        """What was written, as the ASGI messages that it comes from."""
        if not self.written:
            return []
        head, _, rest_of_first = self.written[0].partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        headers = [(name.lower(), value) for name, value in (field.split(b": ", 1) for field in fields)]
        start = {"type": "http.response.start", "status": int(status.split()[1]), "headers": headers}
        writes = [rest_of_first, *self.written[1:]] if rest_of_first else self.written[1:]
        if length := dict(headers).get(b"content-length"):
            rest = int(length)
            bodies = [(data, (rest := rest - len(data)) > 0) for data in writes]
        else:
            bodies = [_unchunked(data) for data in writes]
        return [start, *({"body": data, "more_body": more} for data, more in bodies)]


class H11Connection(Connection):
    implementation = "h11"


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    """The content of whole chunks, and whether more follow."""
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            assert data == b"\r\n"
            return content, False
        content += data[: int(size, 16)]
        assert data[int(size, 16) :][:2] == b"\r\n"
        data = data[int(size, 16) + 2 :]
    return content, True


@pytest.fixture(scope="session")
def connections() -> Callable[[type], dict[str, type]]:
    """Calls through uvicorn's protocols, by the protocol's name; they show the answer as that class does."""

    def like(call: type) -> dict[str, type]:
        for name in ("status", "headers", "writes", "body", "json", "complete"):
            setattr(Connection, name, vars(call)[name])
        return {"httptools": Connection, "h11": H11Connection}

    return like
