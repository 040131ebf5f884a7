"""ASGI's lifespan, for apps that are no Starlette apps."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.types import Receive, Send


async def live(context: AbstractAsyncContextManager[Any], receive: Receive, send: Send) -> None:
    """Enter `context` at the start of the server, and leave it at its end."""
    await receive()
    async with context:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
