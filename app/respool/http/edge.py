"""Edge: the outermost layer.

It gives each request an id, an entry in the journal and a line in the log; it reads the path and checks the
host. It is plain ASGI, since Starlette's BaseHTTPMiddleware costs more than all the rest.
"""

import logging
import re
from collections.abc import Callable, Iterable
from hashlib import sha256

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.errors import RequestError
from respool.http.base_paths import BUILT_IN
from respool.http.hosts import Hosts, misdirected
from respool.http.keys import keys_in
from respool.http.lazy_mount import LazyMount
from respool.http.problems import envelope
from respool.http.request_path import PathReader, RequestPath
from respool.http.request_scope import session_of
from respool.http.sending.checked_head import CHECKED, write_head
from respool.http.sending.connection import OURS, misspelt, read_headers
from respool.http.steering_path import from_query
from respool.server.journal import ENDED, STARTED, Exchange
from respool.server.mock_server import MockServer

logger = logging.getLogger("respool.requests")

_OPERATIONS = frozenset(("/healthz", "/readyz", "/metrics"))  # called by probes, not by clients of the API
_CREATE = "/v1/responses"  # the path of most requests, and none of ours or of a prefix
# The CORS layer adds this to the answer for a request that does not come from a browser's page.
_VARY = ((b"vary", b"Origin"),)
_TURN = re.compile(r"(?P<name>.+)/turns/(?P<turn>[0-9]{1,9})")


