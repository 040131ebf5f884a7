"""``respool serve`` with bounds, over real sockets: what docs/cli.md says of `--max-streams`,
`--max-connections`, `--idle-timeout`, `--drain`, and of a client that does not read."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from state_servers import ServerProcess

Start = Callable[..., ServerProcess]
REQUEST = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
STREAM = {"model": "a", "stream": True}
HOLD = {"x-respool-hold": "after=response.created"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Serve one recording: a stream of 10,000 events, some MB, at once."""
    response = {"id": "resp_1", "object": "response", "output": [], "status": "completed"}
    kinds = ["response.created", *["response.output_text.delta"] * 10_000, "response.completed"]
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "a.jsonl").write_text(
        "\n".join(
            json.dumps([0.0, {"type": kind, "sequence_number": n, "delta": "x" * 500, "response": response}])
            for n, kind in enumerate(kinds)
        )
    )
    with ExitStack() as stack:

        def run(*options: str) -> ServerProcess:
            server = ServerProcess(tmp_path / "recordings", *options, log=tmp_path / "log")
            stack.callback(server.kill)
            server.wait_until_ready()
            return server

        yield run


def finish(server: ServerProcess) -> None:
    """Let the stream go that is held."""
    waited = httpx2.get(f"{server.url}/__admin/wait", params={"for": "playback.held"}, timeout=60).json()
    id_ = waited["playback"]["id"]
    httpx2.post(f"{server.url}/__admin/playbacks/{id_}/finish", json={}, timeout=60).raise_for_status()


def connect(server: ServerProcess, buffer: int | None = None) -> socket.socket:
    sock = socket.socket()
    sock.settimeout(60)
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.connect(("127.0.0.1", server.port))
    return sock


def test_more_streams_than_max_streams_are_refused_until_one_has_ended(start: Start) -> None:
    server = start("--max-streams", "1")
    url = f"{server.url}/v1/responses"
    with httpx2.stream("POST", url, json=STREAM, headers=HOLD, timeout=60) as held:
        refused = httpx2.post(url, json=STREAM)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_streams")
        assert "--max-streams" in refused.json()["error"]["message"]
        assert httpx2.post(url, json={"model": "a"}).status_code == 200  # no stream
        finish(server)
        assert held.read().endswith(b"\n\n")
    assert httpx2.post(url, json=STREAM).status_code == 200


def test_so_many_connections_as_max_connections_are_served_and_the_next_is_answered_with_503(
    start: Start,
) -> None:
    server = start("--max-connections", "2")
    with httpx2.Client(base_url=server.url) as one, httpx2.Client(base_url=server.url) as other:
        for client in (one, other, one):
            client.get("/healthz").raise_for_status()
        refused = httpx2.get(f"{server.url}/healthz")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_connections")
        assert "--max-connections" in refused.json()["error"]["message"]


def test_a_connection_on_which_nothing_is_asked_is_closed_after_idle_timeout(start: Start) -> None:
    server = start("--idle-timeout", "0.2")
    with connect(server) as sock:
        sock.sendall(REQUEST)
        answer = b""
        while data := sock.recv(4096):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"}")


def test_with_drain_answers_end_after_sigterm_and_the_server_says_that_it_ends(start: Start) -> None:
    server = start("--drain", "60")
    url = f"{server.url}/v1/responses"
    with httpx2.stream("POST", url, json=STREAM, headers=HOLD, timeout=60) as held:
        server.process.send_signal(signal.SIGTERM)
        while (ready := httpx2.get(f"{server.url}/readyz")).status_code == 200:
            pass
        assert ready.json() == {"status": "not ready", "reason": "it is ending"}
        assert httpx2.post(url, json={"model": "a"}).status_code == 200  # it answers as long as it is asked
        finish(server)
        assert held.read().count(b"data: ") == 10_002
    assert server.process.wait(60) in (0, -signal.SIGTERM)


def test_without_drain_and_at_a_second_signal_streams_are_cut(start: Start) -> None:
    server = start("--drain", "60")
    with httpx2.stream("POST", f"{server.url}/v1/responses", json=STREAM, headers=HOLD, timeout=60) as held:
        server.process.send_signal(signal.SIGTERM)
        while httpx2.get(f"{server.url}/readyz").status_code == 200:
            pass
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx2.RemoteProtocolError):
            held.read()
    server.process.wait(60)


def test_a_client_that_does_not_read_costs_a_bounded_number_of_bytes(start: Start) -> None:
    server = start()
    body = json.dumps(STREAM).encode()
    request = b"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    httpx2.post(f"{server.url}/v1/responses", json=STREAM).raise_for_status()  # what is made once is made
    before = resident(server)
    with ExitStack() as stack:
        for _ in range(50):  # of 7 MB each
            sock = stack.enter_context(connect(server, buffer=4096))
            sock.sendall(request + body)
            assert sock.recv(12) == b"HTTP/1.1 200"
        httpx2.get(f"{server.url}/healthz").raise_for_status()
        assert resident(server) - before < 50 * 1024 * 1024  # at most 1 MB each, of what is written at once


def resident(server: ServerProcess) -> int:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096
