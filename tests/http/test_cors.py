import re
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from respool.errors import OptionError
from respool.http import create_app
from respool.http.cors import cors_options
from respool.server.mock_server import MockServer

APPS = ["app://obsidian.md", "vscode-webview://x", "chrome-extension://abc", "tauri://localhost", "null"]


def preflight(client: TestClient, origin: str, **headers: str) -> tuple[int, str | None, str | None]:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-lang",
    }
    answer = client.options("/v1/responses", headers={**asked, **headers})
    allowed = answer.headers.get("access-control-allow-origin")
    return answer.status_code, allowed, answer.headers.get("access-control-allow-private-network")


@pytest.mark.parametrize("origin", [*APPS, "https://app.test"])
def test_pages_of_other_origins_may_call_it_only_where_they_are_named(
    origin: str, server: Callable[..., MockServer]
) -> None:
    asking = server()
    assert preflight(TestClient(create_app(asking)), origin)[0] == 400
    client = TestClient(create_app(asking, cors=[origin]))
    assert preflight(client, origin)[:2] == (200, origin)
    answer = client.get("/v1/models", headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin


def test_a_loopback_page_may_come_from_a_less_private_network(server: Callable[..., MockServer]) -> None:
    client = TestClient(create_app(server()))
    private = {"access-control-request-private-network": "true"}
    origin = "http://localhost:3000"
    assert preflight(client, origin, **private) == (200, origin, "true")
    assert preflight(client, "https://evil.test", **private)[0] == 400


@pytest.mark.parametrize(
    ("given", "origin", "allowed"),
    [
        ("vscode-webview://", "vscode-webview://anything", True),
        ("vscode-webview://", "vscode-webview://a/b", False),
        ("https://app.test", "https://app.test.evil.test", False),
        ("https://app.test", "http://app.test", False),
        ("https://a.test", "https://aXtest", False),
        ("HTTPS://App.Test/", "https://app.test", True),
        ("*", "https://any.test", True),
        ("null", "nullx", False),
    ],
)
def test_an_origin_is_that_one_alone(given: str, origin: str, allowed: bool) -> None:
    pattern = cors_options([given])["allow_origin_regex"]
    assert bool(re.fullmatch(pattern, origin)) is allowed


@pytest.mark.parametrize(
    "origin", ["", "app.test", "https://", "https://a.test/path", "https://a b", "http:"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(OptionError, match="expected an origin as"):
        cors_options([origin])
