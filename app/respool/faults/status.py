"""An HTTP error."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from respool.faults.answers import answer, retry_headers
from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Frame
from respool.faults.kinds import choice, maybe_milliseconds, maybe_seconds, text, whole
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Fault):
    """An HTTP error with the API's own body; 502 and 504 come from a proxy, in HTML.

    code            the status, 400 to 599
    message         of the error; auto: the service's own
    body            json, html; auto: html for 502 and 504
    retry_after     seconds, for the header retry-after
    retry_after_ms  milliseconds, for the header retry-after-ms, which the SDKs prefer
    should_retry    the header x-should-retry: true, false; auto: no such header
    """

    name: ClassVar[str] = "status"
    category: ClassVar[Category] = "before"
    stage: ClassVar[Stage] = Stage.ANSWER
    answers: ClassVar[bool] = True

    code: int = whole(500, 400, 599)
    message: str = text("auto")
    body: str = choice("auto", ("auto", "json", "html"))
    retry_after: float | None = maybe_seconds()
    retry_after_ms: float | None = maybe_milliseconds()
    should_retry: str = choice("auto", ("auto", "true", "false"))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        headers = retry_headers(self.retry_after, self.retry_after_ms)
        if self.should_retry != "auto":
            headers["x-should-retry"] = self.should_retry
        if self.body == "html" or (self.body == "auto" and self.code in (502, 504)):
            phrase = self.message if self.message != "auto" else _PHRASES.get(self.code, "Error")
            page = _HTML.format(code=self.code, phrase=phrase).replace("\n", "\r\n").encode()
            return answer(frames, self.code, "text/html", page, headers)
        given = {} if self.message == "auto" else {"message": self.message}
        body = dumps(http_error(self.code, given)).encode()
        return answer(frames, self.code, "application/json", body, headers)
