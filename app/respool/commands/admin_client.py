"""AdminClient: requests of commands to the admin API of a running server."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import click

from respool.errors import OptionError, RespoolError, printable

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT = 30.0  # seconds

F = TypeVar("F", bound=Callable[..., Any])


class AdminClient:
    """A client of the admin API at `url`. Raise OptionError for an invalid URL."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"url is {printable(url)}, expected {DEFAULT_URL}")
        self._base = url.rstrip("/").removesuffix("/v1")
        self._headers = {"x-respool-admin-token": token} if token else {}
        self._opener = build_opener(ProxyHandler({}))  # a proxy is never used for a test server

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float = 0.0,
        **query: Any,
    ) -> Any:
        """Send a request, and return the answer. `timeout` is added to the usual timeout, in seconds.

        Raise RespoolError with the message of an error.
        """
        encoded = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
        url = f"{self._base}/__admin{path}{'?' if encoded else ''}{encoded}"
        headers = {**self._headers, "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=_TIMEOUT + timeout) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise RespoolError(_message(error)) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise RespoolError(f"no answer from {self._base}: {reason}; does respool serve there?") from None
        except ValueError:
            raise RespoolError(f"{self._base} has no admin API of Respool") from None


def _message(error: HTTPError) -> str:
    try:
        return printable(str(json.load(error)["error"]["message"]), 1000)
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answers {error.code}; is there an admin API?"


def admin_options(command: F) -> F:
    """Add the options for the address of the server."""
    url = click.option("--url", default=DEFAULT_URL, show_default=True, help="The server.")
    token = click.option(
        "--admin-token", metavar="TOKEN", envvar="RESPOOL_ADMIN_TOKEN", help="The token of its admin API."
    )
    return url(token(command))
