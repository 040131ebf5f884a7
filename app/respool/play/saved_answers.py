"""Saved Response objects without their streams: each plays as a stream that ends with it."""

from weakref import WeakKeyDictionary

from respool.recordings.recording import Header, Recording, TimedEvent


class SavedAnswers:
    """Makes streams for saved answers, and keeps each as long as its recording."""

    def __init__(self) -> None:
        self._streams: WeakKeyDictionary[Recording, Recording | None] = WeakKeyDictionary()

    def streamed(self, recording: Recording) -> Recording:
        """Return the recording with possible events of its answer. A stream, an error, or anything but a
        Response object that has ended stays as it is."""
        if not recording.plain:
            return recording
        if recording not in self._streams:
            self._streams[recording] = _stream(recording)
        return self._streams[recording] or recording


def _stream(recording: Recording) -> Recording | None:
    header = recording.header
    if header.status != 200 or not isinstance(header.body, dict) or header.body.get("object") != "response":
        return None
    from respool.scripts.unsynth.from_answer import events_of  # late, since few have such recordings

    events = events_of(header.body)
    if events is None:
        return None
    # That of JSON is none of a stream's.
    headers = {name: value for name, value in header.headers.items() if name.lower() != "content-type"}
    fields = {name: value for name, value in header.fields.items() if name not in ("body", "headers")}
    return Recording(
        recording.name,
        Header({**fields, **({"headers": headers} if headers else {})}),
        tuple(TimedEvent(None, event) for event in events),
    )
