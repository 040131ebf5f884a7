"""The target of a load: a URL and the request."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from respool.errors import OptionError

# Source: RFC 9110, 5.1 and 5.5; of the values only ASCII ones.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """The URL and the request of a load. Raises OptionError for an invalid URL or header."""

    url: str  # the URL of POST /v1/responses, or the base URL above it
    model: str
    input: str = "Say hello."
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and self.port
        except ValueError:
            sound = None
        if not sound:
            raise OptionError(f"url is {self.url}, expected http://HOST/v1 or https://HOST/v1")
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                shown = name if _NAME.fullmatch(name) else repr(name)
                raise OptionError(f"header {shown} has characters that no header may have; expected ASCII")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    def request(self) -> bytes:
        """Return the bytes of a request."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        path = quote(path if path.endswith("/responses") else f"{path}/responses", safe="/%:@!$&'()*+,;=~")
        query = f"?{quote(parts.query, safe='=&%/:@!$()*+,;?~')}" if parts.query else ""
        body = json.dumps({"model": self.model, "input": self.input, "stream": True}).encode()
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Accept": "text/event-stream",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path}{query} HTTP/1.1\r\n{head}\r\n".encode() + body
