"""Accessors of what the edge has put into the scope of a request: its exchange, its session, and names."""

from typing import cast

from starlette.requests import Request as HTTPRequest
from starlette.types import Scope

from respool.http.sending.connection import steering
from respool.server.journal import Exchange
from respool.server.request import PLAY_HEADER, SESSION_HEADER

_PLAY_HEADER = PLAY_HEADER.encode()
_SESSION_HEADER = SESSION_HEADER.encode()


def exchange_of(scope: Scope) -> Exchange:
    """Return the journal's entry for a request."""
    return cast(Exchange, scope["respool.exchange"])


def session_of(scope: Scope) -> str:
    """Return the name of a request's session, from its path or ``x-respool-session``; "" for the default
    session."""
    named: str | None = scope.get("respool.session")
    if named is None:
        values = steering(scope, _SESSION_HEADER)
        named = values[0].encode("latin-1").decode("utf-8", "replace") if values else ""
        scope["respool.session"] = named
    return named


def name_in_path(scope: Scope) -> str | None:
    """Return the name in ``/r/NAME``; None if there is none."""
    return scope.get("respool.name")


def in_path(http: HTTPRequest, name: str) -> str:
    """Return a parameter of the route's path.

    For one that a function declares, as for what it returns (so ``response_model=None``), FastAPI makes a
    pydantic field, and for the first field it imports pydantic.v1. Nothing here needs that, and it takes most
    of the time in which the app is made.
    """
    return cast(str, http.path_params[name])


def name_in_header(scope: Scope) -> str | None:
    """Return the name in ``x-respool-play``; None if there is none.

    ASGI gives header values as Latin-1, and names are UTF-8.
    """
    for value in steering(scope, _PLAY_HEADER):
        return value.encode("latin-1").decode("utf-8", "replace")
    return None
