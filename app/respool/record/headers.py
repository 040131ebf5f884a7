"""The headers that a recording may keep."""

import fnmatch
import re

# Of a request: its content type, the client and its settings; nothing that identifies the user.
REQUEST_HEADERS = (
    "accept",
    "accept-encoding",
    "accept-language",
    "content-encoding",
    "content-type",
    "last-event-id",
    "openai-beta",
    "prefer",
    "user-agent",
    "x-stainless-*",
)

# Of an answer: the headers that clients act upon, and those that identify an answer.
RESPONSE_HEADERS = (
    "apim-request-id",
    "azureml-model-session",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-type",
    "date",
    "location",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "x-envoy-upstream-service-time",
    "x-ms-region",
    "x-ms-request-id",
    "x-ratelimit-*",
    "x-request-id",
    "x-should-retry",
)

# Headers that hold secrets. Their values are redacted everywhere.
_SECRET = re.compile(r"auth|key|token|secret|cookie|signature|credential|password")


def is_allowed(name: str, allowed: tuple[str, ...]) -> bool:
    """Return True if the header of this name may be kept; a ``*`` in the table stands for anything."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in allowed)


def is_secret(name: str) -> bool:
    """Return True if the header of this name holds secrets."""
    return _SECRET.search(name.lower()) is not None
