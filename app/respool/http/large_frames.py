"""Large text frames of clients, read ahead: within limits, and so that no other connection waits for it."""

import asyncio

from respool.errors import RequestError
from respool.http.body_limits import check_body
from respool.play.socket_settings import SocketSettings
from respool.protocol.websocket.client_frames import Invalid, ReadText, parse
from respool.server.client_bytes import RequestBytes
from respool.server.heavy import heavy


async def read_ahead(text: str, settings: SocketSettings, limit: int, held: RequestBytes | None) -> str:
    """Return a large text frame with what it says. `limit` is that of the size of a body, in bytes: what a
    frame may hold grows with it. One that is too large is returned as it is. `held` counts its bytes
    meanwhile."""
    if len(text) > settings.frame_bytes:
        return text
    data = text.encode("utf-8", "surrogatepass")
    await asyncio.sleep(0)
    if len(data) > settings.frame_bytes:
        return text
    read = ReadText()
    taken = 0
    try:
        if held:
            held.take(len(data))
            taken = len(data)
        await check_body(data, limit)
        read.frame = await heavy(lambda: parse(text, multi_agent=settings.multi_agent))
    except RequestError as error:
        read.frame = Invalid(error)
    finally:
        if held:
            held.give_back(taken)
    return read
