"""A rate limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.answers import answer, retry_headers
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import choice, maybe_milliseconds, maybe_seconds, whole
from respool.protocol.events import dumps
from respool.protocol.response import http_error

_UNITS = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(Fault):
    """429, a rate limit: with retry-after, retry-after-ms and x-ratelimit-* headers.

    of              what there were too many of: requests, tokens
    limit           how many are allowed in a minute
    retry_after     seconds, for the header retry-after
    retry_after_ms  milliseconds, for the header retry-after-ms, which the SDKs prefer
    """

    name: ClassVar[str] = "rate_limit"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    of: str = choice("requests", tuple(_UNITS))
    limit: int = whole(500)
    retry_after: float | None = maybe_seconds(1.0)
    retry_after_ms: float | None = maybe_milliseconds(1000.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        wait = 1.0 if self.retry_after is None else self.retry_after
        if self.retry_after_ms is not None:
            wait = self.retry_after_ms / 1000
        reset = f"{wait:g}s" if wait >= 1 else f"{wait * 1000:g}ms"
        headers = retry_headers(self.retry_after, self.retry_after_ms) | {
            f"x-ratelimit-limit-{self.of}": str(self.limit),
            f"x-ratelimit-remaining-{self.of}": "0",
            f"x-ratelimit-reset-{self.of}": reset,
        }
        message = (
            f"Rate limit reached on {_UNITS[self.of]}: Limit {self.limit}, Used {self.limit}, Requested 1. "
            f"Please try again in {reset}."
        )
        body = dumps(http_error(429, {"type": self.of, "message": message})).encode()
        return answer(frames, 429, "application/json", body, headers)
