"""Uploads: the recordings that a test uploads. They are in memory, and, by the digest of the uploaded bytes,
in a shared state if there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from respool.errors import RequestError
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.store import Store

MOST = 1000  # recordings
MOST_BYTES = 256 * 1024 * 1024  # of them together


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded recording: its digest, the suffix that gives its format, and its decompressed size in
    bytes."""

    digest: str
    suffix: str
    size: int


class Uploads:
    """The uploaded recordings of this server, by name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Upload] = {}

    @property
    def known(self) -> Mapping[str, Upload]:
        """The uploads, by the name of the recording."""
        return self._known

    def read(self, name: str, suffix: str, data: bytes) -> tuple[Upload, tuple[Recording, ...]]:
        """Return the upload of `data`, and its turns. Raise RecordingError if it is no recording."""
        path = name + suffix
        plain = formats.encodings.plain(data, path, MOST_BYTES)
        digest = sha256(data + suffix.encode()).hexdigest()[:32]
        return Upload(digest, suffix, len(plain)), formats.read(plain, name, path)

    def check_room(self, name: str, upload: Upload) -> None:
        """Raise RequestError if there is no room for another upload."""
        others = [other.size for uploaded, other in self._known.items() if uploaded != name]
        if len(others) >= MOST or sum(others) + upload.size > MOST_BYTES:
            raise RequestError(
                f"Uploaded are {len(others)} recordings with {sum(others)} bytes, and this one has "
                f"{upload.size}; expected at most {MOST} with {MOST_BYTES}. Remove some.",
                status=413,
                code="too_many",
            )

    def put(self, name: str, upload: Upload, turns: tuple[Recording, ...]) -> None:
        """Serve an upload, or replace the one of this name. Raise OptionError for an invalid name, or one of
        a file."""
        self._store.add(name, turns)
        self._known[name] = upload

    def remove(self, name: str) -> bool:
        """Remove an upload. Return False if there was none."""
        self._known.pop(name, None)
        return self._store.remove(name)
