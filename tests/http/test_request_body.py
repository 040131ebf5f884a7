import asyncio
import gzip
import json
import math
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import brotli
import pytest
import zstandard
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request as HTTPRequest
from starlette.types import Message

from respool.errors import RequestError
from respool.http import create_app
from respool.http.request_body import DEFAULT_LIMIT, check_depth, parse_object, read_object
from respool.play.pace import Pace
from respool.protocol import fast_json
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

Call = Callable[..., Any]

OBJECT = {"model": "a", "input": "é" * 100}
TEXT = json.dumps(OBJECT, ensure_ascii=False).encode()


def raw_deflate(data: bytes) -> bytes:
    deflator = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflator.compress(data) + deflator.flush()


# Name, compress, and what the header says.
CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("zstd", zstandard.compress),
    ("gzip", gzip.compress),
    ("br", brotli.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
]
each_coding = pytest.mark.parametrize(
    ("coding", "compress"), CODINGS, ids=["zstd", "gzip", "br", "deflate", "raw deflate"]
)


def posted(parts: Iterable[bytes], *headers: tuple[str, str]) -> HTTPRequest:
    """A request whose body comes in these parts."""
    *first, last = parts
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in first]
    inbox = iter([*messages, {"type": "http.request", "body": last, "more_body": False}])

    async def receive() -> Message:
        return next(inbox)

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return HTTPRequest({"type": "http", "method": "POST", "headers": raw}, receive)


def read(body: bytes, coding: str = "", limit: int = DEFAULT_LIMIT, length: str | None = None) -> Any:
    headers = [("content-encoding", coding)] if coding else []
    headers += [("content-length", length)] if length is not None else []
    return asyncio.run(read_object(posted([body], *headers), limit))


def refused(body: bytes, coding: str = "", **options: Any) -> RequestError:
    with pytest.raises(RequestError) as raised:
        read(body, coding, **options)
    assert str(raised.value).isprintable()
    return raised.value


def sized(size: int) -> bytes:
    """A JSON object of this many bytes."""
    return b'{"input":"%s"}' % (b"x" * (size - 12))


def test_a_body_in_parts_is_read_whole() -> None:
    parts = [TEXT[at : at + 1] for at in range(len(TEXT))]
    assert asyncio.run(read_object(posted([b"", *parts, b""]))) == OBJECT


@each_coding
def test_a_compressed_body_is_inflated(coding: str, compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(TEXT), coding) == OBJECT


@pytest.mark.parametrize("coding", ["identity", "", " , ", "IDENTITY", "identity, identity"])
def test_identity_and_nothing_leave_the_body_as_it_is(coding: str) -> None:
    assert read(TEXT, coding) == OBJECT


@pytest.mark.parametrize("coding", ["GZip", " gzip ", "identity, gzip", "gzip,"])
def test_a_coding_may_be_written_in_any_case_and_with_spaces(coding: str) -> None:
    assert read(gzip.compress(TEXT), coding) == OBJECT


def test_codings_are_taken_off_in_the_reverse_of_the_order_in_which_they_were_put_on() -> None:
    body = brotli.compress(zlib.compress(zstandard.compress(gzip.compress(TEXT))))
    assert read(body, "gzip, zstd, deflate, br") == OBJECT


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), id="gzip"),
        pytest.param(zstandard.compress(TEXT[:9]) + zstandard.compress(TEXT[9:]), id="zstd"),
    ],
)
def test_a_body_of_several_members_is_read_whole(body: bytes, request: pytest.FixtureRequest) -> None:
    coding = request.node.callspec.id
    assert read(body, coding) == OBJECT


def test_codings_may_be_told_in_several_header_lines() -> None:
    body = zstandard.compress(gzip.compress(TEXT))
    headers = [("content-encoding", "gzip"), ("content-encoding", "zstd")]
    assert asyncio.run(read_object(posted([body], *headers))) == OBJECT


