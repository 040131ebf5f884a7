"""StoreKeys: the keys in the store.

The part in ``{...}`` is the same for all: in a cluster, they are in one slot, since a decision may change
several of them in one transaction.
"""

from urllib.parse import quote

TAG = "{respool}"
PREFIX = f"{TAG}:"
SESSIONS = f"{PREFIX}sessions"  # sorted set: when each session was last used
PLAYS = f"{PREFIX}plays"  # hash: of each recording's turn, in all sessions
JOURNAL = f"{PREFIX}journal"  # stream
WAKE = f"{PREFIX}wake"  # stream: which session, or which of its responses, has become another one
RECORDINGS = f"{PREFIX}recordings"  # hash: name of a turn, digest
UPLOADS = f"{PREFIX}uploads"  # hash: name of a recording, JSON of what was uploaded
UPLOADS_VERSION = f"{PREFIX}uploads:version"  # counts the changes of that
NODES = f"{PREFIX}nodes"  # sorted set: when each server last reported that it is alive


def upload(digest: str) -> str:
    """Return the key of an uploaded recording's bytes."""
    return f"{PREFIX}upload:{digest}"


def uploaded_turn(digest: str) -> str:
    """Return the key of the upload that has a turn, by the digest of the turn: JSON."""
    return f"{PREFIX}turn:{digest}"


def improvised_input(digest: str) -> str:
    """Return the key of the input that an improvised answer with this digest was made from: compressed
    JSON."""
    return f"{PREFIX}input:{digest}"


def message(kind: str, id: str) -> str:
    """Return the key of a call from one server to another, or of its answer."""
    return f"{PREFIX}{kind}:{id}"


class StoreKeys:
    """The keys of one session."""

    __slots__ = ("advancing", "conversations", "core", "name", "plays", "responses", "start")

    def __init__(self, name: str) -> None:
        self.name = name
        self.start = start = f"{PREFIX}s={quote(name, safe='')}:"
        self.core = start + "core"  # JSON
        self.plays = start + "plays"  # hash: of each recording's turn
        self.responses = start + "responses"  # sorted set of ids, by when they began
        self.conversations = start + "conversations"  # ids by the time of their last change
        self.advancing = start + "advancing"  # the server that advances the clock

    def response(self, id: str, background: bool) -> str:
        """Return the key of the list of playbacks with this id, latest first: JSON."""
        return f"{self.start}{'b' if background else 'r'}:{id}"

    def responses_of(self, id: str) -> tuple[str, str]:
        """Return both keys of the playbacks with this id."""
        return self.response(id, True), self.response(id, False)

    def conversation(self, id: str) -> str:
        """Return the key of a conversation: JSON."""
        return f"{self.start}c:{id}"
