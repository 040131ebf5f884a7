import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from respool.errors import OptionError
from respool.http import create_app
from respool.http.admin.security import Secured, foreign, is_local
from respool.server.mock_server import MockServer

Admin = Callable[..., Any]
SESSIONS = "/__admin/sessions"
TOKEN = "0123456789-right"


def test_a_server_has_the_admin_api_unless_it_is_turned_off(admin: Admin) -> None:
    assert admin().get(SESSIONS).status_code == 200
    assert admin(admin=False).get(SESSIONS).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"x-respool-admin-token": TOKEN},
        {"x-respool-admin-token": TOKEN, "authorization": "Bearer sk-of-the-client"},
    ],
)
def test_the_token_opens_the_admin_api(headers: dict[str, str], admin: Admin) -> None:
    assert admin(admin_token=TOKEN).get(SESSIONS, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"x-respool-admin-token": TOKEN[:-1]},
        {"x-respool-admin-token": ""},
    ],
)
def test_without_the_token_nothing_is_told(headers: dict[str, str], admin: Admin) -> None:
    answer = admin(admin_token=TOKEN).get(SESSIONS, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_admin_token")
    assert TOKEN not in answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_token_of_the_admin_api_opens_nothing_else(admin: Admin) -> None:
    client = admin(admin_token=TOKEN, api_keys=["sk-1"])
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/v1/models", headers=headers).status_code == 401
    assert client.get(SESSIONS, headers={"authorization": "Bearer sk-1"}).status_code == 401


def test_the_description_needs_no_token(admin: Admin) -> None:
    client = admin(admin_token=TOKEN)
    assert client.get("/__admin/docs").status_code == 200
    assert client.get("/__admin/openapi.json").status_code == 200


@pytest.mark.parametrize("token", ["", "with space", "é", "line\nend"])
def test_a_token_that_no_header_carries_is_refused_at_the_start(
    token: str, server: Callable[..., MockServer]
) -> None:
    with pytest.raises(OptionError, match="the admin token is empty or has characters"):
        create_app(server(), admin_token=token)


LOCAL = "localhost:8080"


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"host": LOCAL}, False),
        ({"host": "mock:8080"}, False),
        ({"host": LOCAL, "origin": f"http://{LOCAL}"}, False),
        ({"host": LOCAL, "origin": f"https://{LOCAL}"}, False),
        ({"host": LOCAL, "origin": "http://LOCALHOST:8080", "sec-fetch-site": "same-origin"}, False),
        ({"host": LOCAL, "sec-fetch-site": "none"}, False),
        ({"host": "[::1]:8080", "origin": "http://[::1]:8080"}, False),
        ({"host": LOCAL, "origin": "http://localhost:3000"}, True),
        ({"host": LOCAL, "origin": "https://evil.example"}, True),
        ({"host": LOCAL, "origin": "null"}, True),
        ({"host": LOCAL, "origin": ""}, True),
        ({"host": LOCAL, "origin": "http://[::1"}, True),
        ({"host": LOCAL, "sec-fetch-site": "cross-site"}, True),
        ({"host": LOCAL, "sec-fetch-site": "same-site"}, True),
        ({"host": LOCAL, "sec-fetch-site": "cross-site", "origin": f"http://{LOCAL}"}, True),
        # A foreign name that was made to lead here.
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080"}, True),
        ({"host": "evil.example:8080", "sec-fetch-site": "same-origin"}, True),
    ],
)
def test_a_page_of_another_origin_is_refused(headers: dict[str, str], refused: bool) -> None:
    assert bool(foreign(Headers(headers), trusts_names=False)) is refused


def test_with_a_token_a_browser_may_use_any_name_of_the_server() -> None:
    headers = Headers({"host": "mock.example", "origin": "https://mock.example"})
    assert foreign(headers, trusts_names=False)
    assert not foreign(headers, trusts_names=True)
    assert foreign(Headers({"host": "mock.example", "origin": "https://evil.example"}), trusts_names=True)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("app.localhost:1", True),
        ("127.0.0.1:8080", True),
        ("[::1]", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_addresses_and_localhost_are_names_that_nobody_else_has(host: str, local: bool) -> None:
    assert is_local(host) is local


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_no_answer_lets_another_origin_in(method: str, admin: Admin) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    answer = admin().request(method, SESSIONS, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_write_needs_a_content_type_that_a_foreign_page_cannot_send(kind: str, admin: Admin) -> None:
    client = admin()
    client.ask(session="s")
    answer = client.post("/__admin/reset", content=b'{"session": "s"}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert "expected application/json" in answer.json()["error"]["message"]
    assert len(client.server.journal) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(chunked: bool, admin: Admin) -> None:
    body = b'{"session": "%s"}' % (b"x" * 2000)
    content = iter([body[:1500], body[1500:]]) if chunked else body
    client = admin(max_body=1000)
    answer = client.post("/__admin/reset", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "The body is larger than 1000 bytes."


def test_what_an_admin_asks_is_not_in_the_journal(admin: Admin) -> None:
    client = admin()
    client.get(SESSIONS)
    client.get("/__admin/nothing")
    assert len(client.server.journal) == 0


async def test_a_defect_is_logged_and_tells_nothing(
    call: Callable[..., Any], settle: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("secret")

    with caplog.at_level(logging.ERROR):
        asked = call(Secured(broken, None, 1000), "/x", method="GET")
        await settle()
    assert asked.status == 500
    assert b"secret" not in asked.body
    assert "ZeroDivisionError" in caplog.text


async def test_a_defect_in_the_midst_of_an_answer_only_ends_it(
    call: Callable[..., Any], settle: Callable[[], Any]
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        raise ZeroDivisionError

    asked = call(Secured(broken, None, 1000), "/x", method="GET")
    await settle()
    assert [message["type"] for message in asked.sent] == ["http.response.start"]
