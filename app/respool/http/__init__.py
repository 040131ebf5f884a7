"""The HTTP floor: the only one that knows FastAPI, sse-starlette and sockets.

FastAPI takes half of the time in which a server starts, so `create_app` is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from respool.http.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from respool.http.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
