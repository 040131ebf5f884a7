"""To which names a server answers."""

from collections.abc import Callable
from typing import Any

import pytest

from respool.errors import OptionError
from respool.http import create_app
from respool.http.hosts import Hosts, allowed_hosts
from respool.server.mock_server import MockServer

LOOPBACK = ["127.0.0.1", "127.0.0.1:8080", "127.1.2.3:1", "localhost", "LOCALHOST:80", "localhost.:80",
            "a.localhost:9", "[::1]", "[::1]:8080"]  # fmt: skip
FOREIGN = ["evil.com", "evil.com:8080", "127.0.0.1.evil.com", "localhost.evil.com", "notlocalhost", "",
           "10.0.0.1", "[::2]",
           "evil.com:80:80", "a@localhost", "localhost/", "x" * 1000, "\xe9"]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_answers_to_its_own_names(host: str) -> None:
    assert host.encode("latin-1") in Hosts(loopback=True)


@pytest.mark.parametrize("host", FOREIGN)
def test_loopback_answers_to_no_other_name(host: str) -> None:
    assert host.encode("latin-1") not in Hosts(loopback=True)


@pytest.mark.parametrize(
    ("allowed", "host", "answered"),
    [
        ("mock.test", b"mock.test:8080", True),
        ("MOCK.test", b"mock.TEST", True),
        ("mock.test", b"a.mock.test", False),
        ("*.mock.test", b"a.mock.test", True),
        ("*.mock.test", b"a.b.mock.test", True),
        ("*.mock.test", b"amock.test", False),
        ("*", b"evil.com", True),
        ("10.0.0.1", b"10.0.0.1:80", True),
        ("[::2]", b"[::2]:80", True),
        ("mock.test", b"127.0.0.1", True),
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", None])
def test_names_may_be_allowed(allowed: str, host: bytes, answered: bool, address: str | None) -> None:
    assert (host in allowed_hosts(address, [allowed])) is answered


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", None])
def test_what_listens_elsewhere_answers_to_all_unless_names_are_given(address: str | None) -> None:
    assert b"anything.example" in allowed_hosts(address, [])


@pytest.mark.parametrize("name", ["", "a b", "http://a", "a:80", "a/b", "*a", "\u202e"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="expected a name or address without a port"):
        Hosts([name], loopback=True)


PATHS = ["/v1/responses", "/v1/models", "/r/a/v1/responses", "/healthz", "/docs", "/openai/v1/responses"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("origin", [(), [("origin", "http://evil.com")]])
async def test_every_path_is_closed_to_other_hosts(
    path: str, method: str, origin: list[tuple[str, str]], server: Callable[..., MockServer], call: Any
) -> None:
    app = create_app(server(), hosts=Hosts(loopback=True))
    answer = call(app, path, headers=[("host", "evil.com:8080"), *origin], method=method)
    await answer.task
    assert (answer.status, answer.json["error"]["code"]) == (421, "host_not_allowed")
    assert "--allow-host" in answer.json["error"]["message"]
    assert "access-control-allow-origin" not in answer.headers


async def test_a_request_that_names_no_host_is_answered(server: Callable[..., MockServer], call: Any) -> None:
    answer = call(create_app(server(), hosts=Hosts(loopback=True)), "/v1/models", method="GET")
    await answer.task
    assert answer.status == 200
