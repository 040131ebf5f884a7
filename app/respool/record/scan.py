"""Scanning: possible secrets in texts and files, reported by place and rule, never shown."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

from respool.record.search import Search

# A file is searched as a whole up to this size, in blocks of whole lines above it.
BLOCK = 16 * 1024 * 1024  # bytes
_OVERLAP = 64 * 1024  # bytes of the block before that are searched again, for secrets of several lines


@dataclass(frozen=True, slots=True, order=True)
class SecretFinding:
    """A possible secret: line and column from 1, in characters; the name of the rule; the JSON pointer in the
    JSON text at that place, or ""; and the secret's first characters, the rest masked."""

    line: int
    column: int
    rule: str
    pointer: str
    masked: str

    @property
    def place(self) -> str:
        """``line:column``."""
        return f"{self.line}:{self.column}"


def find_secrets(text: str, search: Search | None = None) -> list[SecretFinding]:
    """Return the possible secrets in a text of any kind, in order. One that is cut across deltas is one
    finding, at its first part."""
    matches = (search or Search()).find([text])[0]
    breaks = [found.start() for found in re.finditer("\n", text)] if matches else []
    findings = []
    for match in matches:
        if match.lo or match.instead is not None:
            continue
        line = bisect_right(breaks, match.start - 1)
        column = match.start - (breaks[line - 1] if line else -1)
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in match.path)
        findings.append(SecretFinding(line + 1, column, match.rule, pointer, masked(match.secret)))
    return findings


def masked(secret: str) -> str:
    """Return a text with the secret's length, and no more than an eighth of it, which shows its kind."""
    shown = re.sub(r"[^!-~]", "?", secret[: min(6, len(secret) // 8)])
    return f"{shown}*** ({len(secret)} characters)"


def scan_stream(file: IO[bytes], search: Search | None = None) -> Iterator[SecretFinding]:
    """Yield the possible secrets in a file of any size, in order. Hold no more than a few BLOCKs in memory.

    In a file larger than BLOCK, a JSON text of several lines is searched as plain text.
    """
    line, column = 0, 0  # where `before` begins
    before = b""  # the end of the block before
    reported: set[tuple[int, int, str]] = set()
    rest = b""
    while True:
        data = rest + file.read(BLOCK)
        if not data:
            return
        cut = data.rfind(b"\n") + 1
        # A longer line is cut after a block.
        last = len(data) < BLOCK
        cut = len(data) if last or not cut else cut
        block, rest = data[:cut], data[cut:]
        seen = before + block
        now: set[tuple[int, int, str]] = set()
        for found in find_secrets(_text(seen), search):
            at = found.column + (column if found.line == 1 else 0)
            finding = replace(found, line=line + found.line, column=at)
            now.add((finding.line, at, finding.rule))
            if (finding.line, at, finding.rule) not in reported:
                yield finding
        kept = len(seen) - _OVERLAP
        if kept > 0 and (following := seen.find(b"\n", kept) + 1):
            kept = following
        kept = max(kept, 0)
        over, before, reported = seen[:kept], seen[kept:], now
        if b"\n" in over:
            column = 0
        line += over.count(b"\n")
        column += len(_text(over[over.rfind(b"\n") + 1 :]))


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    # A text in another encoding is searched as well: each byte that is not UTF-8 becomes a character.
    return data.decode("utf-8", "surrogateescape")
