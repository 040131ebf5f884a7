"""The layers around the app, and the paths past it; nothing here imports FastAPI."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from respool.http import problems
from respool.http.base_paths import base_paths_of
from respool.http.cors import cors_options
from respool.http.edge import Edge
from respool.http.guard import Endpoint, Guard
from respool.http.hosts import Hosts, RequireHost
from respool.http.keys import Keys, RequireKey
from respool.http.lazy_mount import LazyMount
from respool.http.request_path import PathReader
from respool.http.responses import Create
from respool.http.upstream import LiveUpstream
from respool.play.offload import LARGE
from respool.server.heavy import heavy
from respool.server.mock_server import MockServer


def edge_of(
    app: ASGIApp,
    server: MockServer,
    create: Create,
    socket: ASGIApp | None = None,
    *,
    max_body: int,
    api_keys: Sequence[str] = (),
    hosts: Hosts | None = None,
    cors: Sequence[str] = (),
    admin: bool = True,
    admin_token: str | None = None,
    base_paths: Sequence[str] = (),
) -> Edge:
    """Return the edge around `app`, with `create` and `socket` past it. The options are those of
    `create_app`."""
    origins = cors_options(cors)
    if admin_token is not None:
        Keys([admin_token], "the admin token")  # a wrong one is told now, not at the first request

    def guarded(inner: ASGIApp) -> ASGIApp:
        inner = Guard(inner)
        return RequireKey(inner, Keys(api_keys)) if api_keys else inner

    def for_browsers(inner: ASGIApp) -> ASGIApp:
        return CORSMiddleware(inner, **origins)

    def make() -> ASGIApp:
        from respool.http.admin.app import make_admin  # late: see there

        made = make_admin(server, token=admin_token, max_body=max_body)
        return RequireHost(made, hosts) if hosts else made

    mount = LazyMount("/__admin", make) if admin else None

    async def called(message: bytes) -> bytes:
        """Load the admin API at the first call of another server; it answers by itself from then on."""
        assert mount
        await mount.made()
        assert server.state.called not in (None, called)
        return await server.state.called(message)

    if mount and server.state.shared:
        server.state.called = called
    answer = guarded(Endpoint(create, problems.answer_of))
    edge = Edge(app, server, answer, for_browsers, mount, hosts)
    edge.socket = socket and guarded(socket)
    edge.paths = PathReader(base_paths_of(base_paths))
    return edge


@asynccontextmanager
async def running(
    server: MockServer, *, reload: bool = False, upstream: LiveUpstream | None = None
) -> AsyncIterator[None]:
    """Run what an app needs: the connections to the state and to `upstream`, and the tasks that encode the
    recordings and watch the files."""
    await server.state.start()
    if upstream is not None:
        await upstream.__aenter__()
    tasks = [asyncio.create_task(_prepare(server))]
    if reload:
        from respool.http import reloading  # late: most servers watch nothing

        tasks.append(asyncio.create_task(reloading.watch(server.store)))
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    if upstream is not None:
        await upstream.__aexit__(None, None, None)
    await server.state.stop()


async def _prepare(server: MockServer) -> None:
    """Encode all recordings, while the server listens already: a request waits for one of them at most."""
    steady = gc.get_freeze_count() > 0  # what was loaded is not looked at: `commands.serve.steady_gc`
    # The first stream of a loop imports it otherwise, and all others wait.
    await asyncio.to_thread(import_module, "anyio._backends._asyncio")
    for recording in server.recordings():
        if sum(len(text) for _, text in recording.types()) > LARGE:
            await heavy(partial(server.schedule, recording))
        else:
            server.schedule(recording)
        if steady:  # what is made now stays as well
            gc.freeze()
        await asyncio.sleep(0)
