"""Faults before the stream: another answer, or another head."""

import json
from typing import Any

import pytest
from fault_streams import make_body, make_stream, run, timeline

from respool.faults import FAULTS, ContentType, EmptyReply, Fault, NotJson, Quota, RateLimit, Refuse, Status
from respool.faults.frame import Action, Frame, Head

CODES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529]


def answer(fault: Fault, frames: list[Frame] | None = None) -> tuple[Head, bytes]:
    head, body, end = run(fault, frames)
    assert [frame.at for frame in (head, body, end)] == [0.0, 0.0, 0.0], "an error comes at once"
    assert end == Frame(0.0, action=Action.CLOSE)
    assert head.head is not None
    assert head.head.headers["content-length"] == str(len(body.data))
    assert not head.head.stream
    return head.head, body.data


def error(body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body).values()
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["type"], str)
    return dict(error)


@pytest.mark.parametrize("frames", [make_stream(), make_body()])
@pytest.mark.parametrize("code", CODES)
def test_an_http_error_has_the_envelope_of_the_api(code: int, frames: list[Frame]) -> None:
    head, body = answer(Status(code=code), frames)
    assert head.status == code
    assert head.headers["content-type"] == "application/json"
    error(body)


def test_an_http_error_has_the_type_and_code_of_its_status() -> None:
    found = {code: error(answer(Status(code=code))[1]) for code in CODES}
    assert {code: (one["type"], one["code"]) for code, one in found.items()} == {
        400: ("invalid_request_error", None),
        401: ("invalid_request_error", "invalid_api_key"),
        403: ("invalid_request_error", None),
        404: ("invalid_request_error", None),
        408: ("server_error", None),
        409: ("invalid_request_error", None),
        413: ("invalid_request_error", "request_too_large"),
        422: ("invalid_request_error", None),
        429: ("requests", "rate_limit_exceeded"),
        500: ("server_error", "server_error"),
        503: ("service_unavailable_error", "server_is_overloaded"),
        529: ("service_unavailable_error", "server_is_overloaded"),
    }
    assert len({one["message"] for one in found.values()}) == len(CODES) - 1, "503 and 529 say the same"


def test_an_http_error_keeps_of_the_head_what_all_answers_have() -> None:
    head, _ = answer(Status())
    assert set(head.headers) == {"openai-version", "content-type", "content-length"}


@pytest.mark.parametrize("code", [502, 504])
def test_a_bad_gateway_is_a_page(code: int) -> None:
    head, body = answer(Status(code=code))
    assert (head.status, head.headers["content-type"]) == (code, "text/html")
    assert body.startswith(b"<html>\r\n")
    assert answer(Status(code=code, body="json"))[1].startswith(b"{")
    assert answer(Status(code=500, body="html"))[1].startswith(b"<html>")


def test_an_http_error_may_have_its_own_message_and_say_when_to_try_again() -> None:
    fault = Status(code=503, message="Nö.", retry_after=1.5, retry_after_ms=20, should_retry="false")
    head, body = answer(fault)
    assert error(body)["message"] == "Nö."
    assert {name: head.headers[name] for name in ("retry-after", "retry-after-ms", "x-should-retry")} == {
        "retry-after": "1.5", "retry-after-ms": "20", "x-should-retry": "false",
    }  # fmt: skip


def test_a_rate_limit_says_what_is_left_and_when_to_try_again() -> None:
    head, body = answer(RateLimit())
    assert head.status == 429
    assert {name: value for name, value in head.headers.items() if name.startswith(("retry", "x-"))} == {
        "retry-after": "1",
        "retry-after-ms": "1000",
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
    }
    assert error(body) == {
        "message": "Rate limit reached on requests per min (RPM): Limit 500, Used 500, Requested 1. "
        "Please try again in 1s.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }


def test_a_rate_limit_may_be_of_tokens_and_shorter() -> None:
    head, body = answer(RateLimit(of="tokens", limit=30000, retry_after=None, retry_after_ms=20))
    assert error(body)["type"] == "tokens"
    assert head.headers["x-ratelimit-limit-tokens"] == "30000"
    assert head.headers["x-ratelimit-reset-tokens"] == "20ms"
    assert "retry-after" not in head.headers


WAITS = [
    (RateLimit(retry_after=20), "20", "20000", "20s"),
    (RateLimit(retry_after_ms=20000), "20", "20000", "20s"),
    (RateLimit(retry_after=20, retry_after_ms=None), "20", None, "20s"),
    (RateLimit(retry_after=None), None, None, "1s"),
    (RateLimit(retry_after=None, retry_after_ms=70), None, "70", "70ms"),
    (RateLimit(retry_after=0.07), "0.07", "70", "70ms"),
    (RateLimit(retry_after=20, retry_after_ms=50), "20", "50", "50ms"),
    (RateLimit(retry_after=1e6), "1000000", "1000000000", "1000000s"),
]


@pytest.mark.parametrize(("fault", "after", "after_ms", "wait"), WAITS, ids=lambda value: str(value))
def test_a_rate_limit_says_one_wait_in_all_places_unless_two_are_given(
    fault: Fault, after: str | None, after_ms: str | None, wait: str
) -> None:
    head, body = answer(fault)
    assert (head.headers.get("retry-after"), head.headers.get("retry-after-ms")) == (after, after_ms)
    assert head.headers["x-ratelimit-reset-requests"] == wait
    assert error(body)["message"].endswith(f" Please try again in {wait}.")


def test_an_http_error_says_one_wait_in_both_headers() -> None:
    head, _ = answer(Status(code=503, retry_after=1.5))
    assert (head.headers["retry-after"], head.headers["retry-after-ms"]) == ("1.5", "1500")
    head, _ = answer(Status(code=503, retry_after=1.5, retry_after_ms=None))
    assert "retry-after-ms" not in head.headers


def test_a_quota_is_used_up() -> None:
    head, body = answer(Quota())
    assert head.status == 429
    assert "retry-after" not in head.headers
    assert (error(body)["type"], error(body)["code"]) == ("insufficient_quota", "insufficient_quota")


def test_a_body_is_no_json() -> None:
    head, body = answer(NotJson())
    assert (head.status, head.headers["content-type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert answer(NotJson(body="nö", code=500)) == (
        Head(
            500,
            {"openai-version": "2020-10-01", "content-type": "application/json", "content-length": "3"},
            False,
        ),
        "nö".encode(),
    )


@pytest.mark.parametrize("frames", [make_stream(), make_body()])
def test_a_content_type_is_wrong_and_all_else_is_sound(frames: list[Frame]) -> None:
    changed = run(ContentType(value="text/plain"), frames)
    assert changed[0].head is not None
    assert changed[0].head.headers["content-type"] == "text/plain"
    assert changed[1:] == frames[1:]


@pytest.mark.parametrize(("fault", "action"), [(Refuse(), Action.RESET), (EmptyReply(), Action.CUT)])
def test_a_connection_ends_before_any_byte(fault: Fault, action: Action) -> None:
    assert timeline(run(fault)) == timeline(run(fault, make_body())) == [(0.0, action)]


def test_every_fault_before_the_stream_is_in_a_test_above_or_in_those_of_time() -> None:
    assert {
        "status",
        "rate_limit",
        "quota",
        "not_json",
        "content_type",
        "refuse",
        "empty_reply",
        "slow_headers",
    } == {name for name, fault in FAULTS.items() if fault.category == "before"}
