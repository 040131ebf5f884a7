"""From a file's bytes to UTF-8: gzip and UTF-16 with a byte order mark."""

import zlib

from respool.errors import RecordingError

MAX_INFLATED = 256 * 1024 * 1024  # bytes that a compressed file may become
HEAD = 64 * 1024  # bytes from which the kind of a file is recognised

_GZIP = b"\x1f\x8b"
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def plain(data: bytes, path: str = "", most: int = MAX_INFLATED) -> bytes:
    """Return the content as UTF-8. Raise RecordingError if it is damaged, or inflates to more than
    MAX_INFLATED."""
    for _ in range(2):  # a compressed file may have been compressed again
        if data[:2] != _GZIP:
            break
        data = inflate(data, path, most)
    if (coding := _UTF16.get(data[:2])) is not None:
        try:
            return data[2:].decode(coding).encode(errors="surrogatepass")
        except UnicodeDecodeError as error:
            raise RecordingError(
                f"its byte order mark says {coding.upper()}, but {error.reason}", path
            ) from None
    return data


def plain_head(head: bytes) -> bytes:
    """Return the beginning of a file as UTF-8, as far as it can be decoded. Never raise."""
    if head[:2] == _GZIP:
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error:
            return head
    if (coding := _UTF16.get(head[:2])) is not None:
        return head[2:].decode(coding, errors="ignore").encode(errors="ignore")
    return head


def uncoded(body: bytes, codings: str, most: int) -> bytes:
    """Return a body without the codings of its header ``content-encoding``; unchanged if it does not have
    them (any more), or they are unknown."""
    if not codings or not body:
        return body
    from respool.protocol.codings import CODINGS, DAMAGE  # late: see there

    for coding in reversed(codings.lower().split(",")):
        undo = CODINGS.get(coding.strip().removeprefix("x-"))
        if undo is not None:
            try:
                decoded = undo(body, most)
            except DAMAGE:
                return body
            body = decoded[:most]
    return body


def inflate(data: bytes, path: str = "", most: int = MAX_INFLATED) -> bytes:
    """Return the content of a gzip file. Raise RecordingError."""
    parts: list[bytes] = []
    size = 0
    while data[:2] == _GZIP:  # the members of one file
        unpacker = zlib.decompressobj(wbits=31)
        try:
            part = unpacker.decompress(data, most - size + 1)
        except zlib.error as error:
            raise RecordingError(f"not gzip that can be read: {error}", path) from None
        size += len(part)
        if size > most:
            raise RecordingError(f"becomes more than {most} bytes when it is decompressed", path)
        parts.append(part)
        if not unpacker.eof:
            raise RecordingError("the gzip data ends too early", path)
        data = unpacker.unused_data
    return b"".join(parts)
