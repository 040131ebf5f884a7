"""load: the recordings of a file, to be looked at, checked and written."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respool.errors import PathError
from respool.recordings.recording import Recording

if TYPE_CHECKING:
    from respool.check.findings import Finding
    from respool.scripts import Script


@dataclass(frozen=True)
class LoadedRecording:
    """One answer of a file: a stream of events, or an HTTP error."""

    recording: Recording

    def __repr__(self) -> str:
        what = f"status {self.status}" if self.recording.plain else f"{len(self.events)} events"
        return f"<LoadedRecording {self.name}: {what}>"

    @property
    def name(self) -> str:
        """Its name; of the second and later answers of a file, with ``#2``."""
        return self.recording.name

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.recording.header.status

    @property
    def request(self) -> Mapping[str, Any]:
        """The body of the request that it answers; empty if it is not known."""
        return self.recording.header.request

    @cached_property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events as data."""
        from respool.protocol.events import loads

        return [loads(timed.event.text) for timed in self.recording.events]

    @property
    def times(self) -> Sequence[float]:
        """When each event comes, in seconds since the request; an event without a time is 0.02 s after the
        one before it."""
        from respool.play.pace import Pace

        return list(Pace().moments(self.recording))

    @cached_property
    def response(self) -> Mapping[str, Any]:
        """The Response object at the end of the stream; of an HTTP error, its body."""
        from respool.protocol.snapshot import fold

        if self.recording.plain:
            return {} if self.recording.header.body is None else dict(self.recording.header.body)
        return fold(timed.event for timed in self.recording.events)

    @property
    def output_text(self) -> str:
        """All output text of the model."""
        return "".join(
            part.get("text", "")
            for item in self.response.get("output", ())
            if item.get("type") == "message"
            for part in item.get("content", ())
            if part.get("type") == "output_text"
        )

    def check(self, *, schema: bool = False) -> "list[Finding]":
        """Return what is wrong with the stream: see docs/checks.md. With `schema`, fields are validated by
        the models of the openai package, too."""
        from respool.check.checker import check
        from respool.check.schema import validate

        events = [timed.event for timed in self.recording.events]
        if not events:
            return []
        return [*check(events), *(validate(events) if schema else ())]

    def to_sse(self) -> bytes:
        """Return the stream as server-sent events, as a server sends it."""
        from respool.protocol.event_frames import SSE_DONE, encode_sse

        frames = [encode_sse(timed.event) for timed in self.recording.events]
        return b"".join([*frames, SSE_DONE] if self.recording.header.done else frames)


def load(source: "str | os.PathLike[str] | Script") -> list[LoadedRecording]:
    """Return the recordings of a file, in any format that is served, or those that a Script becomes.

    Raise PathError for a file that cannot be read, RecordingError for what is no recording.
    """
    from respool.recordings import formats

    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PathError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        name = formats.without_suffix(path.name)
        return [LoadedRecording(turn) for turn in formats.read(data, name, str(path))]
    text = formats.script.write(source)
    return [LoadedRecording(turn) for turn in formats.read(text.encode(), "script", "script.script.yaml")]
