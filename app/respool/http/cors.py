"""CORS: which pages of browsers may call the API. Those of loopback origins always may."""

import re
from collections.abc import Sequence
from typing import Any

from respool.errors import OptionError, printable

ANY = "*"
_LOOPBACK = r"https?://(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"
_ORIGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/\s?#@]*)/?")


def cors_options(origins: Sequence[str] = ()) -> dict[str, Any]:
    """Return the options of Starlette's CORSMiddleware, for pages of these origins besides the loopback ones.

    An origin is ``https://app.test``, ``app://obsidian.md``, a scheme with any host (``vscode-webview://``),
    ``null`` (pages from files, and sandboxed frames of any page), or ``*``. A preflight that a browser marks
    as one to a private network is answered as the others. Raise OptionError for what is no origin.
    """
    return {
        "allow_origin_regex": "|".join([_LOOPBACK, *map(_pattern, origins)]),
        "allow_methods": ["*"],
        "allow_headers": ["*"],
        "allow_private_network": True,
        "expose_headers": [
            *("x-request-id", "openai-processing-ms", "retry-after", "retry-after-ms", "x-respool-match")
        ],
    }


def _pattern(origin: str) -> str:
    if origin == ANY:
        return r".*"
    if origin == "null":
        return "null"
    match = _ORIGIN.fullmatch(origin)
    if not match or (not match["host"] and match["scheme"].lower() in ("http", "https")):
        raise OptionError(
            f"cors is {printable(origin)}, expected an origin as https://app.test, app://obsidian.md, "
            "vscode-webview:// (any host), null, or *"
        )
    host = re.escape(match["host"].lower()) if match["host"] else r"[^/]*"
    return f"{re.escape(match['scheme'].lower())}://{host}"
