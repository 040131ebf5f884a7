"""The headers of an answer, as the real service sends them."""

from collections.abc import Mapping
from functools import lru_cache
from uuid import uuid4

from respool.play.playback import Playback

RawHeader = tuple[bytes, bytes]

# Of a recorded answer's headers, those which describe its transport or its owner are not sent:
# our own transport has its own, and cookies or account names do not belong in a test.
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
        _PROCESSING: _processing_ms(playback, leaves),
        "cache-control": "no-cache",
    }
    if recording.scripted:
        head.update(_replayed(_of_profile(playback), stream))
    if headers := recording.header.fields.get("headers"):
        head.update(_replayed(headers, stream))
    return head


# Those of sse-starlette's `EventSourceResponse`: which a recording may replace, and which it may not.
_OF_STREAMS = {"cache-control": "no-store", "content-type": "text/event-stream; charset=utf-8"}
_OF_OUR_STREAMS = {"connection": "keep-alive", "x-accel-buffering": "no"}
_PROCESSING = "openai-processing-ms"
_SAME = "http.heads"  # in `Recording.memo`


def encoded_head(headers: Mapping[str, str]) -> list[RawHeader]:
    """Return the headers of a stream, encoded."""
    return [_encode(name, value) for name, value in {**_OF_STREAMS, **headers, **_OF_OUR_STREAMS}.items()]


def stream_head(playback: Playback, leaves: float, *more: RawHeader) -> list[RawHeader]:
    """Return the headers of a stream that leaves at that moment of the clock, and `more`, encoded.

    They are those of `head_of`. To make them is a good part of a short answer's cost: what is the same in all
    plays of a recording is made once.
    """
    recording = playback.recording
    if recording.scripted and playback.profile.headers:  # which has an id for each play
        return [*encoded_head(head_of(playback, leaves)), *more]
    # What is the same in each play of it, and whether the time of processing is among that.
    known: tuple[list[RawHeader], bool] | None = recording.memo.get(_SAME)
    if known is None:
        head = head_of(playback, leaves)
        recorded = any(name.lower() == _PROCESSING for name in recording.header.headers)
        if not recorded:
            del head[_PROCESSING]
        known = recording.memo[_SAME] = (encoded_head(head), recorded)
    same, recorded = known
    if recorded:
        return [*same, *more]
    return [*same, _encode(_PROCESSING, _processing_ms(playback, leaves)), *more]


@lru_cache(1024)
def _encode(name: str, value: str) -> RawHeader:
    return name.lower().encode("latin-1"), value.encode("latin-1")


def _processing_ms(playback: Playback, leaves: float) -> str:
    seconds = leaves - playback.started
    return "1" if seconds < 0.0015 else str(round(seconds * 1000))


def _replayed(headers: Mapping[str, str], stream: bool) -> dict[str, str]:
    named = {name.lower(): value for name, value in headers.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in _NOT_REPLAYED and (stream or name != "content-type")
    }


def _of_profile(playback: Playback) -> Mapping[str, str]:
    """Return the headers that the producer of a Script's profile adds."""
    headers = playback.profile.headers
    if not headers:
        return {}
    plain = playback.recording.plain
    model = "" if plain else str(playback.rendition.begun.get("model") or "")
    filled = {name: value.format(uuid=uuid4(), model=model) for name, value in headers.items()}
    return {
        name: value
        for name, value in filled.items()
        if value and value.isascii() and value.isprintable() and not (plain and name == "content-type")
    }
