"""Faults before the stream: another answer, another head, or no answer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from respool.errors import RequestError
from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Action, Frame, Head
from respool.option_types import number_text
from respool.options import (
    AUTO,
    MaybeNumber,
    choice,
    header,
    maybe_milliseconds,
    maybe_seconds,
    seconds,
    text,
    whole,
)
from respool.protocol import api_errors
from respool.protocol.events import dumps
from respool.protocol.response import http_error

_HTML = """<html>
<head><title>{code} {phrase}</title></head>
<body>
<center><h1>{code} {phrase}</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""
_PHRASES = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}

_USUAL_WAIT = 1.0  # seconds


@fault_class("status", "before", Stage.ANSWER, expect="notice", answers=True)
class Status(Fault):
    """An HTTP error with the API's own body; 502 and 504 come from a proxy, in HTML.

    code            the status, 400 to 599
    message         of the error; auto: the service's own
    body            json, html; auto: html for 502 and 504
    retry_after     seconds, for the header retry-after
    retry_after_ms  milliseconds, for the header retry-after-ms, which the SDKs prefer; auto: the same
    should_retry    the header x-should-retry: true, false; auto: no such header
    """

    code: int = whole(500, 400, 599)
    message: str = text("auto")
    body: str = choice("auto", ("auto", "json", "html"))
    retry_after: MaybeNumber = maybe_seconds()
    retry_after_ms: MaybeNumber = maybe_milliseconds(AUTO)
    should_retry: str = choice("auto", ("auto", "true", "false"))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        headers = RetryTimes.of(self.retry_after, self.retry_after_ms).headers()
        if self.should_retry != "auto":
            headers["x-should-retry"] = self.should_retry
        if self.body == "html" or (self.body == "auto" and self.code in (502, 504)):
            phrase = self.message if self.message != "auto" else _PHRASES.get(self.code, "Error")
            page = _HTML.format(code=self.code, phrase=phrase).replace("\n", "\r\n").encode()
            return answer(frames, self.code, "text/html", page, headers)
        given = {} if self.message == "auto" else {"message": self.message}
        body = dumps(http_error(self.code, given)).encode()
        return answer(frames, self.code, "application/json", body, headers)


@fault_class("rate_limit", "before", Stage.ANSWER, expect="notice", answers=True)
class RateLimit(Fault):
    """429, a rate limit: its headers (retry-after, retry-after-ms, x-ratelimit-*) and its message agree.

    of              what there were too many of: requests, tokens
    limit           how many are allowed in a minute
    retry_after     seconds, for the header retry-after; auto: as retry_after_ms says, or a second
    retry_after_ms  milliseconds, for the header retry-after-ms, which the SDKs prefer; auto: the same
    """

    of: str = choice("requests", tuple(api_errors.RATE_LIMITS))
    limit: int = whole(500)
    retry_after: MaybeNumber = maybe_seconds(AUTO)
    retry_after_ms: MaybeNumber = maybe_milliseconds(AUTO)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        times = RetryTimes.of(self.retry_after, self.retry_after_ms, usual=_USUAL_WAIT)
        wait = times.wait(_USUAL_WAIT)
        headers = times.headers() | {
            f"x-ratelimit-limit-{self.of}": str(self.limit),
            f"x-ratelimit-remaining-{self.of}": "0",
            f"x-ratelimit-reset-{self.of}": api_errors.wait_text(wait),
        }
        error = api_errors.rate_limited("", self.limit, self.limit, 1, wait, self.of)
        return answer_with(frames, error, headers)


