"""What faults share that answer instead of the recording."""

from collections.abc import Iterable, Iterator, Mapping

from respool.faults.frame import Action, Frame, Head
from respool.faults.places import number_text

# Of a sound answer's headers, those that an error has as well.
_KEPT = ("openai-version", "openai-processing-ms", "x-request-id")


def answer(
    frames: Iterable[Frame], status: int, content_type: str, body: bytes, headers: Mapping[str, str] = {}
) -> Iterator[Frame]:
    """An answer with this body in place of `frames`, at once."""
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


def retry_headers(seconds: float | None, milliseconds: float | None) -> dict[str, str]:
    """When a client should try again. The service counts one header in seconds, the other in thousandths."""
    headers = {}
    if seconds is not None:
        headers["retry-after"] = f"{number_text(seconds)}"
    if milliseconds is not None:
        headers["retry-after-ms"] = f"{number_text(milliseconds)}"
    return headers
