import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from respool.listening import bind, bind_each, url_of


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:")],
)
def test_a_url_leads_to_the_socket(host: str, expected: str, stack: ExitStack) -> None:
    try:
        sock = stack.enter_context(bind(host, 0))
    except OSError:
        pytest.skip(f"this machine has no {host}")
    assert url_of(sock) == f"{expected}{sock.getsockname()[1]}"


def test_sockets_of_several_processes_are_on_one_port(stack: ExitStack) -> None:
    socks = [stack.enter_context(sock) for sock in bind_each("127.0.0.1", 0, 3)]
    assert len(socks) == 3
    assert len({sock.getsockname() for sock in socks}) == 1
    assert socks[0].getsockname()[1] != 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they are one socket")
def test_each_process_has_a_socket_of_its_own(stack: ExitStack) -> None:
    socks = [stack.enter_context(sock) for sock in bind_each("127.0.0.1", 0, 2)]
    assert socks[0].fileno() != socks[1].fileno()
    assert all(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for sock in socks)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_a_port_where_somebody_listens_is_refused_also_if_both_could_share_it(
    first: int, second: int, stack: ExitStack
) -> None:
    socks = [stack.enter_context(sock) for sock in bind_each("127.0.0.1", 0, first)]
    with pytest.raises(OSError, match="in use"):
        bind_each("127.0.0.1", socks[0].getsockname()[1], second)
