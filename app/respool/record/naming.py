"""Names of recordings: readable, and the same for the same requests."""

import re
import string
import unicodedata
from collections.abc import Mapping
from typing import Any

from respool.errors import OptionError
from respool.match.request import items_of, text_of
from respool.protocol.items import type_of
from respool.record.secrets import PLACEHOLDER

DEFAULT_TEMPLATE = "{model}/{slug}"
SESSION_TEMPLATE = "{session}/{slug}"
FIELDS = ("model", "slug", "session", "turn")

_MOST = 48  # characters of a slug
_MOST_PART = 100  # characters of a part of a name
_MOST_PARTS = 8
_UNSAFE = re.compile(r"[^\w.\-]+", re.ASCII)


def check_template(template: str) -> str:
    """Return the template. Raise OptionError if it has other fields than FIELDS."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise OptionError(f"--name {template!r}: {error}") from None
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    for _, field, spec, conversion in parts:
        if field is not None and (field not in FIELDS or spec or conversion):
            raise OptionError(f"--name {template!r} has the field {{{field}}}; expected one of {known}")
    if not safe(template.format_map(dict.fromkeys(FIELDS, "x"))):
        raise OptionError(f"--name {template!r} names nothing; expected a text with any of {known}")
    return template


def name_of(template: str, body: Mapping[str, Any], *, session: str = "", turn: int = 1) -> str:
    """Return the name for the answer to a request; `body` is the redacted request."""
    model = body.get("model")
    fields = {
        "model": part(model) if isinstance(model, str) and model else "unknown",
        "slug": slug(first_text(body)) or "response",
        "session": "/".join(filter(None, map(part, re.split(r"::|/", session)))) or "everybody",
        "turn": turn,
    }
    return safe(template.format_map(fields)) or "response"


def safe(name: str) -> str:
    """Return a name that stays below its folder."""
    parts = [found for one in name.split("/") if (found := part(one))]
    return "/".join(parts[:_MOST_PARTS])


def part(text: str) -> str:
    """Return one part of a path, without characters that are special to file systems or to Respool."""
    return _UNSAFE.sub("-", _ascii(text)).strip("-.~")[:_MOST_PART]


def slug(text: str) -> str:
    """Return the first words of a text, as a part of a name."""
    words = re.findall(r"[a-z0-9]+", _ascii(PLACEHOLDER.sub(" ", text[:1000])).lower())
    found = ""
    for word in words:
        if found and len(found) + 1 + len(word) > _MOST:
            break
        found = f"{found}-{word}" if found else word[:_MOST]
    return found


def first_text(body: Mapping[str, Any]) -> str:
    """Return the text of the user's first message: what a conversation is about."""
    for item in items_of(body):
        if type_of(item) == "message" and item.get("role", "user") == "user" and (text := text_of(item)):
            return text
    return ""


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
