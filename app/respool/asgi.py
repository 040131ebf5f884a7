"""The app for ASGI servers: ``uvicorn respool.asgi:app``.

Settings come from the environment, named as the options of ``respool serve``: RESPOOL_PATHS
(separated as in PATH; default: fixtures), RESPOOL_SPEED, RESPOOL_GAP, RESPOOL_DEFAULT, ...
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    app: FastAPI


def __getattr__(name: str) -> "FastAPI":
    # On first use, not on import: the files are read when a server asks for the app.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from respool.cli import serve
    from respool.http import create_app
    from respool.pace import Pace
    from respool.server import MockServer
    from respool.store import Store

    paths = os.environ.get("RESPOOL_PATHS", "fixtures").split(os.pathsep)
    # The command parses and checks the environment as it does for itself, and is not run.
    with serve.make_context("respool.asgi", list(paths), auto_envvar_prefix="RESPOOL") as context:
        options = context.params
    pace = Pace(**{field: options[field] for field in Pace.__slots__})
    server = MockServer(Store(paths), pace=pace, default=options["default"])
    globals()["app"] = create_app(server, max_body=options["max_body"], reload=options["reload"])
    return app
