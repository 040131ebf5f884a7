"""What is counted for a client, and what is refused."""

import pytest

from respool.errors import OptionError, RequestError
from respool.recordings.store import Store
from respool.server.client_bytes import ClientBytes
from respool.server.mock_server import MockServer


def test_requests_of_a_client_are_counted_until_they_are_closed() -> None:
    counted = ClientBytes(100)
    one, other = counted.open("a"), counted.open("a")
    one.take(60)
    other.take(40)
    assert (counted.held("a"), counted.held("b"), len(counted)) == (100, 0, 1)
    one.close()
    assert counted.held("a") == 40
    other.close()
    assert (counted.held("a"), len(counted)) == (0, 0)


def test_more_than_the_limit_together_is_a_429_and_counts_nothing() -> None:
    counted = ClientBytes(100)
    counted.open("a").take(60)
    second = counted.open("a")
    with pytest.raises(
        RequestError, match=r"have 60 bytes, and this one would add 41.*--max-client-bytes"
    ) as e:
        second.take(41)
    assert (e.value.status, e.value.code, counted.held("a")) == (429, "too_many_client_bytes", 60)
    counted.open("b").take(100)  # another client
    second.take(40)
    assert counted.held("a") == 100


def test_a_request_that_is_too_large_alone_is_a_413() -> None:
    request = ClientBytes(100).open("a")
    request.take(60)
    with pytest.raises(RequestError, match=r"has 101 bytes: expected at most 100.*--max-client-bytes") as e:
        request.take(41)
    assert (e.value.status, e.value.code) == (413, "request_too_large")


def test_what_a_socket_holds_is_counted_as_it_is_at_the_time() -> None:
    counted = ClientBytes(100)
    held = [70]
    socket = counted.open("a")
    socket.count_socket(lambda: held[0])
    assert socket.refusal(30) is None
    refusal = socket.refusal(31)
    assert refusal is not None
    assert refusal.status == 429
    held[0] = 10
    assert socket.refusal(31) is None
    assert counted.held("a") == 10
    socket.close()
    assert len(counted) == 0


def test_a_limit_below_one_byte_is_refused() -> None:
    with pytest.raises(OptionError, match="max-client-bytes is 0"):
        MockServer(Store([]), max_client_bytes=0)
