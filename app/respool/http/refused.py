"""RefusedRequest: a request that is refused while it is read, and its answer without the app."""

import json

from respool.errors import printable

_LONGEST = 200  # characters that are told of what is wrong


class RefusedRequest(Exception):
    """A request that is refused while it is read: its status, its code and a message for the client."""

    def __init__(self, status: int, reason: str, code: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.code = code
        self.message = message
        super().__init__(message)

    def answer(self) -> bytes:
        """Return the whole answer, which ends the connection."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + body


def head_too_large(most: int) -> RefusedRequest:
    """Return the refusal of more than `most` bytes of headers."""
    message = f"The request's head is too large: expected at most {most} bytes of headers."
    return RefusedRequest(431, "Request Header Fields Too Large", "request_headers_too_large", message)


def url_too_long(most: int) -> RefusedRequest:
    """Return the refusal of a URL of more than `most` bytes."""
    message = f"The request's URL is too long: expected at most {most} bytes."
    return RefusedRequest(414, "URI Too Long", "url_too_long", message)


def too_many_pipelined(most: int) -> RefusedRequest:
    """Return the refusal of more than `most` requests that wait on one connection."""
    message = f"Too many requests at once on one connection: expected at most {most} unanswered."
    return RefusedRequest(400, "Bad Request", "too_many_pipelined_requests", message)


def too_many_connections(most: int) -> RefusedRequest:
    """Return the refusal of a connection beyond `most`."""
    message = f"{most} connections are open, which is the limit of this server (--max-connections)."
    return RefusedRequest(503, "Service Unavailable", "too_many_connections", message)


def timed_out(seconds: float) -> RefusedRequest:
    """Return the refusal of a head that takes longer than `seconds`."""
    message = f"The request's head did not come within {seconds:g} seconds."
    return RefusedRequest(408, "Request Timeout", "request_timeout", message)


def bad_upgrade(protocol: bytes) -> RefusedRequest:
    """Return the refusal of an upgrade to `protocol`."""
    shown = protocol.decode("ascii", "backslashreplace")[:60]
    message = (
        f"This server speaks HTTP/1.1 and cannot upgrade to {shown}: leave out the header Upgrade "
        "(curl --http1.1; in Java, HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1))."
    )
    return RefusedRequest(400, "Bad Request", "unsupported_upgrade", message)


def bad_handshake(error: BaseException | None) -> RefusedRequest:
    """Return the refusal of a handshake that `websockets` does not read: it sends no answer itself."""
    from websockets.exceptions import SecurityError  # late: few handshakes are refused

    problem = printable(str(error), _LONGEST)
    if isinstance(error, SecurityError):
        message = (
            f"The head of the WebSocket handshake is too large ({problem}): expected at most 128 headers, "
            "and at most 8 KiB in each of them and in the URL."
        )
        return RefusedRequest(431, "Request Header Fields Too Large", "request_headers_too_large", message)
    return RefusedRequest(400, "Bad Request", "invalid_handshake", f"Invalid WebSocket handshake: {problem}.")


def not_http() -> RefusedRequest:
    """Return the refusal of what is no HTTP."""
    return RefusedRequest(400, "Bad Request", "invalid_http", "Invalid HTTP request received.")
