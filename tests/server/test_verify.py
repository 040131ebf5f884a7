import json
from typing import Any

import pytest

from respool.errors import OptionError
from respool.server.journal import Exchange
from respool.server.request_filter import RequestFilter
from respool.server.seen_requests import SeenRequest
from respool.server.verify import Times, check_all_played, check_count, check_order


def seen(number: int, recording: str | None = "a", session: str = "", **body: Any) -> SeenRequest:
    status = 200 if recording else 404
    exchange = Exchange("POST", "/v1/responses", 1.0, "", recording, status, session=session, seconds=0.0)
    exchange.number = number
    exchange.body = json.dumps(body).encode()
    return SeenRequest(exchange)


REQUESTS = [seen(1), seen(2, "b"), seen(3), seen(4, None, model="gpt-5")]


@pytest.mark.parametrize(
    ("times", "text", "right"),
    [
        (Times(), "at least 1 request", {1, 2, 9}),
        (Times(exactly=0), "no request", {0}),
        (Times(exactly=1), "exactly 1 request", {1}),
        (Times(exactly=2), "exactly 2 requests", {2}),
        (Times(at_least=2), "at least 2 requests", {2, 9}),
        (Times(at_most=1), "at most 1 request", {0, 1}),
        (Times(at_least=1, at_most=2), "1 to 2 requests", {1, 2}),
        (Times(at_least=0), "at least 0 requests", {0, 1, 2, 9}),
    ],
)
def test_a_number_is_right_or_wrong(times: Times, text: str, right: set[int]) -> None:
    assert {number for number in (0, 1, 2, 9) if times.allows(number)} == right
    assert str(times) == text


@pytest.mark.parametrize(
    "bounds",
    [{"exactly": 1, "at_least": 1}, {"exactly": -1}, {"at_least": -1}, {"at_least": 2, "at_most": 1}],
)
def test_numbers_that_make_no_sense_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        Times(**bounds)


def test_the_right_count_is_no_failure() -> None:
    assert check_count(REQUESTS, RequestFilter(recording="a"), Times(exactly=2)) == ""
    assert check_count([], RequestFilter(), Times(exactly=0)) == ""


def test_too_many_are_listed() -> None:
    assert check_count(REQUESTS, RequestFilter(recording="a"), Times(at_most=1)) == (
        'expected at most 1 request with recording "a", but there were 2:\n'
        "  1  POST /v1/responses 200 a 0.000s\n"
        "  3  POST /v1/responses 200 a 0.000s"
    )


def test_too_few_are_listed_with_the_nearest_others_and_what_they_miss() -> None:
    wanted = RequestFilter(status=200, body={"model": "gpt-5"})
    assert check_count(REQUESTS[2:], wanted, Times()) == (
        'expected at least 1 request with status 200, body {"model":"gpt-5"}, but there was none\n'
        "Nearest:\n"
        "  4  POST /v1/responses 404 0.000s\n"
        "      status is 404, expected 200\n"
        "  3  POST /v1/responses 200 a 0.000s\n"
        '      body /model is not there, expected "gpt-5"'
    )


def test_where_nothing_came_that_is_said() -> None:
    assert check_count([], RequestFilter(), Times()) == (
        "expected at least 1 request of any kind, but there was none\nNo request came at all."
    )


def test_of_many_only_some_are_shown() -> None:
    many = [seen(number) for number in range(50)]
    text = check_count(many, RequestFilter(), Times(exactly=1))
    assert text.count("POST") == 10
    assert text.endswith("and 40 more")
    text = check_count(many, RequestFilter(recording="z"), Times())
    assert text.count("POST") == 3
    assert text.endswith("and 47 requests more")


def names(*recordings: str) -> list[RequestFilter]:
    return [RequestFilter(recording=name) for name in recordings]


@pytest.mark.parametrize("order", [(), ("a",), ("a", "b"), ("a", "b", "a"), ("a", "a")])
def test_requests_may_come_in_the_expected_order_with_others_between(order: tuple[str, ...]) -> None:
    assert check_order(REQUESTS, names(*order)) == ""


def test_the_first_that_is_out_of_order_is_told() -> None:
    assert check_order(REQUESTS[:2], names("b", "a")) == (
        'expected, as number 2 of 2 in order, a request with recording "a", but none came after\n'
        "  2  POST /v1/responses 200 b 0.000s\n"
        "It came earlier:\n"
        "  1  POST /v1/responses 200 a 0.000s"
    )


def test_the_first_that_never_came_is_told() -> None:
    assert check_order(REQUESTS[:1], names("b")) == (
        'expected, as number 1 of 1 in order, a request with recording "b", but none came\n'
        "Nearest:\n"
        "  1  POST /v1/responses 200 a 0.000s\n"
        '      recording is "a", expected "b"'
    )
    assert check_order([], names("b")).endswith("but none came")


def test_what_was_never_played_is_listed() -> None:
    assert check_all_played([]) == ""
    assert check_all_played(["a", "b#2"], "s") == (
        '2 turns of recordings were never played in session "s":\n  a\n  b#2'
    )
