"""The errors that only a WebSocket has. Errors of HTTP are in `api_errors`.

Words, codes and params are the service's if they are known; otherwise the function's docstring says so.
"""

from respool.errors import RequestError, printable


def invalid_stream_id() -> RequestError:
    """Return the error for a `stream_id` that is no lane's name. The error frame does not repeat it."""
    return RequestError(
        "The 'stream_id' field must be a non-empty string with at most 256 characters and may only contain "
        "letters, numbers, underscores, hyphens, and periods.",
        code="invalid_stream_id",
        param="stream_id",
    )


def stream_limit_reached(most: int) -> RequestError:
    """Return the error for one lane too many in the life of a connection. The error frame repeats its
    name."""
    return RequestError(
        f"This WebSocket connection has reached its maximum number of distinct stream IDs ({most}). "
        "Reuse an existing stream_id or open a new WebSocket connection.",
        code="websocket_stream_limit_reached",
        param="stream_id",
    )


def connection_limit_reached(seconds: float) -> RequestError:
    """Return the error for a connection that has lived for `seconds`; the server closes it after this."""
    return RequestError(
        f"Responses websocket connection limit reached ({seconds / 60:g} minutes). "
        "Create a new websocket connection to continue.",
        code="websocket_connection_limit_reached",
    )


def queue_limit_reached(most: int) -> RequestError:
    """Return the error for too many waiting creates. The service documents no limit: words and code are
    ours."""
    return RequestError(
        f"Too many requests wait on this WebSocket connection: at most {most}, or their size in bytes. "
        "Wait until some responses have ended.",
        status=429,
        type="rate_limit_error",
        code="websocket_queue_limit_reached",
    )


def invalid_json(problem: str) -> RequestError:
    """Return the error for a frame that is no JSON object. Not documented by the service; probes expect the
    code."""
    return RequestError(
        f"Invalid frame: expected a JSON object, but {printable(problem)}.", code="invalid_json"
    )


def unsupported_event_type(type: str) -> RequestError:
    """Return the error for a frame of a type that clients do not send. Not documented; probes expect the
    code."""
    return RequestError(
        f"Unsupported event type: '{printable(type)}'. Supported types are: 'response.create' and "
        "'response.steer'.",
        code="unsupported_event_type",
        param="type",
    )


def background_not_supported() -> RequestError:
    """Return the error for `background` in a create. Not documented; worded like other parameters."""
    return RequestError(
        "Unsupported parameter: 'background' is not supported over WebSocket.",
        code="unsupported_parameter",
        param="background",
    )


def invalid_inject(problem: str, param: str) -> RequestError:
    """Return the error for a `response.inject` that breaks its schema; the server closes the connection after
    this.

    Source: the guide to multi-agent (beta). Words and code are ours.
    """
    return RequestError(f"Invalid 'response.inject': {problem}.", code="invalid_value", param=param)
