"""RequestPath: the parts of a request's path: a base path, a session, a recording, and the API's own path."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from respool.http.base_paths import below_base_path
from respool.http.steering_path import Header, split_path

_MOST = 1024  # paths that are remembered,
_LONGEST = 500  # of at most so many characters


class RequestPath(NamedTuple):
    """The parts of a request's path.

    below_base  the path without a base path
    path        that of the API, as the app routes it
    session     NAME of ``/s/NAME``; None: it names none
    name        what ``/r/`` names, as it was sent; None: it names nothing
    headers     the headers that follow the name, as ``/with/fault=...``
    """

    below_base: str
    path: str
    session: str | None = None
    name: str | None = None
    headers: Sequence[Header] = ()


class PathReader:
    """Reads paths, and remembers what it has read: clients ask the same few again and again."""

    def __init__(self, base_paths: Sequence[str]) -> None:
        self._read = partial(read_path, base_paths=base_paths)
        self._known = lru_cache(_MOST)(self._read)

    def read(self, path: str, mounted: bool, azure: bool) -> RequestPath:
        """Return the parts of a path: see `read_path`."""
        return (self._known if len(path) <= _LONGEST else self._read)(path, mounted, azure)


def read_path(path: str, mounted: bool, azure: bool, base_paths: Sequence[str]) -> RequestPath:
    """Return the parts of a path.

    `mounted`: the app is below a path of another app, and no base path is cut off. `azure`: the query has
    Azure's ``api-version``, which its older paths (``/openai/responses``) need.
    """
    below_base = path
    if not mounted and not path.startswith("/v1/"):
        below_base = below_base_path(path, base_paths) or path
    session, rest = _session(below_base)
    head, found, tail = rest.rpartition("/v1/")
    if not found and azure:
        head, found, tail = rest.rpartition("/openai/")
        head += found.rstrip("/")
    if found and head.startswith("/r/") and head != "/r/":
        name, headers = split_path(head.removeprefix("/r/"))
        return RequestPath(below_base, f"/v1/{tail}", session, name, headers)
    if found and head == "/openai":
        return RequestPath(below_base, f"/v1/{tail}", session)
    return RequestPath(below_base, rest, session)


def _session(path: str) -> tuple[str | None, str]:
    """Return NAME of ``/s/NAME``, or None, and the path without it."""
    if path.startswith("/s/"):
        name, slash, rest = path.removeprefix("/s/").partition("/")
        if name and slash:
            return name, f"/{rest}"
    return None, path
