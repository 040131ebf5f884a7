import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import RequestError
from respool.protocol import api_errors, parameter_errors

# How the service words its errors: code, param, status, message.
WORDS = [
    (
        parameter_errors.missing_parameter("tools[0].name"),
        ("missing_required_parameter", "tools[0].name", 400),
        "Missing required parameter: 'tools[0].name'.",
    ),
    (
        parameter_errors.missing_input(),
        ("missing_required_parameter", None, 400),
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
    ),
    (parameter_errors.unknown_parameter("n"), ("unknown_parameter", "n", 400), "Unknown parameter: 'n'."),
    (
        parameter_errors.unknown_parameter("stre", ["store", "stream"]),
        ("unknown_parameter", "stre", 400),
        "Unknown parameter: 'stre'. Did you mean 'store' or 'stream'?",
    ),
    (
        parameter_errors.unsupported_parameter("temperature", "not supported with this model"),
        ("unsupported_parameter", "temperature", 400),
        "Unsupported parameter: 'temperature' is not supported with this model.",
    ),
    (
        parameter_errors.invalid_type("temperature", "a decimal", "hot"),
        ("invalid_type", "temperature", 400),
        "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    ),
    (
        parameter_errors.invalid_type("top_logprobs", "an integer", 1.5),
        ("invalid_type", "top_logprobs", 400),
        "Invalid type for 'top_logprobs': expected an integer, but got a decimal number instead.",
    ),
    (
        parameter_errors.invalid_type("truncation", parameter_errors.one_of(["auto", "disabled"]), {}),
        ("invalid_type", "truncation", 400),
        "Invalid type for 'truncation': expected one of 'auto' or 'disabled', but got an object instead.",
    ),
    (
        parameter_errors.invalid_value("input[0]", "bogus", ["assistant", "system", "developer", "user"]),
        ("invalid_value", "input[0]", 400),
        "Invalid value: 'bogus'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
    ),
    (
        parameter_errors.below_minimum("max_output_tokens", 1, 16),
        ("integer_below_min_value", "max_output_tokens", 400),
        (
            "Invalid 'max_output_tokens': integer below minimum value. "
            "Expected a value >= 16, but got 1 instead."
        ),
    ),
    (
        parameter_errors.above_maximum("temperature", 2.1, 2, decimal=True),
        ("decimal_above_max_value", "temperature", 400),
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.1 instead.",
    ),
    (
        parameter_errors.string_too_long("metadata.actual", 695, 512),
        ("string_above_max_length", "metadata.actual", 400),
        (
            "Invalid 'metadata.actual': string too long. Expected a string with maximum length 512, "
            "but got a string with length 695 instead."
        ),
    ),
    (
        parameter_errors.key_too_long("metadata", "K" * 65, 64),
        ("string_above_max_length", "metadata." + "K" * 65, 400),
        (
            f"Invalid property name in 'metadata': '{'K' * 65}' is too long. Expected a string with maximum "
            "length 64, but got a string with length 65 instead."
        ),
    ),
    (
        parameter_errors.array_too_long("items", 21, 20),
        ("array_above_max_length", "items", 400),
        (
            "Invalid 'items': array too long. Expected an array with maximum length 20, "
            "but got an array with length 21 instead."
        ),
    ),
    (
        parameter_errors.too_many_properties("metadata", 24, 16),
        ("object_above_max_properties", "metadata", 400),
        (
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
            "but got an object with 24 properties instead."
        ),
    ),
    (
        parameter_errors.mutually_exclusive("previous_response_id", "conversation"),
        ("mutually_exclusive_parameters", None, 400),
        (
            "Mutually exclusive parameters. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'."
        ),
    ),
    (
        parameter_errors.only_when_streaming("stream_options"),
        (None, "stream_options", 400),
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ),
    (
        parameter_errors.invalid_function_schema("tools[0].parameters", "f", "it is no object"),
        ("invalid_function_parameters", "tools[0].parameters", 400),
        "Invalid schema for function 'f': it is no object.",
    ),
    (
        api_errors.context_length_exceeded(),
        ("context_length_exceeded", "input", 400),
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
    (
        api_errors.model_not_found("gpt-0"),
        ("model_not_found", "model", 400),
        "The requested model 'gpt-0' does not exist.",
    ),
    (
        api_errors.unknown_model("gpt-0"),
        ("model_not_found", "model", 404),
        "The model 'gpt-0' does not exist",
    ),
    (
        api_errors.previous_response_not_found("resp_1"),
        ("previous_response_not_found", "previous_response_id", 400),
        "Previous response with id 'resp_1' not found.",
    ),
    (api_errors.response_not_found("resp_1"), (None, None, 404), "Response with id 'resp_1' not found."),
    (
        api_errors.conversation_not_found("conv_1"),
        (None, None, 404),
        "Conversation with id 'conv_1' not found.",
    ),
    (api_errors.item_not_found("msg_1"), (None, None, 404), "Item with id 'msg_1' not found."),
    (
        api_errors.conversation_locked(),
        ("conversation_locked", "conversation", 400),
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
    ),
    (api_errors.cannot_cancel("completed"), (None, None, 400), "Cannot cancel a completed response."),
    (api_errors.cannot_cancel("incomplete"), (None, None, 400), "Cannot cancel an incomplete response."),
    (api_errors.cannot_cancel_synchronous(), (None, None, 400), "Cannot cancel a synchronous response."),
    (api_errors.cannot_delete_in_flight(), (None, None, 400), "Cannot delete an in-flight response."),
    (
        api_errors.not_created_with("background"),
        (None, "stream", 400),
        "This response cannot be streamed because it was not created with background=true.",
    ),
    (
        api_errors.no_longer_streamable(10),
        (None, "stream", 400),
        "This response can no longer be streamed because it is more than 10 minutes old.",
    ),
    (
        api_errors.invalid_api_key("sk-abcdefghijklmnop"),
        ("invalid_api_key", None, 401),
        (
            "Incorrect API key provided: sk-abcde*******mnop. "
            "You can find your API key at https://platform.openai.com/account/api-keys."
        ),
    ),
    (
        api_errors.rate_limited("gpt-0", 30000, 29000, 2000, 1.2),
        ("rate_limit_exceeded", None, 429),
        (
            "Rate limit reached for gpt-0 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. "
            "Please try again in 1.2s."
        ),
    ),
]


@pytest.mark.parametrize(("error", "parts", "message"), [pytest.param(*row, id=row[2][:60]) for row in WORDS])
def test_an_error_says_what_the_service_says(
    error: RequestError, parts: tuple[str | None, str | None, int], message: str
) -> None:
    assert (error.code, error.param, error.status) == parts
    assert error.message == message


@pytest.mark.parametrize(
    ("seconds", "text"), [(20, "20s"), (1.2, "1.2s"), (0.07, "70ms"), (0.0005, "0.5ms"), (1e6, "1000000s")]
)
def test_a_wait_is_in_seconds_or_thousandths(seconds: float, text: str) -> None:
    error = api_errors.rate_limited("", 500, 500, 1, seconds, "requests")
    assert error.type == "requests"
    assert error.message == (
        "Rate limit reached on requests per min (RPM): Limit 500, Used 500, Requested 1. "
        f"Please try again in {text}."
    )


@pytest.mark.parametrize("status", [400, 401, 418, 429, 500, 503, 529, 599])
def test_each_status_has_words(status: int) -> None:
    error = api_errors.of_status(status)
    assert error.status == status
    assert (error.type == "server_error") is (status in (500, 599))
    assert api_errors.to_api(error)["error"]["message"] == error.message != ""


def test_a_key_is_asked_for_when_there_is_none() -> None:
    error = api_errors.missing_api_key()
    assert (error.status, error.code, error.type) == (401, None, "invalid_request_error")
    assert error.message == "Missing bearer or basic authentication in header"


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (api_errors.slow_down(), (429, "rate_limit_error", "slow_down")),
        (api_errors.insufficient_quota(), (429, "insufficient_quota", "insufficient_quota")),
        (api_errors.server_error("req_1"), (500, "server_error", "server_error")),
        (api_errors.overloaded(), (503, "service_unavailable_error", "server_is_overloaded")),
    ],
)
def test_what_a_client_retries_has_the_type_of_the_service(
    error: RequestError, parts: tuple[int, str, str]
) -> None:
    assert (error.status, error.type, error.code) == parts


