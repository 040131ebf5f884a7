"""running_server: a real server in a thread, for tests, benchmarks and notebooks."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Unpack
from urllib.parse import quote

from respool.controls import ClockControl, Held, Link, hold_request
from respool.play.hold_points import TTL
from respool.recordings.store import Store
from respool.server.mock_server import MockServer, ServerOptions


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on a free port of 127.0.0.1."""

    url: str  # "http://127.0.0.1:PORT"
    server: MockServer
    loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)  # that of the server's thread

    @property
    def _link(self) -> Link:
        if self.loop is None:
            raise RuntimeError("this server runs elsewhere: use its admin API")
        from respool.http.control import Controller

        return Link(Controller(self.server), self.loop)

    @property
    def clock(self) -> ClockControl:
        """The clock of the session of those who name none: ``.clock.freeze()``, ``.clock.advance(30)``; of
        another one, ``.clock.of("checkout")``."""
        return ClockControl(self._link)

    def hold(
        self,
        recording: str | None = None,
        at: "str | Mapping[str, Any]" = "start",
        *,
        when: str | None = None,
        session: str = "",
        ttl: float = TTL,
    ) -> Held:
        """Hold the next stream of a recording (None: of any) at a point: an event type, ``"start"``,
        ``"terminal"``, ``{"event": ..., "nth": 2}``, ``{"seq": 5}``, ``{"item": 0}`` or ``{"text": "Hel"}``;
        after it, unless `when` is "before". After `ttl` real seconds without a release it is cut.

            with running.hold("text/hello", at="response.created") as stream:
                ...  # have the client ask
                stream.wait_held()
                stream.step()

        Raise OptionError for what is no point in a stream.
        """
        return Held(self._link, hold_request(recording, at, when, session, ttl))

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self.url}/v1"

    def base_url_of(self, name: str) -> str:
        """The base URL below which the recording `name`, or the turn ``name#2``, answers."""
        return f"{self.url}/r/{quote(name)}/v1"


@contextmanager
def running_server(
    *paths: str | os.PathLike[str],
    reload: bool = False,
    api_keys: Sequence[str] = (),
    **options: Unpack[ServerOptions],
) -> Iterator[RunningServer]:
    """Serve the recordings below `paths` until the block ends.

    The options are those of `MockServer`. Raises what that and `Store` raise. Streams that are still open at
    the end are cut.

        with running_server("fixtures") as running:
            client = OpenAI(base_url=running.base_url_of("text/hello"), api_key="any")
    """
    from respool.http import create_app
    from respool.http.serving import uvicorn_server
    from respool.listening import bind, url_of

    server = MockServer(Store(paths), **options)
    loops: list[asyncio.AbstractEventLoop] = []
    uvicorn = uvicorn_server(
        create_app(server, reload=reload, api_keys=api_keys),
        grace=0,
        on_started=lambda: loops.append(asyncio.get_running_loop()),
    )
    with bind("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=uvicorn.run, kwargs={"sockets": [sock]}, name="respool", daemon=True)
        thread.start()
        try:
            while not loops:
                if not thread.is_alive():
                    raise RuntimeError("the server ended before it had started")
                time.sleep(0.005)
            yield RunningServer(url_of(sock), server, loops[0])
        finally:
            # Never by handle_exit: see serving.uvicorn_server.
            uvicorn.should_exit = True
            thread.join()
