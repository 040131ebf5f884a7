"""The app for ASGI servers: ``uvicorn respool.asgi:app``.

Settings come from the environment, named as the options of ``respool serve``: RESPOOL_PATHS
(separated as in PATH; default: fixtures), RESPOOL_SPEED, RESPOOL_GAP, RESPOOL_DEFAULT, ...
"""

import os
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    app: FastAPI


def __getattr__(name: str) -> "FastAPI":
    # On first use, not on import: the files are read when a server asks for the app.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from respool.commands.serve import serve
    from respool.http import create_app
    from respool.pace import Pace
    from respool.server import MockServer
    from respool.store import Store

    # The command reads and checks the environment as it does for itself; it is not run.
    arguments = [] if "RESPOOL_PATHS" in os.environ else ["fixtures"]
    with serve.make_context("respool.asgi", arguments, auto_envvar_prefix="RESPOOL") as context:
        options = context.params
    pace = Pace(**{field.name: options[field.name] for field in fields(Pace)})
    server = MockServer(
        Store(options["paths"]),
        pace=pace,
        default=options["default"],
        validate=options["validate_requests"],
    )
    created = create_app(
        server, max_body=options["max_body"], reload=options["reload"], api_keys=options["api_key"]
    )
    globals()["app"] = created
    return created
