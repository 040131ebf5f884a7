"""running_server: a real server in a thread, for tests, benchmarks and notebooks."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack, cast
from urllib.parse import quote

from respool.controls import ClockControl, Held, ServerThread, hold_request
from respool.recordings.hold_points import TTL
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.server_options import ServerOptions, UpstreamOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from respool.record.live_upstream import RecordingUpstream
    from respool.server.request_filter import Conditions
    from respool.server.seen_requests import SeenRequests
    from respool.server.verify import Times


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on a free port of 127.0.0.1."""

    url: str  # "http://127.0.0.1:PORT"
    server: MockServer
    loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)  # of the server's thread
    upstream: "RecordingUpstream | None" = field(default=None, repr=False)  # its answers are recorded

    @property
    def _link(self) -> ServerThread:
        if self.loop is None:
            raise RuntimeError("this server runs elsewhere: use its admin API")
        from respool.http.control import Controller

        return ServerThread(Controller(self.server), self.loop)

    @property
    def clock(self) -> ClockControl:
        """The clock of the default session: ``.clock.freeze()``, ``.clock.advance(30)``; of
        another one, ``.clock.of("checkout")``."""
        return ClockControl(self._link)

    def hold(
        self,
        recording: str | None = None,
        at: "str | Mapping[str, Any]" = "start",
        *,
        when: str | None = None,
        session: str = "",
        stub: str | None = None,
        ttl: float = TTL,
        keepalive: float | None = None,
    ) -> Held:
        """Hold the next stream of a recording (None: of any) at a point: an event type, ``"start"``,
        ``"terminal"``, ``{"event": ..., "nth": 2}``, ``{"seq": 5}``, ``{"item": 0}`` or ``{"text": "Hel"}``;
        after it, unless `when` is "before". With `stub`, only one that the stub of that name has chosen.
        After `ttl` real seconds without a release it is cut. With `keepalive`, a comment is sent after each
        so many real seconds.

            with running.hold("text/hello", at="response.created") as stream:
                ...  # start a request of the client
                stream.wait_held()
                stream.step()

        Raise OptionError for what is no point in a stream.
        """
        return Held(self._link, hold_request(recording, at, when, session, ttl, stub, keepalive))

    @property
    def requests(self) -> "SeenRequests":
        """The requests that came so far, of all sessions, oldest first: ``.requests.last.input_text``."""
        from respool.server.seen_requests import SeenRequests  # late: few need it

        return SeenRequests.of(self.server.journal)

    @property
    def unmatched(self) -> "SeenRequests":
        """The requests that no recording answered."""
        return self.requests.unmatched

    def assert_called(
        self, *, times: "int | Times | None" = None, **conditions: "Unpack[Conditions]"
    ) -> None:
        """Raise AssertionError unless as many requests as `times` meet the conditions: at least one, if it is
        not given. Conditions are those of `Conditions`; raise OptionError for one that makes no sense.

            running.assert_called(times=1, session="checkout", body={"model": "gpt-5"})
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        self.requests.assert_called(times=times, **conditions)

    def assert_all_played(self, session: str | None = None) -> None:
        """Raise AssertionError if some turn of a recording was never played: in a session since its last
        reset; without one, at all."""
        __tracebackhide__ = True  # pytest shows the line of the test
        from respool.server.verify import check_all_played

        if failure := check_all_played(self.server.unplayed(session), session):
            raise AssertionError(failure)

    def wait_for(
        self, count: int = 1, *, timeout: float = 10.0, **conditions: "Unpack[Conditions]"
    ) -> "SeenRequests":
        """Return the requests that meet the conditions, as soon as there are `count` of them. Raise
        AssertionError if there are not after `timeout` seconds."""
        __tracebackhide__ = True  # pytest shows the line of the test
        from respool.server.request_filter import RequestFilter
        from respool.server.verify import Times, check_count
        from respool.server.waiting import Waiter

        reached = threading.Event()
        wanted = RequestFilter(**conditions)
        waiter = Waiter(self.server.journal, wanted, count, reached.set)
        with waiter.watching():
            waiter.look()
            if not reached.wait(timeout):
                failure = check_count(self.requests, wanted, Times(at_least=count))
                raise AssertionError(f"after {timeout:g} s: {failure}")
        return waiter.found

    def reset(self, session: str = "") -> None:
        """Reset one session to its beginning, and remove its requests; "" is the default session. Others are
        not touched."""

        async def reset() -> None:
            await self.server.state.forget_requests(session)
            await self.server.state.run(session, lambda: self.server.reset(session))

        if self.loop is None:
            self.server.reset(session)
        else:  # in the server's thread, so that no request of the session sees half of it
            asyncio.run_coroutine_threadsafe(reset(), self.loop).result()

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self.url}/v1"

    def base_url_of(self, name: str) -> str:
        """Return the base URL at which the recording `name`, or the turn ``name#2``, answers."""
        return f"{self.url}/r/{quote(name)}/v1"