@pytest.mark.parametrize("coding", ["lzma", "gzip, compress", "zstd;q=1", "*", "é", "none", "gzip gzip"])
def test_an_unknown_coding_is_refused_with_the_known_ones(coding: str) -> None:
    error = refused(b"", coding)
    assert (error.status, error.code) == (415, "unsupported_content_encoding")
    assert str(error) == "Unsupported content encoding: expected one of zstd, gzip, br, deflate."


@each_coding
def test_a_truncated_body_is_refused(coding: str, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(TEXT)
    for length in range(len(whole)):
        error = refused(whole[:length], coding)
        assert (error.status, error.code) == (400, "invalid_content_encoding"), length


@each_coding
def test_a_truncated_body_that_would_still_be_json_is_refused(
    coding: str, compress: Callable[[bytes], bytes]
) -> None:
    padded = TEXT + b" " * 300_000  # so that the object is whole before the last block begins
    assert refused(compress(padded)[:-1], coding).code == "invalid_content_encoding"


@each_coding
@pytest.mark.parametrize("body", [b"\0", b"{}", TEXT, b"\xff" * 100], ids=["NUL", "JSON", "longer", "ff"])
def test_a_body_that_is_not_what_its_coding_says_is_refused(
    coding: str, compress: Callable[[bytes], bytes], body: bytes
) -> None:
    error = refused(body, coding)
    assert (error.status, error.code) == (400, "invalid_content_encoding")


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(TEXT)[:-8] + b"\0" * 8,
        zlib.compress(TEXT)[:-4] + b"\0" * 4,
        zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)[:-4] + b"\0" * 4,
    ],
    ids=["gzip", "deflate", "zstd"],
)
def test_a_wrong_checksum_is_refused(body: bytes, request: pytest.FixtureRequest) -> None:
    assert refused(body, request.node.callspec.id).code == "invalid_content_encoding"


@pytest.mark.parametrize("compress", [bytes, *[compress for _, compress in CODINGS]])
@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False), (20_000, False)])
def test_a_body_may_be_as_large_as_the_limit_also_after_inflation(
    compress: Callable[[bytes], bytes], size: int, taken: bool
) -> None:
    coding = {compress: coding for coding, compress in CODINGS}.get(compress, "")
    body = compress(sized(size))
    if taken:
        assert len(read(body, coding, limit=1000)["input"]) == size - 12
    else:
        error = refused(body, coding, limit=1000)
        assert (error.status, error.code) == (413, "request_too_large")
        assert str(error) == "The request body is too large: expected at most 1000 bytes."


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_read() -> None:
    unread = HTTPRequest({"type": "http", "headers": [(b"content-length", b"1001")]})
    with pytest.raises(RequestError) as raised:
        asyncio.run(read_object(unread, 1000))
    assert raised.value.status == 413