@fault_class("quota", "before", Stage.ANSWER, expect="notice", answers=True)
class Quota(Fault):
    """429, the quota is used up: to retry is pointless, and the SDKs do."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return answer_with(frames, api_errors.insufficient_quota())


@fault_class("not_json", "before", Stage.ANSWER, expect="notice", answers=True)
class NotJson(Fault):
    """A body that is no JSON, though its content type says so.

    body  what is sent
    code  the status, 200 to 599
    """

    body: str = text("<!DOCTYPE html><title>Sign in</title>")
    code: int = whole(200, 200, 599)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return answer(frames, self.code, "application/json", self.body.encode("utf-8", "replace"))


@fault_class("content_type", "before", Stage.ANSWER)
class ContentType(Fault):
    """A wrong content type; the body is sound.

    value  the header content-type
    """

    value: str = header("text/html")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        for frame in frames:
            head = frame.head
            yield replace(frame, head=head.with_headers(content_type=self.value)) if head else frame


@fault_class("slow_headers", "before", Stage.TIME)
class SlowHeaders(Fault):
    """The head leaves late, and with it all that is due by then.

    seconds  after the request
    """

    seconds: float = seconds(5.0)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return (replace(frame, at=max(frame.at, self.seconds)) for frame in frames)


@fault_class("refuse", "before", Stage.ANSWER, expect="notice", answers=True)
class Refuse(Fault):
    """The connection is reset (RST) before any byte, as if nothing listened."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        yield Frame(0.0, action=Action.RESET)


@fault_class("empty_reply", "before", Stage.ANSWER, expect="notice", answers=True)
class EmptyReply(Fault):
    """The connection is closed (FIN) before any byte, as by a server that closes an idle connection."""

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        yield Frame(0.0, action=Action.CUT)


# The headers of a sound answer that an error also has.
_KEPT = ("openai-version", "openai-processing-ms", "x-request-id")


def answer(
    frames: Iterable[Frame], status: int, content_type: str, body: bytes, headers: Mapping[str, str] = {}
) -> Iterator[Frame]:
    """Yield an answer with this body in place of `frames`, at once."""
    sound = next((frame.head.headers for frame in frames if frame.head), {})
    head = Head(
        status,
        {
            **{name: value for name, value in sound.items() if name in _KEPT},
            "content-type": content_type,
            "content-length": str(len(body)),
            **headers,
        },
        stream=False,
    )
    yield Frame(0.0, head=head)
    yield Frame(0.0, body)
    yield Frame(0.0, action=Action.CLOSE)


def answer_with(
    frames: Iterable[Frame], error: RequestError, headers: Mapping[str, str] = {}
) -> Iterator[Frame]:
    """Return the frames of an error of the service, in place of `frames`."""
    body = dumps(api_errors.to_api(error)).encode()
    return answer(frames, error.status, "application/json", body, headers)


@dataclass(frozen=True, slots=True)
class RetryTimes:
    """The wait before a retry, in the forms of two headers; None: no such header."""

    seconds: float | None
    milliseconds: float | None

    @classmethod
    def of(cls, seconds: MaybeNumber, milliseconds: MaybeNumber, usual: float | None = None) -> "RetryTimes":
        """Return the times of two options. An option that is auto takes the other's value; if both are auto,
        `usual` seconds."""
        if seconds == AUTO:
            number = milliseconds if isinstance(milliseconds, int | float) else None
            seconds = usual if number is None else _rounded(number / 1000)
        assert not isinstance(seconds, str)
        if milliseconds == AUTO:
            milliseconds = None if seconds is None else _rounded(seconds * 1000)
        assert not isinstance(milliseconds, str)
        return cls(seconds, milliseconds)

    def wait(self, usual: float) -> float:
        """Return the wait, in seconds, of a client that prefers the milliseconds."""
        if self.milliseconds is not None:
            return _rounded(self.milliseconds / 1000)
        return usual if self.seconds is None else self.seconds

    def headers(self) -> dict[str, str]:
        headers = {}
        if self.seconds is not None:
            headers["retry-after"] = number_text(self.seconds)
        if self.milliseconds is not None:
            headers["retry-after-ms"] = number_text(self.milliseconds)
        return headers


def _rounded(number: float) -> float:
    return round(number, 6)
