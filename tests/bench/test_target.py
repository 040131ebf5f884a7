import pytest

from respool.bench.target import LoadTarget
from respool.errors import OptionError


def test_a_request_is_that_of_an_sdk_with_the_headers_given() -> None:
    target = LoadTarget(
        "http://[::1]:80/a b/v1/?api-version=2", "text/é", "Hi", {"Authorization": "Bearer x"}
    )
    head, _, body = target.request().partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /a%20b/v1/responses?api-version=2 HTTP/1.1",
        "Host: [::1]:80",
        "Accept: text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Authorization: Bearer x",
    ]
    assert body == rb'{"model": "text/\u00e9", "input": "Hi", "stream": true}'
    assert (target.host, target.port, target.secure) == ("::1", 80, False)


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://h/v1/responses", 80), ("https://h/v1/responses/", 443), ("https://u@h:8443/v1", 8443)],
)
def test_a_url_is_the_base_url_or_that_of_the_endpoint(url: str, port: int) -> None:
    target = LoadTarget(url, "x")
    assert target.request().startswith(b"POST /v1/responses HTTP/1.1\r\nHost: h")
    assert target.port == port


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080/v1", "ftp://h/v1", "http:///v1", "http://h:99999/v1", "http://[h/"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OptionError, match="expected http://HOST/v1 or https://HOST/v1"):
        LoadTarget(url, "x")


@pytest.mark.parametrize(
    ("headers", "shown"), [({"X\n": "a"}, r"'X\\n'"), ({"X": "a\r\nY: b"}, "X"), ({"X": "é…"}, "X")]
)
def test_a_header_that_would_break_the_request_is_refused(headers: dict[str, str], shown: str) -> None:
    with pytest.raises(OptionError, match=f"header {shown} has characters that no header may have"):
        LoadTarget("http://h/v1", "x", headers=headers)
