"""The HTTP floor: the only one that knows FastAPI, sse-starlette and sockets."""

from respool.http.app import create_app

__all__ = ["create_app"]
