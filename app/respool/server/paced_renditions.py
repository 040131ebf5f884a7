"""PacedRenditions: the renditions of recordings at the server's pace, and at those of stubs and requests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from respool.play.pace import Pace
from respool.play.rendition import RenditionCache, Renditions
from respool.protocol.profiles import Profile
from respool.server.request import Request

if TYPE_CHECKING:
    from respool.match.stubs import Stub

_MOST_PACES = 100  # paces with cached renditions


class PacedRenditions:
    """Renditions by pace. `standard` are those at the server's own; all share one cache."""

    def __init__(
        self, pace: Pace, profile: Profile, keepalive: float | None, framing: str, cache: RenditionCache
    ) -> None:
        self._pace = pace
        self._profile = profile
        self._keepalive = keepalive
        self._framing = framing
        self._cache = cache
        self.standard = Renditions(pace, profile, keepalive, framing, cache)
        self._paced: dict[tuple[Pace, float | None], Renditions] = {}

    def of(self, stub: "Stub | None", request: Request, *, on_socket: bool) -> Renditions:
        """Return the renditions for a request that `stub` answers, if one does."""
        if stub is not None and stub.pace:
            return self.at({**stub.pace, **(request.pace or {})}, on_socket=on_socket)
        if request.pace is None and not on_socket:
            return self.standard
        return self.at(request.pace, on_socket=on_socket)

    def at(self, changes: Mapping[str, Any] | None, *, on_socket: bool = False) -> Renditions:
        """Return the renditions at the server's pace with these changes. On a WebSocket, pings keep a
        connection alive, and no event does."""
        keepalive = None if on_socket else self._keepalive
        if not changes and keepalive == self._keepalive:
            return self.standard
        pace = replace(self._pace, **changes) if changes else self._pace
        key = pace, keepalive
        if key not in self._paced:
            if len(self._paced) >= _MOST_PACES:
                self._paced.clear()
            self._paced[key] = Renditions(pace, self._profile, keepalive, self._framing, self._cache)
        return self._paced[key]
