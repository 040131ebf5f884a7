"""Sockets that listen, and where clients find them."""

import os
import socket
import stat
import sys

BACKLOG = 2048  # connections that are not accepted yet, as uvicorn has it


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; `port` 0 picks a free one. Raise OSError."""
    return _listening(host, port)


def bind_path(path: str) -> socket.socket:
    """Return a listening Unix socket; the stale one of a process that has ended is replaced. Raise
    OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_over(path):
            os.unlink(path)
        sock.bind(path)
        sock.listen(BACKLOG)
        sock.set_inheritable(True)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_left_over(path: str) -> bool:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def bind_each(host: str, port: int, count: int) -> list[socket.socket]:
    """Return a listening socket for each of `count` processes, all on one port. Raise OSError.

    On Linux each process has its own, and the kernel deals the connections out evenly: of 200, two processes
    got 95 to 105. Elsewhere SO_REUSEPORT does not mean that, so they share one, and the first to wake takes
    what is there: of 200 at once, one got 37 and the other 163.
    """
    if count == 1 or sys.platform != "linux":
        return [bind(host, port)] * count
    with bind(host, port) as first:  # where another process listens this fails; a shared port never would
        port = first.getsockname()[1]
    made: list[socket.socket] = []
    try:
        made.extend(_listening(host, port, socket.SO_REUSEPORT) for _ in range(count))
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return made


def address_of(host: str) -> str | None:
    """Return the address that `bind` takes for a name; None for one that leads nowhere."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return str(socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError, TypeError):  # uvloop and Python differ
        return None


def url_of(sock: socket.socket) -> str:
    """Return the base URL of a socket that listens, without a path."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listening(host: str, port: int, *options: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in (socket.SO_REUSEADDR, *options):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.set_inheritable(True)
    except BaseException:
        sock.close()
        raise
    return sock
