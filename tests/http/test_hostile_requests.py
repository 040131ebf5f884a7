"""Requests made to fool a server: smuggled ones, paths that lead elsewhere, forged headers and log lines."""

import json
import logging
import math
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from respool import RunningServer, running_server
from respool.errors import printable
from respool.play.pace import Pace

FIXTURE = Path(__file__).parents[2] / "fixtures/text/hello.jsonl"
HOST = b"host: localhost\r\n"
HIDDEN = b"GET /v1/models?hidden HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("top") / "recordings"
    folder.mkdir()
    (folder.parent / "secret.jsonl").write_text(FIXTURE.read_text("utf-8"), "utf-8")
    (folder / "hello.jsonl").write_text(FIXTURE.read_text("utf-8"), "utf-8")
    with running_server(folder, pace=Pace(speed=math.inf)) as server:
        yield server


@pytest.fixture(autouse=True)
def _forget(running: RunningServer) -> None:
    running.server.journal.clear()


def send(running: RunningServer, data: bytes) -> bytes:
    """Send these bytes, and read to the end."""
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), 20) as sock:
        sock.sendall(data)
        got = b""
        while part := sock.recv(65536):
            got += part
        return got


SMUGGLED = {
    "a length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"content-length: 2\r\ncontent-length: %d\r\n\r\n{}" % (2 + len(HIDDEN)),
    "lengths in a list": b"content-length: 2, %d\r\n\r\n{}" % (2 + len(HIDDEN)),
    "a length with a sign": b"content-length: +2\r\n\r\n{}",
    "a negative length": b"content-length: -2\r\n\r\n{}",
    "a length in hexadecimal": b"content-length: 0x2\r\n\r\n{}",
    "an unknown coding": b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"content-length : 2\r\n\r\n{}",
    "a folded header": b"x: a\r\n content-length: 0\r\n\r\n{}",
    "a chunk's size that is none": b"transfer-encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk that is too long": b"transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("head", SMUGGLED.values(), ids=SMUGGLED)
def test_no_request_hides_behind_another(head: bytes, running: RunningServer) -> None:
    got = send(running, b"POST /v1/responses HTTP/1.1\r\n" + HOST + head + HIDDEN)
    # In the middle of a body there is no answer any more, the connection is closed.
    assert got[:13] in (b"HTTP/1.1 400 ", b"")
    assert got.count(b"HTTP/1.1 ") <= 1
    assert "hidden" not in " ".join(exchange.query for exchange in running.server.journal)


def test_a_request_in_a_body_is_its_text(running: RunningServer) -> None:
    length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(HIDDEN)
    got = send(running, b"POST /v1/responses HTTP/1.1\r\n" + HOST + length + HIDDEN)
    assert got.count(b"HTTP/1.1 ") == 1
    assert len(running.server.journal) == 1


PATHS = (
    "/r/../secret/v1/responses",
    "/r/%2e%2e/secret/v1/responses",
    "/r/..%2fsecret/v1/responses",
    "/r/%2e%2e%5csecret/v1/responses",
    "/r/hello/../../secret/v1/responses",
    "/r/./../secret/v1/responses",
    "/r//secret/v1/responses",
    "/r/..%c0%afsecret/v1/responses",
    "/r/secret.jsonl/v1/responses",
    "/r/hello%00/../secret/v1/responses",
    "/r/%2fetc%2fpasswd/v1/responses",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_folder(path: str, running: RunningServer) -> None:
    request = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    got = send(running, request.encode())
    assert got.split()[1] in (b"404", b"400")
    assert b"root:" not in got


@pytest.mark.parametrize(
    "path", ["/__admin/static/../../app.py", "/__admin/..%2f..%2fapp.py", "/docs/assets/..%2f..%2fapp.py"]
)
def test_no_path_leads_out_of_the_files_of_a_page(path: str, running: RunningServer) -> None:
    got = send(running, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    assert got.split()[1] in (b"404", b"400", b"307")
    assert b"import" not in got


@pytest.mark.parametrize(
    "ask",
    [
        (
            "POST",
            "/r/hello/v1/responses",
            'x-respool-fault: status(code=503, message="a\\r\\nset-cookie: b=c")',
        ),
        ("POST", "/r/hello%0d%0aset-cookie:%20b=c/v1/responses", "x: y"),
        ("GET", "/v1/responses/a%0d%0aset-cookie:%20b=c", "x: y"),
        ("GET", "/v1/models/a%0d%0aset-cookie:%20b=c", "x: y"),
        ("OPTIONS", "/v1/responses", "origin: http://localhost%0d%0aset-cookie: b=c"),
        ("POST", "/v1/responses", "x-respool-play: a%0d%0aset-cookie: b=c"),
        ("POST", "/v1/responses", "x-respool-session: a%0d%0aset-cookie: b=c"),
    ],
    ids=lambda ask: f"{ask[0]} {ask[1]} {ask[2]}"[:60],
)
def test_no_header_is_forged(ask: tuple[str, str, str], running: RunningServer) -> None:
    method, path, header = ask
    request = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n"
    got = send(running, f"{request}content-length: 2\r\n\r\n{{}}".encode())
    assert got.startswith(b"HTTP/1.1 ")
    head = got.partition(b"\r\n\r\n")[0]
    assert b"set-cookie:" not in head.lower().replace(b"%0d%0aset-cookie:", b"")


@pytest.mark.parametrize(
    "text", ["a%0a12:00:00 FORGED", "a%1b[31mred", "a%e2%80%aegnp", "a%0d%0aFORGED", "a%00"]
)
def test_no_line_of_the_log_is_forged(
    text: str, running: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "respool")
    for method, path in (("POST", f"/r/{text}/v1/responses"), ("GET", f"/v1/responses/{text}")):
        path = path.replace(" ", "%20")
        request = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-client-request-id: a\x1b[31m\r\n"
        send(running, f"{request}connection: close\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    body = json.dumps({"model": "a\n12:00:00 FORGED \x1b[31m\u202e", "input": "x"}).encode()
    head = (
        b"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    )
    send(running, head % len(body) + body)
    lines = [record.getMessage() for record in caplog.records if record.name == "respool"]
    assert lines
    assert [printable(line, 5000) for line in lines] == lines
