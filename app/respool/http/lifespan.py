"""ASGI's lifespan, for apps that are no Starlette apps."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.types import Receive, Send


async def live(context: AbstractAsyncContextManager[Any], receive: Receive, send: Send) -> None:
    """Enter `context` when the server starts, and exit it when the server stops."""
    await receive()
    async with context:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
