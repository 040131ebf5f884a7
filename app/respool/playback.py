"""Playback: one live response. What a client sees of it is a function of the time since it began."""

from collections.abc import Iterator
from dataclasses import dataclass

from respool.errors import RequestError
from respool.frames import Frame, Schedule
from respool.protocol.events import TERMINAL_TYPES, member_text
from respool.recording import Recording

# How the service answers over HTTP what it would say in-band once a stream has begun.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "insufficient_quota": 429}


@dataclass(frozen=True, slots=True)
class Playback:
    """A recording that is being played since the moment `started`, in the clock's seconds."""

    recording: Recording
    schedule: Schedule
    started: float

    @property
    def ends(self) -> float:
        """The moment of the last event, in the clock's seconds."""
        return self.started + self.schedule.end

    def frames(self) -> Iterator[Frame]:
        """What is sent and when: each frame's moment is in seconds since `started`."""
        return self.schedule.frames()

    def final_response(self) -> str:
        """The Response object with which the stream ends, as JSON text, byte for byte as recorded.

        Raises RequestError where there is none: the stream ends with an `error` event, or was cut.
        Source: the ``response`` field of the terminal events.
        """
        for timed in reversed(self.recording.events):
            event = timed.event
            if event.type in TERMINAL_TYPES and (text := member_text(event.text, "response")):
                return text
            if event.type == "error":
                raise _in_band_error(event.data)
        raise RequestError(
            f"The recording {self.recording.name} ends without a final response (it was cut): "
            "it can be streamed, but it has no answer to a request without stream.",
            status=500,
            type="server_error",
            code="recording_without_end",
        )


def _in_band_error(data: dict[str, object]) -> RequestError:
    # The service nests the details under "error"; the SDKs' types have them flat.
    nested = data.get("error")
    details = nested if isinstance(nested, dict) else data
    code, param = details.get("code"), details.get("param")
    kind = details.get("type") if nested is details else None
    return RequestError(
        str(details.get("message") or "The server had an error processing your request."),
        status=_STATUS_OF_CODE.get(str(code), 500),
        type=kind if isinstance(kind, str) else "server_error",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
    )
