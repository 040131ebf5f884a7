"""The API's errors, with the service's words.

Every function returns a RequestError and raises nothing: ``raise api_errors.response_not_found(id)``.
Words, codes, params and status are from the service's answers, most of them of 2026; if they are only
documented, the function's docstring has the source. A client's values are shortened, and fit on one line.
"""

from collections.abc import Mapping

from respool.errors import RequestError, printable
from respool.option_types import number_text

_KEYS = "https://platform.openai.com/account/api-keys"


def refused(message: str, code: str | None, param: str | None, status: int = 400) -> RequestError:
    """Return an error whose message and `param` may hold a client's values."""
    shown = None if param is None else printable(param)
    return RequestError(printable(message, 4000), status=status, code=code, param=shown)


def context_length_exceeded() -> RequestError:
    """Return the error for an input that is too long for the model."""
    return refused(
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "context_length_exceeded",
        "input",
    )


# Models, responses, conversations and items that a request names


def model_not_found(model: str) -> RequestError:
    """Return the error for an unknown model in a create: 400. Chat completions would answer 404 with other
    words."""
    return refused(f"The requested model '{printable(model)}' does not exist.", "model_not_found", "model")


def unknown_model(model: str) -> RequestError:
    """Return the error for ``GET /models/{model}`` with an unknown model."""
    return refused(f"The model '{printable(model)}' does not exist", "model_not_found", "model", 404)


def previous_response_not_found(id: str) -> RequestError:
    """Return the error for a ``previous_response_id`` that is not stored."""
    return refused(
        f"Previous response with id '{printable(id)}' not found.",
        "previous_response_not_found",
        "previous_response_id",
    )


def response_not_found(id: str) -> RequestError:
    """Return the error for an id of no response, or of one that was deleted or not stored."""
    return refused(f"Response with id '{printable(id)}' not found.", None, None, 404)


def conversation_not_found(id: str) -> RequestError:
    """Return the error for an id of no conversation: 404, also when a create names it."""
    return refused(f"Conversation with id '{printable(id)}' not found.", None, None, 404)


def item_not_found(id: str) -> RequestError:
    """Return the error for an item that is not in the conversation, or an ``after`` that is not in the list.

    Source: none; worded like the others.
    """
    return refused(f"Item with id '{printable(id)}' not found.", None, None, 404)


def item_not_persisted(id: str) -> RequestError:
    """Return the error for an input item that is sent by its id alone and was not stored: 404."""
    return refused(
        f"Item with id '{printable(id)}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input.",
        None,
        "input",
        404,
    )


def duplicate_item(id: str) -> RequestError:
    """Return the error for an id that two items have: two of the input, or one of the input and one of the
    history that it continues."""
    return refused(
        f"Duplicate item found with id {printable(id)}. "
        "Remove duplicate items from your input and try again.",
        None,
        "input",
    )


def no_tool_output(call: str, call_id: str) -> RequestError:
    """Return the error for a call in the history without an output. `call` is its kind: "function call"."""
    return refused(f"No tool output found for {call} {printable(call_id)}.", None, "input")


def no_tool_call(call: str, call_id: str) -> RequestError:
    """Return the error for an output in the history without a call. `call` is the missing kind: "function
    call"."""
    return refused(f"No tool call found for {call} output with call_id {printable(call_id)}.", None, "input")


def conversation_locked() -> RequestError:
    """Return the error for a conversation with a response in progress: 400, not 409."""
    return refused(
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        "conversation_locked",
        "conversation",
    )


# What a response allows. Source: Azure's contract for these endpoints, which mirrors the service.


def cannot_cancel(status: str) -> RequestError:
    """Return the error for cancelling a background response that has ended: completed, failed, incomplete."""
    article = "an" if status[:1] in "aeiou" else "a"
    return refused(f"Cannot cancel {article} {status} response.", None, None)


def cannot_cancel_synchronous() -> RequestError:
    """Return the error for cancelling a response that was created without ``background``."""
    return cannot_cancel("synchronous")


def cannot_delete_in_flight() -> RequestError:
    """Return the error for deleting a background response that is queued or in progress."""
    return refused("Cannot delete an in-flight response.", None, None)


def not_created_with(parameter: str) -> RequestError:
    """Return the error for ``GET ?stream=true`` of a response created without `parameter`: background,
    stream."""
    return refused(
        f"This response cannot be streamed because it was not created with {parameter}=true.", None, "stream"
    )


def no_longer_streamable(minutes: float) -> RequestError:
    """Return the error for ``GET ?stream=true`` after the events have expired. `minutes` is how long they are
    kept."""
    return refused(
        f"This response can no longer be streamed because it is more than {minutes:g} minutes old.",
        None,
        "stream",
    )


