"""What a large body may hold: it is looked at in pieces, before it is parsed."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import RequestError
from respool.http import body_limits, request_body
from respool.http.body_limits import DEFAULT_LIMIT, check_body, count_base64, count_values
from respool.server.mock_server import MockServer

MIB = 1024 * 1024


@pytest.fixture
def little_text() -> Iterator[int]:
    """A limit of text that is reached soon."""
    with mock.patch.object(body_limits, "MAX_TEXT", MIB // 4):
        yield MIB // 4


def values(value: Any) -> int:
    """How many members there are, in all that is within a value."""
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return len(members) + sum(map(values, members)) if members else 0


JSON = st.recursive(
    st.none() | st.integers() | st.text('\\"{[,:a\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('\\"{[,:a'), inner),
    max_leaves=20,
)


@given(JSON, st.integers(1, 12))
def test_values_are_counted_whatever_the_texts_hold_and_wherever_a_piece_ends(value: Any, piece: int) -> None:
    text = json.dumps(value).encode()
    with mock.patch.object(body_limits, "_PIECE", piece):
        counted = asyncio.run(count_values(text, 10**9))
    # Of an empty list that is parted by the end of a piece, one more is counted.
    assert values(value) <= counted <= values(value) + text.count(b"[]") + text.count(b"{}")


@pytest.mark.parametrize("text", [b'"', b'{"a', b'"\\', b'["a\\"', b'}"]"', b"\\" * 9])
def test_what_is_no_json_is_counted_without_end_or_error(text: bytes) -> None:
    for piece in range(1, 5):
        with mock.patch.object(body_limits, "_PIECE", piece):
            asyncio.run(count_values(text, 10**9))


def refusal(body: bytes, limit: int = DEFAULT_LIMIT) -> tuple[int, str | None]:
    with pytest.raises(RequestError) as refused:
        asyncio.run(check_body(body, limit))
    return refused.value.status, refused.value.code


@pytest.mark.parametrize(
    "text", ["日", "\\n", "a ", "\\ud83d\\ude00", '\\"'], ids=["wide", "escapes", "words", "pairs", "quotes"]
)
def test_too_much_text_is_refused(text: str, little_text: int) -> None:
    sized = text.encode() * (little_text // len(text.encode()) + 1)
    assert refusal(b'{"input":"%b"}' % sized) == (413, "too_much_text")
    asyncio.run(check_body(b'{"input":"%b"}' % sized[: little_text - 20]))
    asyncio.run(check_body(b'{"input":"%b"}' % sized, 2 * DEFAULT_LIMIT))  # the limits grow together


@pytest.mark.parametrize("before", ["", "data:image/png;base64,", "data:application/pdf;base64,"])
def test_a_file_in_base64_is_no_text(before: str, little_text: int) -> None:
    file = before.encode() + b"ab0/" * (MIB // 2) + b"=="
    body = b'{"input":[{"type":"input_image","image_url":"%b"},{"text":"%b"}]}' % (file, b"a b" * (MIB // 16))
    assert asyncio.run(count_base64(body)) == len(file) - len(before)
    asyncio.run(check_body(body))


@pytest.mark.parametrize("text", [b"%b \xe2\x82\xac", b"\xe2\x82\xac %b", b"a\\n%b", b"%b\\n"])
def test_base64_within_other_text_is_text(text: bytes) -> None:
    assert asyncio.run(count_base64(b'{"input":"%b"}' % (text % (b"ab0/" * (MIB // 4))))) == 0


@pytest.mark.parametrize("spaced", [b'["a"%b]' % (b' , "a"' * 60_000), b"[1%b]" % (b", 1" * 60_000)])
def test_spaces_between_values_hide_none(spaced: bytes) -> None:
    assert refusal(spaced) == (413, "too_many_values")


async def test_a_large_body_is_looked_at_in_pieces() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(count())
    await check_body(b'{"input":"%b"}' % (b"{," * (2 * MIB)))
    others.cancel()
    assert turns >= 8, "of others, at least one for each half MiB"


async def test_a_large_body_that_is_no_json_is_not_read_twice(
    server: Callable[..., MockServer], call: Any
) -> None:
    body = b'{"user":"\\ud800","metadata":{"file":"%b"}}' % (b"ab0/" * (9 * MIB // 4))
    with mock.patch.object(request_body, "_read_carefully", side_effect=AssertionError):
        answer = call(server(), body=body)
        await answer.task
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_json")
