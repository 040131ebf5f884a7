"""The probes ``/healthz`` and ``/readyz``: whether a server runs, and whether it wants requests."""

from typing import Any

from starlette.responses import JSONResponse, Response

from respool.server.mock_server import MockServer


def health(server: MockServer) -> Response:
    """Return the answer to ``/healthz``: the numbers of recordings, and the state of the store."""
    store = server.store
    found: dict[str, Any] = {"status": "ok", "recordings": len(store.names), "refused": len(store.refused)}
    if server.state.shared:
        found["state"] = server.state.problem or "ok"
    return JSONResponse(found)


def readiness(server: MockServer, *, ending: bool) -> Response:
    """Return the answer to ``/readyz``: 200, or 503 with the reason."""
    reason = "it is ending" if ending else server.state.not_ready
    if reason:
        return JSONResponse({"status": "not ready", "reason": reason}, 503)
    return JSONResponse({"status": "ready"})
