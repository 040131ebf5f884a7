import pytest

from respool.record.headers import REQUEST_HEADERS, RESPONSE_HEADERS, is_allowed, is_secret


@pytest.mark.parametrize(
    "name", ["Authorization", "api-key", "x-api-key", "Cookie", "Set-Cookie", "X-Amz-Signature"]
)
def test_headers_for_secrets_are_known_and_never_kept(name: str) -> None:
    assert is_secret(name)
    assert not is_allowed(name, REQUEST_HEADERS + RESPONSE_HEADERS)


@pytest.mark.parametrize("name", ["Content-Type", "x-stainless-lang", "OpenAI-Beta"])
def test_what_a_request_is_about_is_kept(name: str) -> None:
    assert is_allowed(name, REQUEST_HEADERS)


@pytest.mark.parametrize(
    "name", ["Retry-After", "x-ratelimit-reset-tokens", "X-Request-Id", "openai-processing-ms"]
)
def test_what_clients_act_upon_is_kept(name: str) -> None:
    assert is_allowed(name, RESPONSE_HEADERS)


@pytest.mark.parametrize("name", ["x-of-ours", "OpenAI-Organization", "X-Forwarded-For", ""])
def test_all_others_are_left_out(name: str) -> None:
    assert not is_allowed(name, REQUEST_HEADERS + RESPONSE_HEADERS)
