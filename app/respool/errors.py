"""Every error that Respool raises on purpose.

    RespoolError
    ├── RecordingError          a file that cannot be used as a recording: path, line, column, cause
    ├── PathError               a path given to us that is not there or cannot be read
    ├── NoMatchingRecording     no recording answers a request; carries the nearest names
    ├── RequestError            a request which the API would refuse: status, type, code, param
    └── OptionError             an option whose value makes no sense

Each says what happened, where, and what was expected; the parts are attributes, so that tests need
not match prose.
"""

from collections.abc import Sequence


def printable(text: str, most: int = 200) -> str:
    """A text from elsewhere, fit for one line of a message or a log: without line ends, control
    characters and lone surrogates, which are shown as escapes, and no longer than `most` characters."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[: most + 1]
    )
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


class RespoolError(Exception):
    """The base of all errors below; its text is fit to be shown to a user."""


class RecordingError(RespoolError):
    """A file, or one line of it, cannot be used: ``path:line:column: cause``."""

    def __init__(
        self, cause: str, path: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        self.cause = cause
        self.path = path
        self.line = line
        self.column = column
        super().__init__(f"{self.place}: {cause}" if self.place else cause)

    @property
    def place(self) -> str:
        """``path:line:column``, as far as it is known."""
        parts = (printable(self.path, 4096), self.line, self.column)
        return ":".join(str(part) for part in parts if part not in ("", None))


class PathError(RespoolError):
    """A file or folder that was named does not exist or cannot be read."""


class OptionError(RespoolError):
    """The value of an option is out of range, or two options exclude each other."""


class NoMatchingRecording(RespoolError):
    """No recording answers this request."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


class RequestError(RespoolError):
    """A request that the API refuses, with the fields of its error envelope.

    Source: the ``error`` object of the API's 4xx answers: message, type, param, code.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.type = type
        super().__init__(message)