# Keys and limits


def missing_api_key() -> RequestError:
    """Return the error for a request without a key: 401, without a code. These are the words of /responses in
    2026; older answers begin with "You didn't provide an API key"."""
    return refused("Missing bearer or basic authentication in header", None, None, 401)


def invalid_api_key(key: str) -> RequestError:
    """Return the error for a wrong key. The message shows the key as the service does: the middle as stars, a
    short key in full."""
    masked = key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
    return refused(
        f"Incorrect API key provided: {printable(masked)}. You can find your API key at {_KEYS}.",
        "invalid_api_key",
        None,
        401,
    )


RATE_LIMITS: Mapping[str, str] = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}


def wait_text(seconds: float) -> str:
    """Return a wait as messages and ``x-ratelimit-reset-*`` write it: 1.2s, 20ms."""
    return (
        f"{number_text(round(seconds, 6))}s" if seconds >= 1 else f"{number_text(round(seconds * 1000, 6))}ms"
    )


def rate_limited(
    model: str, limit: int, used: int, requested: int, seconds: float, of: str = "tokens"
) -> RequestError:
    """Return the error for too many requests or tokens a minute. `of` is one of RATE_LIMITS. Without a
    `model` the message names none.

    `seconds` is also the value of ``retry-after``.
    """
    for_model = f" for {printable(model)}" if model else ""
    return RequestError(
        f"Rate limit reached{for_model} on {RATE_LIMITS[of]}: Limit {limit}, Used {used}, "
        f"Requested {requested}. Please try again in {wait_text(seconds)}.",
        status=429,
        type=of,
        code="rate_limit_exceeded",
    )


def slow_down() -> RequestError:
    """Return the error for traffic that rises too fast. Source: documents of 2026."""
    return RequestError(
        "Slow down. Your traffic rose too fast. Please retry later, and raise it more slowly.",
        status=429,
        type="rate_limit_error",
        code="slow_down",
    )


def insufficient_quota() -> RequestError:
    """Return the error for an account without credit. SDKs retry this too."""
    return RequestError(
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        status=429,
        type="insufficient_quota",
        code="insufficient_quota",
    )


def server_error(request_id: str) -> RequestError:
    """Return the error for a defect of the service itself."""
    return RequestError(
        "The server had an error processing your request. Sorry about that! You can retry your request, or "
        "contact us through our help center at help.openai.com if you keep seeing this error. (Please "
        f"include the request ID {printable(request_id)} in your email.)",
        status=500,
        type="server_error",
        code="server_error",
    )


def overloaded() -> RequestError:
    """Return the error for a model without free capacity. Source: documents of 2026."""
    return RequestError(
        "The server is currently overloaded with other requests. Sorry about that! You can retry your "
        "request.",
        status=503,
        type="service_unavailable_error",
        code="server_is_overloaded",
    )


# Type, code and message for a Script or a fault that gives only a status. Source: recorded answers, and the
# service's page of error codes.
_BY_STATUS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request is invalid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", None, "You are not allowed to do this."),
    404: ("invalid_request_error", None, "Not found."),
    408: ("server_error", None, "The request timed out. Please try again."),
    409: ("invalid_request_error", None, "Another request changed the resource. Please try again."),
    413: ("invalid_request_error", "request_too_large", "The request body is too large."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached."),
}
FAILURE = "The server had an error while processing your request."  # as streams word it


def of_status(status: int) -> RequestError:
    """Return the service's usual error with this status."""
    if status in (503, 529):
        error = overloaded()
        error.status = status
        return error
    if status >= 500:
        return RequestError(FAILURE, status=status, type="server_error", code="server_error")
    type_, code, message = _BY_STATUS.get(status, _BY_STATUS[400])
    return RequestError(message, status=status, type=type_, code=code)


# The status over HTTP of errors that a stream has as an event.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "insufficient_quota": 429}


def of_event(data: Mapping[str, object]) -> RequestError:
    """Return the error of an ``error`` event, as it is answered over HTTP."""
    # The service nests the details under "error"; the SDKs' types have them flat.
    nested = data.get("error")
    details = nested if isinstance(nested, dict) else data
    code, param = details.get("code"), details.get("param")
    kind = details.get("type") if nested is details else None
    return RequestError(
        str(details.get("message") or "The server had an error processing your request."),
        status=_STATUS_OF_CODE.get(str(code), 500),
        type=kind if isinstance(kind, str) else "server_error",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )


def to_api(error: RequestError) -> dict[str, dict[str, str | None]]:
    """Return the error as the body of an answer."""
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return {"error": fields}
