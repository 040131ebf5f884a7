"""Uploads: the recordings that a test has brought itself. They are in memory, and in a shared state if
there is one: there by the digest of what was uploaded."""

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
    """What was uploaded: its digest, the suffix by which its format is known, and its size in bytes when it
    is decompressed."""

    digest: str
    suffix: str
    size: int


class Uploads:
    """The uploaded recordings that this server has, by their names."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Upload] = {}

    @property
    def known(self) -> Mapping[str, Upload]:
        """What was uploaded, by the name of the recording."""
        return self._known

    def read(self, name: str, suffix: str, data: bytes) -> tuple[Upload, tuple[Recording, ...]]:
        """Return what `data` is as an upload, and its turns. Raise RecordingError for what is none."""
        path = name + suffix
        plain = formats.encodings.plain(data, path, MOST_BYTES)
        digest = sha256(data + suffix.encode()).hexdigest()[:32]
        return Upload(digest, suffix, len(plain)), formats.read(plain, name, path)

    def check_room(self, name: str, upload: Upload) -> None:
        """Raise RequestError if there is no room for one more."""
        others = [other.size for uploaded, other in self._known.items() if uploaded != name]
        if len(others) >= MOST or sum(others) + upload.size > MOST_BYTES:
            raise RequestError(
                f"Uploaded are {len(others)} recordings with {sum(others)} bytes, and this one has "
                f"{upload.size}; expected at most {MOST} with {MOST_BYTES}. Remove some.",
                status=413,
                code="too_many",
            )

    def put(self, name: str, upload: Upload, turns: tuple[Recording, ...]) -> None:
        """Serve it, in place of one of its name. Raise OptionError for a name that is none, or a file's."""
        self._store.add(name, turns)
        self._known[name] = upload

    def remove(self, name: str) -> bool:
        """Forget one; whether there was such."""
        self._known.pop(name, None)
        return self._store.remove(name)
