"""The connection below an ASGI request, for what ASGI cannot say: a broken chunk, a reset."""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import cast

from starlette.types import Scope

from respool.errors import printable

# No time to linger: what closes the socket then resets the connection. Windows counts in shorts.
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


# In the scope: `send` as the server gave it, without any layer's wrapping,
SERVER_SEND = "respool.send"
# and a list for what sends the rest of an answer, when the layers that began it have returned.
REST = "respool.rest"


# The headers that steer an answer: most requests have none of them.
_STEERING = frozenset({b"origin", b"content-encoding"})
OURS = b"x-respool-"
# What follows that in the headers of ours: of requests, and "match" of answers.
KNOWN = ("play", "fault", "hold", "pace", "session", "clock", "admin-token", "match")
Steering = Mapping[bytes, Sequence[str]]
_NONE: Steering = MappingProxyType({})


def steering_headers(scope: Scope) -> Steering:
    """Return the values of the headers that steer an answer, by name: none for most requests."""
    found: Steering | None = scope.get("respool.steering")
    return read_headers(scope)[0] if found is None else found


def read_headers(scope: Scope) -> tuple[Steering, Sequence[bytes]]:
    """Read the headers once: return the steering ones, as `steering_headers` does later, and the hosts."""
    found: dict[bytes, list[str]] = {}
    hosts = []
    for key, value in scope["headers"]:
        if key == b"host":
            hosts.append(value)
        elif key in _STEERING or key.startswith(OURS):
            found.setdefault(key, []).append(value.decode("latin-1"))
    scope["respool.steering"] = steering = found or _NONE
    return steering, hosts


def steering(scope: Scope, name: bytes) -> Sequence[str]:
    """Return the values of one of the headers that steer an answer."""
    return steering_headers(scope).get(name, ())


def misspelt(names: Iterable[bytes]) -> str | None:
    """Return what is wrong with these names of headers, if one begins as ours do and is none; else None."""
    for key in names:
        name = key.removeprefix(OURS).decode("latin-1")
        if key.startswith(OURS) and name not in KNOWN:
            nearest = get_close_matches(name[:100], KNOWN, n=1, cutoff=0.5)
            prefix = OURS.decode()
            hint = f"did you mean {prefix}{nearest[0]}?" if nearest else f"known are {', '.join(KNOWN)}."
            return f"There is no header {prefix}{printable(name, 60)}: {hint}"
    return None


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a header. Its name is given in lower case. Starlette's own access takes several
    times as long."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """Return the transport of a request that uvicorn serves; None with another server, or in a test.

    uvicorn's `send` is a method of the object that has it, with httptools and with h11.
    """
    cycle = getattr(scope.get(SERVER_SEND), "__self__", None)
    transport = getattr(cycle, "transport", None)
    return cast("asyncio.Transport | None", transport)


def unsent(transport: asyncio.Transport) -> int:
    """Return the number of bytes that the system has yet to send, or whose arrival is not acknowledged; 0 if
    it does not tell. Source: tcp(7), SIOCOUTQ, which has the number of TIOCOUTQ."""
    sock = transport.get_extra_info("socket")
    if sock is None or sys.platform != "linux":
        return 0
    import fcntl
    import termios

    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except OSError:  # it has gone
        return 0
    return int.from_bytes(answer, sys.byteorder)


async def reset_when_sent(transport: asyncio.Transport) -> None:
    """Reset the connection when the client's machine has all that was written: a reset would throw the rest
    away. A client that does not read is not waited for longer than ten seconds."""
    loop = asyncio.get_running_loop()
    pause, until = 0.001, loop.time() + 10
    # Nobody tells when the system's own buffer is empty.
    while (transport.get_write_buffer_size() or unsent(transport)) and not transport.is_closing():
        if loop.time() > until:
            break
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.1)
    reset(transport)


def reset(transport: asyncio.Transport) -> None:
    """Reset the connection: the other side gets a RST, and what it has not received yet is lost."""
    if transport.is_closing():  # the other side was quicker
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
