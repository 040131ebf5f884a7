"""LazyMount: an ASGI app below a prefix, imported and made at its first request."""

import asyncio
import gc
import threading
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class MadeOnce:
    """The app that `make` makes on first use."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def get(self) -> ASGIApp:
        """Return the app."""
        if self._app is None:  # in a thread: imports take a third of a second, and streams should go on
            return await asyncio.to_thread(self._make_once)
        return self._app

    def _make_once(self) -> ASGIApp:
        with self._lock:
            if self._app is None:
                self._app = self._make()
                if gc.get_freeze_count() > 0:  # what was loaded is not looked at: `commands.serve.steady_gc`
                    gc.freeze()
            return self._app


class LazyMount:
    """The app that `make` makes, below `prefix` ("/name"). Most servers never need it."""

    def __init__(self, prefix: str, make: Callable[[], ASGIApp]) -> None:
        self.prefix = prefix
        self._made = MadeOnce(make)

    def takes(self, scope: Scope) -> bool:
        """Return whether the request is for this app."""
        if self.prefix not in scope["path"] or scope["type"] != "http":
            return False
        return f"{path_in_app(scope)}/".startswith(f"{self.prefix}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = await self.made()
        root = scope.get("root_path", "")
        mounted = {
            **scope,
            "app_root_path": scope.get("app_root_path", root),
            "root_path": root + self.prefix,
        }
        if path_in_app(mounted) == "":
            mounted["path"] += "/"
        await app(mounted, receive, send)

    async def made(self) -> ASGIApp:
        """Return the app."""
        return await self._made.get()


def path_in_app(scope: Scope) -> str:
    """Return the path below that at which the app is mounted, as Starlette has it."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
