"""Content codings: functions that inflate a body, up to a limit or little more.

Import this module where it is used: its libraries would delay a server's start, and most clients compress
nothing.
"""

import zlib
from collections.abc import Callable, Mapping

import brotli
import zstandard

_MOST_PARTS = 100  # members of gzip, frames of zstd
_ZSTD_STEP = 256  # bytes, which may inflate to some megabytes

# The errors for a damaged body, and for one in another coding.
DAMAGE = (zlib.error, brotli.error, zstandard.ZstdError, EOFError)


def _gunzip(body: bytes, most: int) -> bytes:
    data, rest = _zlib(body, most, zlib.MAX_WBITS | 16)
    members = 1
    while rest and len(data) < most:
        member, rest = _zlib(rest, most - len(data), zlib.MAX_WBITS | 16)
        data += member
        members = _one_more(members)
    return data


def _undeflate(body: bytes, most: int) -> bytes:
    # "deflate" is the zlib format in the standard, but some senders use raw deflate.
    try:
        return _zlib(body, most, zlib.MAX_WBITS)[0]
    except zlib.error:
        return _zlib(body, most, -zlib.MAX_WBITS)[0]


def _zlib(body: bytes, most: int, wbits: int) -> tuple[bytes, bytes]:
    """Return the inflated `body`, up to `most` bytes, and the data after its end."""
    inflator = zlib.decompressobj(wbits)
    data = inflator.decompress(body, most)
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return data, inflator.unused_data


def _one_more(parts: int) -> int:
    """Return `parts` + 1; raise EOFError if that are too many: even a small part takes time."""
    if parts == _MOST_PARTS:
        raise EOFError(f"it has more than {_MOST_PARTS} parts")
    return parts + 1


def _unbrotli(body: bytes, most: int) -> bytes:
    inflator = brotli.Decompressor()
    data = bytearray(inflator.process(body, output_buffer_limit=most))
    while len(data) < most and not inflator.is_finished():
        more = inflator.process(b"", output_buffer_limit=most - len(data))
        if not more:
            raise EOFError("it ends too early")
        data += more
    return bytes(data)


def _unzstd(body: bytes, most: int) -> bytes:
    data = bytearray()
    frames = 1
    inflator = zstandard.ZstdDecompressor().decompressobj()
    # The inflator has no limit: small steps show a bomb while it is small.
    for start in range(0, len(body), _ZSTD_STEP):
        step = body[start : start + _ZSTD_STEP]
        while step and len(data) < most:
            if inflator.eof:
                frames = _one_more(frames)
                inflator = zstandard.ZstdDecompressor().decompressobj()
            data += inflator.decompress(step)
            step = inflator.unused_data if inflator.eof else b""
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return bytes(data)


# The functions that inflate a body, to `most` bytes or little more, by the coding's name.
CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "br": _unbrotli,
    "deflate": _undeflate,
}
