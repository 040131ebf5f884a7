"""The app for ASGI servers: ``uvicorn respool.asgi:app``.

Settings come from the environment, named as the options of ``respool serve``: RESPOOL_PATHS
(separated as in PATH; default: fixtures), RESPOOL_SPEED, RESPOOL_GAP, RESPOOL_DEFAULT, ...
"""

import os
import sys
from typing import TYPE_CHECKING, Unpack

from respool.errors import RespoolError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from respool.server.server_options import ServerOptions

    app: FastAPI


def mock_app(*paths: str | os.PathLike[str], **options: "Unpack[ServerOptions]") -> "FastAPI":
    """Return an app that serves the recordings below `paths`, to be called in process or mounted in another.

    The options are those of `MockServer`. Raise what that and `Store` raise.

        transport = httpx.ASGITransport(mock_app("fixtures", default="text/hello"))
        client = AsyncOpenAI(http_client=httpx.AsyncClient(transport=transport), api_key="any")
    """
    from respool.http import create_app
    from respool.recordings.store import Store
    from respool.server.mock_server import MockServer

    return create_app(MockServer(Store(paths), **options))


def __getattr__(name: str) -> "FastAPI":
    # On first use, not on import: the files are read when a server gets the app.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from click import ClickException

    from respool.commands.serve import make_app, serve

    # The command reads and checks the environment as it does for itself; it is not run.
    arguments = [] if "RESPOOL_PATHS" in os.environ else ["fixtures"]
    try:
        with serve.make_context("respool.asgi", arguments, auto_envvar_prefix="RESPOOL") as context:
            options = context.params
        created = make_app(options)[1]
    except (RespoolError, ClickException) as error:
        if not _run_by_a_server():
            raise
        hint = "" if "RESPOOL_PATHS" in os.environ else "; RESPOOL_PATHS names others"
        problem = error.format_message() if isinstance(error, ClickException) else error
        sys.exit(f"respool: {problem}{hint}")  # a server would print a traceback
    globals()["app"] = created
    return created


def _run_by_a_server() -> bool:
    """Return True if this process is an ASGI server's, not a test or a program that imports the app."""
    return os.path.basename(sys.argv[0]) in ("uvicorn", "hypercorn", "granian") or any(
        f"{os.sep}uvicorn{os.sep}" in argument for argument in sys.argv[:1]
    )
