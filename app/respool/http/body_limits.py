"""Limits of a large body, checked before it is parsed: to parse it would hold up all other requests.

`msgspec` reads about 1 GB/s of base64, and a quarter of that of escapes and of characters beyond ASCII. It
keeps Python's lock meanwhile, so that a thread of its own would not help.
"""

import asyncio
import re
import string

from respool.errors import RequestError
from respool.play.offload import LARGE

DEFAULT_LIMIT = 32 * 1024 * 1024  # bytes of a body, also after inflation
# Both grow with a larger limit of the body.
MAX_VALUES = 50_000  # objects, arrays, members and elements in a body
MAX_TEXT = 8 * 1024 * 1024  # bytes of a body besides the base64 of files

_PIECE = 256 * 1024  # bytes that are looked at at a time
_FILE_PIECE = 64 * 1024  # bytes; base64 of twice as many is always found
_BASE64 = (string.ascii_letters + string.digits + "+/=-_").encode()
_BEFORE_FILE = re.compile(rb'"(?:data:[\w.+/;=-]{0,200},)?\Z')

# A text, also one that has no end here: then the group is there, and is the backslash that it ends with.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|(\\?)\Z)', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


async def check_body(body: bytes, limit: int = DEFAULT_LIMIT) -> None:
    """Refuse a large body that holds too many values, or too much text. `limit` is that of its size in bytes.
    Raise RequestError."""
    if len(body) <= LARGE:
        return
    factor = max(1.0, limit / DEFAULT_LIMIT)
    most_values, most_text = int(MAX_VALUES * factor), int(MAX_TEXT * factor)
    if await _may_have_more(body, most_values) and await count_values(body, most_values) > most_values:
        raise RequestError(
            f"The request body has too many values: expected at most {most_values} objects, arrays, "
            "members and elements. A larger --max-body allows more.",
            status=413,
            code="too_many_values",
        )
    if len(body) > most_text and len(body) - await count_base64(body) > most_text:
        raise RequestError(
            f"The request body has too much text: expected at most {most_text} bytes besides files in "
            "base64. A larger --max-body allows more.",
            status=413,
            code="too_much_text",
        )


async def _may_have_more(body: bytes, most: int) -> bool:
    """Return True if it may have more than `most` values, counting JSON within its texts."""
    found = 0
    for start in range(0, len(body), 4 * _PIECE):
        piece = body[start : start + 4 * _PIECE]
        found += sum(piece.count(mark) for mark in (b"{", b"[", b","))
        if found > most:
            return True
        await asyncio.sleep(0)
    return False


async def count_values(body: bytes, most: int) -> int:
    """Return how many values a JSON text has, of objects, arrays, members and elements; beyond `most`, at
    least one more than that. What stands in its texts does not count."""
    found = 0
    within, escaped = False, False  # a text has begun; its last character was a backslash
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE]
        if within:
            if escaped:
                piece = b" " + piece[1:]
            end = _REST_OF_STRING.match(piece)
            if end is None:
                escaped = _ends_escaping(piece)
                await asyncio.sleep(0)
                continue
            piece = piece[end.end() :]
        parts = _STRING.split(piece)
        begun = parts[-2] if len(parts) > 1 else None
        within, escaped = begun is not None, bool(begun)
        outside = b"".join(parts[::2])
        # A value follows each comma, and each bracket of what is not empty.
        found += outside.count(b"{") + outside.count(b"[") + outside.count(b",")
        found -= outside.count(b"[]") + outside.count(b"{}")
        if found > most:
            break
        await asyncio.sleep(0)
    return found


def _ends_escaping(text: bytes) -> bool:
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


async def count_base64(body: bytes) -> int:
    """Return how many bytes of a JSON text are files: texts that are nothing but base64, or a data URL of it.

    Small files may be missed.
    """
    found = 0
    at = 0
    while at < len(body):
        end = at
        while (piece := body[end : end + _FILE_PIECE]) and not piece.translate(None, _BASE64):
            end += len(piece)
            await asyncio.sleep(0)
        if end > at:
            before = body[max(0, at - _FILE_PIECE) : at]
            begin = at - (len(before) - len(before.rstrip(_BASE64)))
            after = piece.lstrip(_BASE64)
            head = _BEFORE_FILE.search(body[max(0, begin - 300) : begin])
            if head and after[:1] == b'"':
                found += end - begin + len(piece) - len(after)
        at = end + _FILE_PIECE
        await asyncio.sleep(0)
    return found
