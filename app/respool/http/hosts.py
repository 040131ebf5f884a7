"""Which names a server answers to, against DNS rebinding.

Any page can make its own name resolve to 127.0.0.1, and then read a server there as if it were its own.
Its requests still say its name in ``Host``: so a server on loopback answers to loopback's names only.
Source: RFC 9110, section 7.2 and 15.5.20 (421 Misdirected Request).
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from respool.errors import OptionError, RequestError, printable
from respool.http.problems import envelope, profile_of

ANY = "*"
_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_.-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?|\*")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[^:\[\]@/\s]{1,253})(:[0-9]{0,5})?")


class Hosts:
    """The names and addresses to which a server answers."""

    def __init__(self, allowed: Iterable[str] = (), *, loopback: bool) -> None:
        """`allowed` are more names: ``NAME``, ``*.NAME`` for all below it, or ``*`` for any. With `loopback`,
        those of this machine's loopback are among them; without it and without `allowed`, all are.
        Raise OptionError for what is no name."""
        names = [_checked(name) for name in allowed]
        self._any = ANY in names or not (names or loopback)
        self._names = frozenset(names)
        self._below = tuple(name[1:] for name in names if name.startswith("*."))
        self._knows = lru_cache(256)(self._look_up)

    def __contains__(self, host: bytes) -> bool:
        """Return True if a value of the header ``Host`` is one of them."""
        return self._any or (len(host) <= 300 and self._knows(host))

    def _look_up(self, host: bytes) -> bool:
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match[1].decode("latin-1").lower().strip("[]").removesuffix(".")
        return is_loopback_name(name) or name in self._names or name.endswith(self._below)


class RequireHost:
    """Wraps an app: requests to other hosts get 421."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        for name, value in scope["headers"]:
            if name == b"host" and value not in self.hosts:
                app = misdirected(scope, value)
        await app(scope, receive, send)


def misdirected(scope: Scope, host: bytes) -> ASGIApp:
    """Return the answer to a request to another host."""
    shown = printable(host.decode("latin-1"), 100)
    error = RequestError(
        f"This server does not answer to the host {shown}, so that no other site's page reads it: "
        "ask it as 127.0.0.1 or localhost, or start it with --allow-host NAME.",
        status=421,
        code="host_not_allowed",
    )
    return envelope(error, profile=profile_of(scope))


def is_loopback_name(name: str) -> bool:
    """Return True if a name or address, in lower case and without brackets, is this machine's loopback."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or (":" in name and not _is_address(name.strip("[]"))):
        raise OptionError(
            f"allow-host is {printable(repr(name), 60)}, expected a name or address without a port, "
            "*.NAME, or * for any"
        )
    return name.lower().strip("[]").removesuffix(".")


def allowed_hosts(address: str | None, allowed: Sequence[str]) -> Hosts:
    """Return the hosts of a server that listens on `address`, an IP address; None: not known. Raise
    OptionError."""
    loopback = address is not None and is_loopback_name(address)
    return Hosts(allowed, loopback=loopback or (bool(allowed) and address is None))
