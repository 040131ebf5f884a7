"""running_server: a real server in a thread, for tests, benchmarks and notebooks."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote

from respool.recordings.store import Store
from respool.server.mock_server import MockServer, ServerOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on a free port of 127.0.0.1."""

    url: str  # "http://127.0.0.1:PORT"
    server: MockServer

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

    server = MockServer(Store(paths), **options)
    with serving(create_app(server, reload=reload, api_keys=api_keys)) as url:
        yield RunningServer(url, server)


@contextmanager
def serving(app: "ASGIApp") -> Iterator[str]:
    """Serve an application on a free port of 127.0.0.1 until the block ends. Give its URL."""
    from respool.http.serving import uvicorn_server
    from respool.listening import bind, url_of

    uvicorn = uvicorn_server(app, grace=0)
    with bind("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=uvicorn.run, kwargs={"sockets": [sock]}, name="respool", daemon=True)
        thread.start()
        try:
            while not uvicorn.started:
                if not thread.is_alive():
                    raise RuntimeError("the server ended before it had started")
                time.sleep(0.005)
            yield url_of(sock)
        finally:
            # Never by handle_exit: see serving.uvicorn_server.
            uvicorn.should_exit = True
            thread.join()
