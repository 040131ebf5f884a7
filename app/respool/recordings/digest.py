"""Digest: a short text for the content of a recording, which servers compare."""

from hashlib import blake2b
from weakref import WeakKeyDictionary

from respool.protocol.events import dumps
from respool.recordings.recording import Recording, TimedEvent

_known: "WeakKeyDictionary[Recording, str]" = WeakKeyDictionary()


def digest_of(recording: Recording) -> str:
    """Return the digest of a recording's header, events and times; its name does not count."""
    known = _known.get(recording)
    if known is None:
        known = _known[recording] = _digest(recording)
    return known


def _digest(recording: Recording) -> str:
    made = blake2b(digest_size=12)
    made.update(dumps(dict(recording.header.fields)).encode("utf-8", "surrogatepass"))
    for entry in recording.entries:
        text = f"{entry.event.text}\0{entry.frame}" if isinstance(entry, TimedEvent) else entry.text
        made.update(f"\0{entry.gap}\0{text}".encode("utf-8", "surrogatepass"))
    return made.hexdigest()
