import gzip

import pytest
from tests.recordings.formats.format_streams import SSE, TEXTS

from respool.errors import RecordingError
from respool.recordings import formats
from respool.recordings.formats import encodings


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(SSE.encode()),
        gzip.compress(SSE[:50].encode()) + gzip.compress(SSE[50:].encode()),
        gzip.compress(gzip.compress(SSE.encode())),
        b"\xff\xfe" + SSE.encode("utf-16-le"),
        b"\xfe\xff" + SSE.encode("utf-16-be"),
        gzip.compress(b"\xff\xfe" + SSE.encode("utf-16-le")),
    ],
)
def test_gzip_and_utf16_are_read_as_what_is_in_them(data: bytes) -> None:
    [turn] = formats.read(data, "a", "a.sse.gz")
    assert [timed.event.text for timed in turn.events] == list(TEXTS)


def test_what_becomes_too_large_is_refused() -> None:
    with pytest.raises(RecordingError, match="becomes more than 1000 bytes when it is decompressed"):
        encodings.plain(gzip.compress(bytes(1001)), most=1000)


@pytest.mark.parametrize("data", [gzip.compress(SSE.encode())[:-20], b"\x1f\x8bxxxx"])
def test_damaged_gzip_is_refused_for_what_it_is(data: bytes) -> None:
    with pytest.raises(RecordingError, match="gzip"):
        formats.read(data, "a", "a.sse.gz")
