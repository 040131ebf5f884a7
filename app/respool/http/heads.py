"""The headers of an answer, as the real service sends them."""

from collections.abc import Mapping
from uuid import uuid4

from respool.play.playback import Playback

# Of a recorded answer's headers, those which describe its transport or its owner are not sent:
# our own transport has its own, and nobody's cookies or account names belong in a test.
_NOT_REPLAYED = frozenset(
    "connection keep-alive proxy-authenticate proxy-connection te trailer transfer-encoding upgrade "
    "content-length content-encoding date server set-cookie set-cookie2 alt-svc "
    "openai-organization openai-project".split()
)


def head_of(playback: Playback, leaves: float, *, stream: bool = True) -> dict[str, str]:
    """Return the headers of an answer that leaves at that moment of the clock; those which were recorded
    replace ours. Without `stream`, the content type of the recorded stream is left out."""
    recording = playback.recording
    head = {
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(max(1, round((leaves - playback.started) * 1000))),
        "cache-control": "no-cache",
    }
    if recording.scripted:
        head.update(_replayed(_of_profile(playback), stream))
    if headers := recording.header.fields.get("headers"):
        head.update(_replayed(headers, stream))
    return head


def _replayed(headers: Mapping[str, str], stream: bool) -> dict[str, str]:
    named = {name.lower(): value for name, value in headers.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in _NOT_REPLAYED and (stream or name != "content-type")
    }


def _of_profile(playback: Playback) -> Mapping[str, str]:
    """What the producer that a Script is spoken by adds."""
    headers = playback.profile.headers
    if not headers:
        return {}
    plain = playback.recording.plain
    model = "" if plain else str(playback.rendition.begun.get("model") or "")
    told = {name: value.format(uuid=uuid4(), model=model) for name, value in headers.items()}
    return {
        name: value
        for name, value in told.items()
        if value and value.isascii() and value.isprintable() and not (plain and name == "content-type")
    }