@pytest.mark.parametrize("key", ["test", "YOUR_API_KEY", "sk-1"])
def test_a_short_key_is_shown_whole_as_the_service_does(key: str) -> None:
    assert f"provided: {key}." in api_errors.invalid_api_key(key).message


@given(st.text(alphabet="abc", min_size=13, max_size=99))
def test_no_more_than_the_ends_of_a_key_are_shown(key: str) -> None:
    shown = api_errors.invalid_api_key(key).message.removeprefix("Incorrect API key provided: ")
    assert shown.partition(".")[0] == key[:8] + "*" * (len(key) - 12) + key[-4:]


@given(st.text(), st.from_type(type(None)) | st.text() | st.integers() | st.floats())
def test_whatever_a_client_sent_can_be_encoded_and_stays_on_one_line(text: str, value: object) -> None:
    for error in (
        parameter_errors.unknown_parameter(text, [text]),
        parameter_errors.invalid_type(text, "a string", value),
        parameter_errors.invalid_value(text, value, [text]),
        parameter_errors.key_too_long("metadata", text, 64),
        api_errors.response_not_found(text),
        api_errors.invalid_api_key(text),
    ):
        json.dumps([error.message, error.param], ensure_ascii=False).encode()
        assert len(error.message) < 5000
        assert len((error.message + (error.param or "")).splitlines()) == 1


def test_a_number_without_end_is_not_printed() -> None:
    assert len(parameter_errors.above_maximum("limit", 10**5000, 100).message) < 200
