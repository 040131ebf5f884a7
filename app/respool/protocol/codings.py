"""Content codings: each inflates a body, but never to much more than it is asked for.

With the libraries for them, which a server that starts should not wait for, since most clients compress
nothing: so this is imported where it is used.
"""

import zlib
from collections.abc import Callable, Mapping

import brotli
import zstandard

_MOST_PARTS = 100  # members of gzip, frames of zstd
_ZSTD_STEP = 256  # bytes, which may inflate to some megabytes

# What a body raises that is not what its coding says.
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
    # "deflate" is the zlib format by the standard, and raw deflate by some senders.
    try:
        return _zlib(body, most, zlib.MAX_WBITS)[0]
    except zlib.error:
        return _zlib(body, most, -zlib.MAX_WBITS)[0]


def _zlib(body: bytes, most: int, wbits: int) -> tuple[bytes, bytes]:
    """Return what `body` inflates to, up to `most` bytes, and the rest of it."""
    inflator = zlib.decompressobj(wbits)
    data = inflator.decompress(body, most)
    if len(data) < most and not inflator.eof:
        raise EOFError("it ends too early")
    return data, inflator.unused_data


def _one_more(parts: int) -> int:
    """Count a part of a compressed body. It may have several; each costs, however small it is."""
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
    # It has no limit of its own: little at a time, so that a bomb is noticed while it is small.
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


# By its name, what inflates a body: to `most` bytes, or a little more.
CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "br": _unbrotli,
    "deflate": _undeflate,
}