class Edge:
    """Wraps the app; see the module.

    `create`, if given, is what answers ``POST /v1/responses``: the same as the app does, without its way
    through FastAPI's layers and router, which costs several times what the answer itself does. `cors` makes
    the layer around it that a browser's request needs; to others it would only add one header. `socket` is
    the same for an upgrade of ``GET /v1/responses``. `admin` is the admin API. Requests to hosts other than
    `hosts` get 421.
    """

    def __init__(
        self,
        app: ASGIApp,
        server: MockServer,
        create: ASGIApp | None = None,
        cors: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        admin: LazyMount | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        self.app = app
        self.server = server
        self.create = create
        self.create_for_browsers = create and cors(create)
        self.socket: ASGIApp | None = None
        self.admin = admin
        self.hosts = hosts
        self.paths = PathReader(BUILT_IN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        query: bytes = scope.get("query_string", b"")
        read: RequestPath | None = None
        if path != _CREATE:
            read = self.paths.read(path, bool(scope.get("root_path")), b"api-version=" in query)
            if read.below_base != path:
                _reroute(scope, read.below_base)
            if (admin := self.admin) is not None:
                if admin.prefix in read.below_base and admin.takes(scope):
                    # What a test asks is not in the journal.
                    await admin(scope, receive, send)
                    return
                if read.below_base[-1:] == "/" and _is_browser_at_home(scope):
                    home = f"{scope.get('root_path', '')}{admin.prefix}/"
                    await RedirectResponse(home)(scope, receive, send)
                    return
        server = self.server
        clock, journal, shared = server.clock, server.journal, server.state.shared
        sent_path = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
        exchange = Exchange(
            scope.get("method", "WEBSOCKET"),
            sent_path.decode("ascii", "backslashreplace"),
            clock.now(),
            address=scope.get("client"),
            raw_query=query,
            raw_headers=scope["headers"],
        )
        scope["respool.exchange"] = exchange
        scope["respool.profile"] = server.profile
        if read is not None and read.path != read.below_base:
            self._take(scope, read)
        if OURS in query and (requested := from_query(query)):
            scope["headers"] = [*scope["headers"], *requested]
        steered, named_hosts = read_headers(scope)
        if steered or "respool.session" in scope:
            exchange.session = session_of(scope)
        if server.session_by == "api-key" and not exchange.session:
            exchange.session = self._session_of_key(scope)
        journal.add(exchange)

        answer = _Answer(send, exchange, server, noted=shared and scope["path"] not in _OPERATIONS)
        app = self.app
        if scope["path"] == _CREATE and not scope.get("root_path"):  # not mounted in another app
            if scope["type"] == "websocket":
                app = self.socket or app
            elif self.create and self.create_for_browsers and scope["method"] == "POST":
                if b"origin" in steered:
                    app = self.create_for_browsers
                else:
                    app, answer.more_headers = self.create, _VARY
        # A browser's request may have put values of its own into the headers of CORS.
        answer.checked = b"origin" not in steered
        if steered and (problem := misspelt(steered)):
            app = envelope(RequestError(problem, code="unknown_header"), profile=server.profile)
        if self.hosts is not None:
            for host in named_hosts:
                if host not in self.hosts:
                    app = misdirected(scope, host)
        try:
            await app(scope, receive, answer.send)
        finally:
            exchange.seconds = clock.now() - exchange.received
            # A health check every few seconds would bury the requests that matter.
            if scope["path"] in _OPERATIONS and exchange.status in (200, 503):
                journal.take_back(exchange)
                logger.debug("%s", exchange)
            else:
                logger.info("%s", exchange)
                if journal.watchers:
                    journal.notify(ENDED, exchange)
                if shared:
                    server.state.note_later(exchange)

    def _session_of_key(self, scope: Scope) -> str:
        """Return the name of the session of the request's API key; "" without a key."""
        keys = keys_in(scope["headers"])
        if not keys:
            return ""
        name = f"key-{sha256(keys[0]).hexdigest()[:16]}"  # nobody should read the key in a list of sessions
        scope["respool.session"] = name
        return name

    def _take(self, scope: Scope, read: RequestPath) -> None:
        """Route a request as its path says."""
        _reroute(scope, read.path)
        if read.session is not None:
            scope["respool.session"] = read.session
        if read.name is not None:
            scope["respool.name"] = self._name(read.name)
        if read.headers:
            scope["headers"] = [*scope["headers"], *read.headers]

    def _name(self, path: str) -> str:
        """Return the name of the recording or turn that ``/r/PATH`` means; `path` itself if there is none."""
        known = self.server.store.get
        if known(path) is not None:
            return path
        for name in (path, path.removesuffix("/openai")):
            if known(name) is not None:
                return name
            if match := _TURN.fullmatch(name):
                turn = f"{match['name']}#{match['turn']}"
                if name == path or known(turn) is not None:
                    return turn
        return path


class _Answer:
    """The answer to one request, on its way through the edge.

    more_headers  are added to its head
    checked       its headers are known to be valid, if whoever made it says so
    """

    # Not a closure, of whose variables each would be an object for as long as the answer takes.
    __slots__ = ("_exchange", "_noted", "_send", "_server", "checked", "more_headers")

    def __init__(self, send: Send, exchange: Exchange, server: MockServer, *, noted: bool) -> None:
        """`noted`: the state notes it, for other servers."""
        self._noted = noted
        self._send = send
        self._exchange = exchange
        self._server = server
        self.more_headers: Iterable[tuple[bytes, bytes]] = ()
        self.checked = False

    async def send(self, message: Message) -> None:
        """Send a message; note the head of the answer, and complete it."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            exchange, server = self._exchange, self._server
            exchange.status = message["status"]
            _set_request_id(message, exchange, self.more_headers)
            if server.journal.watchers:
                server.journal.notify(STARTED, exchange)
            if self._noted:
                await server.state.note(exchange)
            if self.checked and CHECKED in message and write_head(self._send, message):
                return
        await self._send(message)


def _reroute(scope: Scope, path: str) -> None:
    """Give a request another path, and remember that which was sent."""
    scope.setdefault("respool.path", scope["path"])
    scope["path"] = path
    scope["raw_path"] = path.encode()


def _is_browser_at_home(scope: Scope) -> bool:
    """Return whether someone looks at ``/`` with a browser, which is led to the page. Programs get 404."""
    return (
        scope["type"] == "http"
        and scope["path"] in ("/", f"{scope.get('root_path', '')}/")
        and scope["method"] in ("GET", "HEAD")
        and any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
    )


def _set_request_id(message: Message, exchange: Exchange, more: Iterable[tuple[bytes, bytes]]) -> None:
    """Give the answer the exchange's request id, if it has none of its own, and `more` headers."""
    headers = [*message["headers"], *more]
    for name, value in headers:
        if name == b"x-request-id":
            exchange.request_id = value.decode("latin-1")
            break
    else:
        headers.append((b"x-request-id", exchange.request_id.encode("latin-1")))
    message["headers"] = headers
