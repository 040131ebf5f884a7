"""async_running_server: `running_server` for tests that are coroutines."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Unpack

from respool.server.server_options import ServerOptions
from respool.testing import RunningServer, running_server


@asynccontextmanager
async def async_running_server(
    *paths: str | os.PathLike[str],
    reload: bool = False,
    api_keys: Sequence[str] = (),
    **options: Unpack[ServerOptions],
) -> AsyncIterator[RunningServer]:
    """Serve the recordings below `paths` until the block ends, as `running_server` does.

    It starts and ends in a thread, so that nothing else of the event loop waits for it.

        async with async_running_server("fixtures") as running:
            client = AsyncOpenAI(base_url=running.base_url_of("text/hello"), api_key="any")
    """
    serving = running_server(*paths, reload=reload, api_keys=api_keys, **options)
    running = await asyncio.to_thread(serving.__enter__)
    try:
        yield running
    finally:
        await asyncio.shield(asyncio.to_thread(serving.__exit__, None, None, None))
