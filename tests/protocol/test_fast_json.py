import json
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.changed_json import Change, changed, changes

from respool.protocol.fast_json import decode


def same(one: Any, other: Any) -> bool:
    """Equal in value, type and order, to the last bit and the sign of zero."""
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-0",
        "-0.0",
        "-0e0",
        "1E5",
        "1e22",
        "1e23",
        "1e-400",
        "5e-324",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "9007199254740993.0",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "9" * 400,
        "9" * 4300,
        "0." + "1" * 900,
        '{"a":1,"b":2,"a":3}',
        '{"":{"":""}}',
        r'"\ud83d\ude00 \u0000 \u00E9 \/ \b\f\n\r\t\"\\"',
        '"\x7f\u2028\ufeff"',
        "\t\r\n [ ] \n",
        "[" * 100 + "]" * 100,
    ],
    ids=lambda text: text[:24],
)
def test_what_it_takes_has_the_value_that_json_gives(text: str) -> None:
    assert same(decode(text), json.loads(text))
    assert same(decode(text.encode()), json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1.7976931348623159e308",
        "9" * 400 + ".0",
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'{"\ud800":1}',
        '"\ud800"',
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_json_takes_and_it_does_not_is_left_to_json(text: str) -> None:
    json.loads(text)
    with pytest.raises(Exception):  # noqa: B017, PT011 - which one is said nowhere
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            " ",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "[1,]",
            '{"a":1,}',
            "[1 2]",
            "{1:2}",
            "'a'",
            "tru",
            "1 x",
        ],
        *["1\0", "\ufeff1", "\x0b1", '"\n"', '"\x00"', r'"\x"', r'"\u12"', r'"\u12g4"', '"', "[", '{"a"'],
        *["9" * 4301, "[" * 100_000, '{"a":' * 100_000],
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_it_takes_nothing_that_json_refuses(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json.loads(text)
    with pytest.raises(Exception):  # noqa: B017, PT011
        decode(text)


@pytest.mark.parametrize(
    "body",
    [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\xff", '"a"'.encode("utf-16")],
)
def test_bytes_that_are_not_utf8_are_not_taken(body: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        decode(body)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_it_goes_about_as_deep_as_json_does(opened: str, closed: str) -> None:
    def deepest(read: Callable[[str], Any]) -> int:
        for depth in range(100, 100_000):
            try:
                read(opened * depth + "1" + closed * depth)
            except RecursionError:
                return depth
        raise AssertionError("it has no limit")

    # The calls that lead to the reader count too, and those are more with `json`.
    assert abs(deepest(decode) - deepest(json.loads)) < 10


numbers = (
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.integers().map(str)
    | st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)


@settings(max_examples=5 * settings.default.max_examples)
@given(numbers)
@example("4.35")
@example("0.1e1")
def test_numbers_are_the_same_to_the_last_bit(text: str) -> None:
    agree(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=5 * settings.default.max_examples, deadline=None)
@given(values, st.booleans(), changes("\ud800"))
def test_a_text_that_was_changed_anywhere_is_read_as_json_reads_it_or_left_to_json(
    value: Any, escaped: bool, changes: list[Change]
) -> None:
    agree(changed(json.dumps(value, ensure_ascii=escaped), changes))


def agree(text: str) -> None:
    try:
        value = decode(text)
    except Exception:
        return
    assert same(value, json.loads(text))
    if isinstance(value, float):
        assert math.isfinite(value)


def test_a_string_that_stays_keeps_no_second_form_of_itself() -> None:
    text = '"' + "é" * 1000 + '"'
    before = sys.getsizeof(text)
    decode(text)
    assert sys.getsizeof(text) == before
