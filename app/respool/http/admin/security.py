"""Secured: the token of the admin API, and its limits on requests.

A server on a loopback address can be reached by every page that a developer's browser shows. So a request
that a browser says is of another origin is refused, there are no CORS headers, and a write must have a
content type that a page cannot send without asking first. Without a token, a browser must have reached the
server by a name that is this machine's, or by an address: a foreign name may be made to lead here (DNS
rebinding), and its pages then look like our own.
"""

import ipaddress
import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError, printable
from respool.http.keys import Keys, keys_in
from respool.http.problems import envelope

logger = logging.getLogger("respool.admin")

TOKEN_HEADER = "x-respool-admin-token"

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Those that a page on another origin can send without a preflight. Source: fetch.spec.whatwg.org,
# "CORS-safelisted request-header".
_SIMPLE = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
# What describes the API and the files of the page are no secrets, and a browser cannot show a token for them.
_OPEN = ("/docs", "/openapi.json", "/page/")
_CHALLENGE = {"www-authenticate": 'Bearer realm="Respool admin"'}
_INTERNAL = RequestError(
    "The admin API had an error. Respool's log tells more.", status=500, type="server_error"
)


class Secured:
    """Wraps the admin API: checks origin, token and content type, and limits bodies to `max_body` bytes.

    Raise OptionError for a token that no header can carry.
    """

    def __init__(self, app: ASGIApp, token: str | None, max_body: int) -> None:
        self.app = app
        self._keys = None if token is None else Keys([token], "the admin token")
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            challenge = _CHALLENGE if refusal.status == 401 else None
            logger.warning("refused %s %s: %s", scope["method"], printable(scope["path"]), refusal.message)
            await envelope(refusal, challenge)(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, self._limited(receive), noting)
        except Exception:
            logger.exception("internal error in %s %s", scope["method"], printable(scope["path"]))
            if not started:
                await envelope(_INTERNAL)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> RequestError | None:
        if problem := foreign(headers, trusts_names=self._keys is not None):
            return RequestError(problem, status=403, code="foreign_origin")
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if (
            self._keys
            and path not in ("", "/")
            and not path.startswith(_OPEN)
            and not self._keys.has_one_of(tokens_in(scope["headers"]))
        ):
            return RequestError(
                f"The admin API needs its token: authorization: Bearer TOKEN, or {TOKEN_HEADER}: TOKEN.",
                status=401,
                code="invalid_admin_token",
            )
        if scope["method"] in _WRITES:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
            if kind in _SIMPLE or (has_body and not kind):
                return RequestError(
                    f"The content type is {printable(kind) or 'missing'}; expected application/json "
                    "(with curl: -H 'content-type: application/json').",
                    status=415,
                    code="unsupported_content_type",
                )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:15]) > self._max_body:
            return _too_large(self._max_body)
        return None

    def _limited(self, receive: Receive) -> Receive:
        size = 0

        async def limited() -> Message:
            nonlocal size
            try:
                message = await receive()
            except RequestError as refused:  # FastAPI would make another one of it
                raise HTTPException(refused.status, refused.message) from None
            size += len(message.get("body", b""))
            if size > self._max_body:
                error = _too_large(self._max_body)
                raise HTTPException(error.status, error.message)
            return message

        return limited


def foreign(headers: Headers, *, trusts_names: bool) -> str:
    """Return why a request is refused as one of another origin's page; "" if it is not. With `trusts_names`,
    a browser may have reached the server by any name."""
    site, origin, host = headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host", "")
    if site not in (None, "same-origin", "none"):
        return f"The admin API cannot be used from another origin (sec-fetch-site: {printable(site)})."
    # By host and port alone: behind a proxy that has TLS, the scheme is not known here.
    if origin is not None and _netloc(origin) != host.lower():
        return f"The admin API cannot be used from another origin (origin: {printable(origin)})."
    if (site or origin) and not trusts_names and not is_local(host):
        return (
            f"The admin API cannot be used by a browser under the name {printable(host)}: use localhost or "
            "an address, or set --admin-token."
        )
    return ""


def is_local(host: str) -> bool:
    """Return whether a Host header names an address, or this machine by a name that no one else can have."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def tokens_in(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the tokens that a request shows."""
    given = list(headers)
    own = TOKEN_HEADER.encode()
    return [*keys_in(given), *(value.strip() for name, value in given if name == own)]


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _too_large(limit: int) -> RequestError:
    return RequestError(f"The body is larger than {limit} bytes.", status=413, code="request_too_large")
