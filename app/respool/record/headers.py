"""The headers that a recording may keep. All others are left out."""

import fnmatch
import re

# Of a request: what it holds, who sent it, and in which way; nothing that identifies the user.
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

# Of an answer: what clients act upon, and what tells one answer from another.
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

# Headers that hold secrets: what stands in them is looked for in everything else.
_SECRET = re.compile(r"auth|key|token|secret|cookie|signature|credential|password")


def is_allowed(name: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether the header of this name may be kept; a ``*`` in the table stands for anything."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in allowed)


def is_secret(name: str) -> bool:
    """Tell whether the header of this name is for secrets."""
    return _SECRET.search(name.lower()) is not None