def test_a_body_that_tells_no_length_is_refused_as_soon_as_it_is_too_large() -> None:
    taken = []

    def parts() -> Iterable[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"x" * 100

    inbox = iter(parts())

    async def receive() -> Message:
        return {"type": "http.request", "body": next(inbox), "more_body": True}

    with pytest.raises(RequestError) as raised:
        asyncio.run(read_object(HTTPRequest({"type": "http", "headers": []}, receive), 1000))
    assert raised.value.status == 413
    assert len(taken) == 11


@pytest.mark.parametrize("length", ["", "-1", "x", "1e9", " 5 ", "²"])
def test_a_strange_content_length_is_not_believed(length: str) -> None:
    assert read(TEXT, length=length) == OBJECT


def test_a_content_length_with_thousands_of_zeros_is_a_number() -> None:
    assert read(TEXT, length="0" * 5000 + str(len(TEXT))) == OBJECT


def test_a_content_length_of_thousands_of_digits_is_too_large() -> None:
    assert refused(TEXT, length="9" * 5000).status == 413


def bomb(coding: str) -> bytes:
    """A small body that inflates to 1 GB."""
    zeros = bytes(1024 * 1024)
    if coding == "br":
        compressor = brotli.Compressor(quality=1)
        return b"".join([*(compressor.process(zeros) for _ in range(1024)), compressor.finish()])
    if coding == "zstd":
        frame = zstandard.ZstdCompressor(level=1).compressobj()
        return b"".join([*(frame.compress(zeros) for _ in range(1024)), frame.flush()])
    deflator = zlib.compressobj(1, wbits=zlib.MAX_WBITS | (16 if coding == "gzip" else 0))
    first, second = (deflator.compress(zeros) + deflator.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + second * 1023


@pytest.mark.parametrize("coding", ["zstd", "gzip", "br", "deflate"])
def test_a_bomb_is_inflated_no_further_than_the_limit(coding: str) -> None:
    body = bomb(coding)
    tracemalloc.start()
    try:
        error = refused(body, coding, limit=1024 * 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.status == 413
    assert peak < 16 * 1024 * 1024 + len(body)


def test_a_bomb_within_a_bomb_is_inflated_no_further_than_the_limit() -> None:
    body = gzip.compress(bomb("gzip"))
    assert refused(body, "gzip, gzip", limit=1024 * 1024).status == 413


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "expecting value at line 1 column 1"),
        (b"  \n ", "expecting value at line 2 column 2"),
        (b"{", "expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"model":"a"} {}', "extra data at line 1 column 15"),
        (b"{'model':'a'}", "expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"model":"\xff"}', "it is not UTF-8"),
        (b'{"model":"\xed\xa0\x80"}', "it is not UTF-8"),
        ('{"model":"a"}'.encode("utf-16"), "it is not UTF-8"),
        (b"\xef\xbb\xbf{}", "unexpected UTF-8 BOM"),
        (b"[" * 20_000, "it is nested too deeply"),
        (b'{"a":' * 20_000, "it is nested too deeply"),
        (b'{"n":' + b"1" * 5000 + b"}", "Exceeds the limit"),
        (b"NULL", "expecting value at line 1 column 1"),
        (b'{"a":"\n"}', "invalid control character at line 1 column 7"),
        (b'{"model', "unterminated string at line 1 column 2"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_place(body: bytes, problem: str) -> None:
    error = refused(body)
    assert (error.status, error.code) == (400, "invalid_json")
    assert problem in str(error)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_refused(value: str) -> None:
    assert refused(f'{{"model":"a","temperature":{value}}}'.encode()).code == "invalid_json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", "an array"),
        (b"[[{}]]", "an array"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"1", "an integer"),
        (b"-1.5e3", "a number"),
        (b'"a"', "a string"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, kind: str) -> None:
    error = refused(body)
    assert (error.status, error.code) == (400, "invalid_type")
    assert str(error) == f"Invalid body: expected a JSON object, but got {kind} instead."


async def test_a_client_that_leaves_while_it_sends_its_body_is_no_error_of_ours(
    server: Callable[..., Any], call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    serving = server()
    upload = call(serving, body=b'{"model":', more_body=True)
    upload.leave()
    await upload.task
    assert not [record for record in caplog.records if record.exc_info]
    assert [(exchange.status, exchange.ended) for exchange in serving.journal] == [(None, "client left")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, recording: Callable[..., Recording]) -> FastAPI:
    path = tmp_path_factory.mktemp("recordings") / "a.jsonl"
    path.write_text(jsonl.write([recording()]))
    return create_app(MockServer(Store([path]), pace=Pace(speed=math.inf)), max_body=10_000)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["model", "stream"]) | st.text(), inner),
    max_leaves=10,
)
coding_names = st.sampled_from(["gzip", "zstd", "br", "deflate", "identity", "x"])


@given(
    body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()),
    codings=st.lists(coding_names, max_size=3),
    true=st.booleans(),
)
@example(body=TEXT, codings=["zstd", "gzip"], true=True)
def test_any_bytes_said_to_be_in_any_coding_are_answered_or_refused(
    body: bytes, codings: list[str], true: bool, app: FastAPI, call: Call
) -> None:
    for name in codings if true else []:
        body = dict(CODINGS[:4]).get(name, bytes)(body)

    async def answer() -> Any:
        answer = call(app, body=body, headers=[("content-encoding", ", ".join(codings))])
        await answer.task
        return answer

    answered = asyncio.run(answer())
    assert answered.complete
    assert answered.status in (200, 400, 413, 415)
    if answered.status != 200:
        assert answered.json["error"]["message"].isprintable()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_of_too_many_parts_is_refused(coding: str) -> None:
    part = gzip.compress(b"") if coding == "gzip" else zstandard.compress(b"")
    whole = gzip.compress(TEXT) if coding == "gzip" else zstandard.compress(TEXT)
    assert read(part * 99 + whole, coding) == OBJECT
    assert refused(part * 100 + whole, coding).code == "invalid_content_encoding"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_a_number_that_could_not_be_written_again_is_refused(number: str) -> None:
    with pytest.raises(RequestError, match="it has a number that is too large") as raised:
        parse_object(f'{{"n": {number}}}'.encode())
    assert raised.value.code == "invalid_json"
    assert parse_object(b'{"n": 1e308, "m": 1e-999}') == {"n": 1e308, "m": 0.0}


def outcome(body: bytes) -> str:
    try:
        return repr(parse_object(body))
    except RequestError as error:
        return f"{error.code}: {error}"


@settings(max_examples=3 * settings.default.max_examples)
@given(
    st.binary(max_size=30)
    | st.lists(
        st.sampled_from(
            rb"""{ } [ ] , : " "a" {"a": NaN 1e999 1e5 -0 01 123456789012345678901 \ud800 null""".split()
            + "é \ufeff".encode().split()
            + [b" ", b"\n", b"\xff"]
        ),
        max_size=12,
    ).map(b"".join)
)
@example(b'{"a":1e999}')
@example(b'{"a":NaN}')
@example(b'{"a":"\\ud800"}')
@example(b"\xef\xbb\xbf{}")
def test_a_body_is_read_and_refused_as_the_careful_reader_does(body: bytes) -> None:
    quick = outcome(body)
    with mock.patch.object(fast_json, "decode", side_effect=ValueError):
        assert outcome(body) == quick


def nested(depth: int, holder: Callable[[object], object]) -> object:
    value: object = 1
    for _ in range(depth):
        value = holder(value)
    return value


@pytest.mark.parametrize("holder", [lambda value: [value], lambda value: {"a": value, "b": 1}])
def test_a_value_is_as_deep_as_its_deepest_member(holder: Callable[[object], object]) -> None:
    check_depth(nested(200, holder))
    for deep in (nested(201, holder), [1, [], nested(5000, holder)]):
        with pytest.raises(RequestError, match="it is nested too deeply"):
            check_depth(deep)


@pytest.mark.parametrize(
    "body",
    [
        b'{"z":[' + b"[]," * 1_000_000 + b"0]}",
        b'{"input":[' + b'{"role":"user","content":"a"},' * 300_000 + b"0]}",
        b'{"z":["a"' + b',"a"' * 1_000_000 + b"]}",
        b'{"z":[1' + b",1" * 1_000_000 + b"]}",
        b'{"z":{"a":0' + b',"b":0' * 1_000_000 + b"}}",
    ],
    ids=["arrays", "items", "strings", "numbers", "members"],
)
async def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(
    body: bytes, server: Callable[..., MockServer], call: Any
) -> None:
    answer = call(server(), body=body)
    await answer.task
    assert (answer.status, answer.json["error"]["code"]) == (413, "too_many_values")


async def test_a_long_text_is_not_many_values(server: Callable[..., MockServer], call: Any) -> None:
    text = 'He said "yes", and, after 1,000 words, {nothing} more. ' * 20_000
    body = {"model": "m", "background": True, "input": text}
    answer = call(server(), body=body)
    await answer.task
    assert answer.status == 200
