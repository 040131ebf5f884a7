"""Every error that Respool raises on purpose.

    RespoolError
    ├── RecordingError          a file that cannot be used as a recording: path, line, column, cause
    │   └── NotARecording       a file that holds nothing of the Responses API
    ├── PathError               a path given to us that is not there or cannot be read
    ├── NoMatchingRecording     no recording answers a request; carries the nearest names
    │   ├── NotRecorded         nothing is recorded for it
    │   ├── TurnsExhausted      the request asks for a turn after the last one
    │   └── AmbiguousMatch      several recordings are equally near
    ├── EditError               a live response that cannot be changed so: it has ended, is not held, ...
    ├── RequestError            a request which the API would refuse: status, type, code, param
    └── OptionError             an option whose value makes no sense
        ├── FaultError          a fault that is not known, or one of its options: fault, key, value
        └── ReferenceFailed     the client of a drill fails without any fault; carries what it wrote to stderr

Each says what happened, where, and what was expected; the parts are attributes, so that tests need
not match prose.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any


def printable(text: str, most: int = 200) -> str:
    """Return text from elsewhere for one line of a message or a log: control characters, line ends and lone
    surrogates as escapes, and at most `most` characters."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[: most + 1]
    )
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


# Controls, bidi marks, invisible characters, line and paragraph separators, lone surrogates, tags. Not the
# joiners U+200C and U+200D, of which words and emoji are made, and neither line ends nor tabs.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def escaped(text: str) -> str:
    """Return a text of any length, with what would steer a terminal or hide in it as escapes."""
    return _STEERING.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class RespoolError(Exception):
    """The base of all errors below; its text is fit to be shown to a user."""


class Effect(Enum):
    """The effect of an error on its place in a file."""

    REFUSED = "refused"  # the file is not used
    CAPTURED = "captured"  # it is damaged, and played as it was captured
    SKIPPED = "skipped"  # it is no part of a response, and is passed over


class RecordingError(RespoolError):
    """A file, or one line of it, cannot be used: ``path:line:column: cause``.

    With another `effect` than REFUSED it is a note on a file that is used all the same.
    """

    def __init__(
        self,
        cause: str,
        path: str = "",
        line: int | None = None,
        column: int | None = None,
        effect: Effect = Effect.REFUSED,
    ) -> None:
        self.cause = cause
        self.path = path
        self.line = line
        self.column = column
        self.effect = effect
        super().__init__(f"{self.place}: {cause}" if self.place else cause)

    @property
    def place(self) -> str:
        """``path:line:column``, as far as it is known."""
        parts = (printable(self.path, 4096), self.line, self.column)
        return ":".join(str(part) for part in parts if part not in ("", None))


class NotARecording(RecordingError):
    """A file holds no response of the Responses API; `cause` names its content."""


class PathError(RespoolError):
    """A file or folder that was named does not exist or cannot be read."""


class EditError(RespoolError):
    """A live response cannot be changed so: too late, nothing is held, no such event."""


class OptionError(RespoolError):
    """The value of an option is out of range, or two options exclude each other."""


class FaultError(OptionError):
    """An invalid fault: its name, an option, or an option's value."""

    def __init__(
        self, message: str, *, fault: str | None = None, key: str | None = None, value: Any = None
    ) -> None:
        self.fault = fault
        self.key = key
        self.value = value
        super().__init__(message)

    @classmethod
    def of_name(cls, name: str, known: Iterable[str]) -> "FaultError":
        """Return the error for an unknown fault."""
        expected = _nearest(name, known) or f"expected one of {', '.join(known)}"
        return cls(f"no fault is named {name}: {expected}", fault=name)

    @classmethod
    def of_key(cls, fault: str, key: str, known: Iterable[str]) -> "FaultError":
        """Return the error for an option that the fault does not have."""
        nearest = _nearest(key, known)
        expected = f"expected one of {', '.join(known)}" + (nearest and f"; {nearest}")
        return cls(f"fault {fault} has no option {key}: {expected}", fault=fault, key=key)

    @classmethod
    def of_value(cls, fault: str, key: str, value: Any, expected: str) -> "FaultError":
        """Return the error for a value that the option does not accept."""
        shown = printable(str(value), 60)
        return cls(f"fault {fault}: {key} is {shown}, expected {expected}", fault=fault, key=key, value=value)


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name[:200], list(known), n=1, cutoff=0.6)
    return f"did you mean {nearest[0]}?" if nearest else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a suggestion for an error message, or ""."""
    nearest = _nearest(name, known)
    return f", {nearest}" if nearest else ""


class ReferenceFailed(OptionError):
    """The client cannot be drilled: it fails without any fault.

    `errors` is what it wrote to stderr.
    """

    def __init__(self, message: str, errors: str = "") -> None:
        self.errors = errors
        super().__init__(message)


class NoMatchingRecording(RespoolError):
    """No recording answers this request.

    nearest       the names that are nearest to the requested one
    near_misses   the recordings, and the stubs, that nearly match: as in the API's answer
    """

    near_misses: Sequence[Mapping[str, Any]] = ()

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


class NotRecorded(NoMatchingRecording):
    """Nothing is recorded for this request."""


class TurnsExhausted(NoMatchingRecording):
    """A request asks for the turn after a recording's last one. `requested` counts from 1."""

    def __init__(self, seen: int, count: int, why: str) -> None:
        self.requested = seen + 1
        self.count = count
        super().__init__(
            f"The request asks for turn {self.requested} ({why}), but the recording has {count} "
            f"turn{'s' if count > 1 else ''}. Pin one with #N, or let the last or the first follow "
            "(--on-exhausted last, loop)."
        )


class AmbiguousMatch(NoMatchingRecording):
    """Several recordings with different answers are equally near to a request; `nearest` names them."""

    def __init__(self, names: Sequence[str]) -> None:
        shown = ", ".join(printable(name) for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        super().__init__(
            f"The request is equally near to several recordings: {shown}{more}. Name one in the header "
            "x-respool-play, or mask what differs in match.yaml.",
            names,
        )


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
