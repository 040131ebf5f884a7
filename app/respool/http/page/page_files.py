"""PageFiles: the files of the page, as an ASGI app. They are few and small, so all are kept in memory."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from respool.errors import RequestError, printable
from respool.http.problems import envelope

INDEX = "index.html"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Recordings are untrusted. Even if one became markup, nothing in it could run, load or send anything:
# scripts and styles come from files alone, and no text can be turned into HTML (trusted types).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # asked again each time: a new Respool has new files, under the same names
}


class PageFiles:
    """Serves the files of the page, by their names. A name is looked up, and never becomes a path."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for file in files("respool.http.page").joinpath("static").iterdir():
            dot = file.name.rfind(".")
            if file.is_file() and (kind := _KINDS.get(file.name[dot:])):
                content = file.read_bytes()
                self._files[file.name] = content, kind, f'"{sha256(content).hexdigest()[:32]}"'

    @property
    def names(self) -> list[str]:
        """The names of the files."""
        return sorted(self._files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        await self.response(HTTPRequest(scope), name)(scope, receive, send)

    def response(self, http: HTTPRequest, name: str) -> Response:
        """Return the answer for one file; 304 if the browser has it."""
        if http.method not in ("GET", "HEAD") or name not in self._files:
            wrong = 404 if name not in self._files else 405
            return envelope(
                RequestError(f"The page has no {http.method} {printable(name)}.", status=wrong), dict(HEADERS)
            )
        content, kind, etag = self._files[name]
        headers = {**HEADERS, "etag": etag}
        if http.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers={**headers, "content-type": kind})