class RunningOptions(ServerOptions, UpstreamOptions, total=False):
    """The options of `running_server`: those of `MockServer`, and the upstream for what is not
    recorded."""


@contextmanager
def running_server(
    *paths: str | os.PathLike[str],
    reload: bool = False,
    api_keys: Sequence[str] = (),
    websocket: bool = True,
    **options: Unpack[RunningOptions],
) -> Iterator[RunningServer]:
    """Serve the recordings below `paths` until the block ends.

    The options are those of `MockServer`, and those of ``respool serve`` for the upstream that answers what
    is not recorded (``upstream``, ...). Raise what `MockServer` and `Store` raise. Streams that are still
    open at the end are cut.

        with running_server("fixtures") as running:
            client = OpenAI(base_url=running.base_url_of("text/hello"), api_key="any")
    """
    from respool.http.hosts import Hosts
    from respool.http.lazy_app import LazyApp

    of_server: dict[str, Any] = dict(options)
    of_upstream: dict[str, Any] = {name: of_server.pop(name) for name in _OF_UPSTREAM if name in of_server}
    upstream: RecordingUpstream | None = None
    if of_upstream or of_server.get("on_miss") == "record":
        from respool.record.live_upstream import UpstreamPlan  # late: few servers have one

        plan = UpstreamPlan.of(paths, of_server.get("on_miss", ""), cast("UpstreamOptions", of_upstream))
        store = Store(plan.paths)
        server = MockServer(store, asks_upstream=plan.asks(empty=not store.names), **of_server)
        upstream = plan.open(server)
    else:
        server = MockServer(Store(paths), **of_server)
    app = LazyApp(
        server,
        reload=reload,
        api_keys=api_keys,
        websocket=websocket,
        hosts=Hosts(loopback=True),
        upstream=upstream,
    )
    loops: list[asyncio.AbstractEventLoop] = []
    with serving(app, lambda: loops.append(asyncio.get_running_loop())) as url:
        yield RunningServer(url, server, loops[0], upstream)


_OF_UPSTREAM = frozenset(UpstreamOptions.__annotations__)


@contextmanager
def serving(
    app: "ASGIApp", on_started: Callable[[], None] = lambda: None, *, websocket: bool = True
) -> Iterator[str]:
    """Serve an application on a free port of 127.0.0.1 until the block ends. Yield its URL.

    `on_started` is called in the server's loop. Without `websocket`, an upgrade comes to the app as a
    request.
    """
    from respool.http.serving import uvicorn_server
    from respool.listening import bind, url_of

    ready = threading.Event()

    def started() -> None:
        on_started()
        ready.set()

    uvicorn = uvicorn_server(app, grace=0, on_started=started, websocket=websocket)
    with bind("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=uvicorn.run, kwargs={"sockets": [sock]}, name="respool", daemon=True)
        thread.start()
        try:
            while not ready.wait(0.05):
                if not thread.is_alive():
                    raise RuntimeError("the server ended before it had started")
            yield url_of(sock)
        finally:
            # Never by handle_exit: see serving.uvicorn_server.
            uvicorn.should_exit = True
            thread.join()
