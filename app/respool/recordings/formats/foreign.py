"""The kinds of files that are no recordings, by name, for messages."""

import re


def _type(types: str) -> re.Pattern[bytes]:
    return re.compile(rf'"type"\s*:\s*"(?:{types})"'.encode())


_NAMES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a chat-completions stream", re.compile(rb'"object"\s*:\s*"chat\.completion')),
    (
        "a session log of Codex",
        re.compile(rb'"type"\s*:\s*"(?:session_meta|response_item|event_msg|turn_context)"'),
    ),
    (
        "events of codex exec",
        re.compile(rb'"type"\s*:\s*"(?:thread\.started|turn\.started|item\.completed)"'),
    ),
    ("a session log of Claude Code", re.compile(rb'"parentUuid"\s*:')),
    ("a stream of the Messages API", _type("message_start|content_block_delta")),
    (
        "a session of the Realtime API",
        _type(r"session\.created|session\.updated|response\.done"),
    ),
    ("a stream of the Gemini API", re.compile(rb'"candidates"\s*:\s*\[\s*\{\s*"content"')),
    ("a stream of the Assistants API", re.compile(rb'"object"\s*:\s*"thread\.')),
    (
        "events as Python prints them, expected JSON, as model_dump_json() writes it",
        re.compile(rb"^.{0,80}?(?:Response\w{3,60}Event\(|\{'type': 'response\.)", re.MULTILINE),
    ),
    (
        "events as Node's console prints them, expected JSON, as JSON.stringify() writes it",
        re.compile(rb"^\s*\{?\s*type: '(?:response\.)", re.MULTILINE),
    ),
    ("events of an agents SDK", _type("run_item_stream_event|raw_response_event")),
    ("lines of a recorder", _type("response_ref|delta|done")),
)
_MAGIC = (
    (b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "a zip archive"), (b"\x89PNG", "an image"), (b"%PDF", "a PDF"),
    (b"\xff\xd8\xff", "an image"), (b"SQLite format 3", "an SQLite database"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"RIFF", "a media file"), (b"\x7fELF", "a program"),
)  # fmt: skip


def name_of(head: bytes, path: str = "") -> str | None:
    """Return the kind of a file, by its beginning; None if it is not known."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    lower = path.lower()
    if b"```" in head and (b"data:" in head or b"response." in head):
        return "a text that shows a stream"
    for name, pattern in _NAMES:
        if pattern.search(head):
            return name
    if re.match(rb'\s*\{\s*"log"\s*:', head):
        return "a HAR"
    if lower.endswith((".yaml", ".yml")) and re.search(
        rb"^(?:text|steps|turns|deltas|call|end) *:", head, re.MULTILINE
    ):
        suffix = ".script" + lower[lower.rfind(".") :]
        name = path.replace("\\", "/").rpartition("/")[2]
        return f"YAML, did you mean {name[: name.rfind('.')]}{suffix}?"
    if (coding := utf16(head)) is not None:
        return coding
    if b"\0" in head[:4096]:
        return "binary"
    return None


def utf16(head: bytes) -> str | None:
    """Return the name of the coding of a text in UTF-16 that is mostly ASCII; None if it is none."""
    pairs = head[: min(len(head) & ~1, 400)]
    sides = {"little endian": (pairs[1::2], pairs[::2]), "big endian": (pairs[::2], pairs[1::2])}
    for order, (zeros, others) in sides.items():
        if len(zeros) > 3 and 10 * zeros.count(0) >= 9 * len(zeros) and 0 not in others:
            return f"UTF-16 ({order}) without a byte order mark; save it as UTF-8"
    return None
