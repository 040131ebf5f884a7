"""The shapes of secrets, for the rules: a key, a password, a cookie, base64; a word, a name, a stand-in."""

import base64
import binascii
import re
from itertools import pairwise


def always(secret: str) -> bool:
    """Accept any text."""
    return True


def varied(secret: str) -> bool:
    """Return True if a text has more than three different characters: ``sk-xxxxxxxx`` is no key."""
    return len(set(secret)) > 3


def random_part(secret: str) -> bool:
    """Return True if a part between ``-``, ``_`` and ``.`` is no word: 12 characters with a digit, or 20."""
    parts = re.split(r"[-_.]", secret)
    return any(
        varied(part) and (len(part) >= 20 or (len(part) >= 12 and any(map(str.isdigit, part))))
        for part in parts
    )


def mixed(secret: str) -> bool:
    """Return True if a text has digits and letters, as keys have and names of variables seldom have."""
    return varied(secret) and any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))


def keylike(secret: str) -> bool:
    """Return True if a value is as irregular as a key: mixed, long, and of no ordinary form.

    Dates, numbers, ids of the API and names with a number are no keys.
    """
    if len(secret) < 16 or not mixed(secret) or API_ID.match(secret) or _DOTTED.fullmatch(secret):
        return False
    # A name in camel case changes its kind of characters seldom, a key all the time.
    changes = sum(_kind(left) != _kind(right) for left, right in pairwise(secret))
    return changes * 5 >= len(secret) and len(set(secret)) >= 8


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.isupper() else 2 if character.islower() else 3


_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")  # settings.API_KEY_2
# Ids that the API gives, with their prefixes: they look like keys and are none.
API_ID = re.compile(
    r"(?:resp|msg|rs|fc|fco|call|ws|ci|ig|mcp|mcpl|mcpr|cntr|cfile|conv|file|vs|req|item|chatcmpl|ctc|prompt|run|thread"
    r"|asst|org|proj|user|toolu|cmpl|batch|sh|sho|ap|apo|cu|cuo|fs)[_-]"
)

# Stand-ins for secrets, as examples and cleaned recordings have them: my-secret-key, fake_token, Sanitized.
_STAND_IN = re.compile(
    r"(?i:(?:your|my|the|an?|some|test|testing|fake|dummy|mock|mocked|sample|example|demo|local|invalid|wrong|not?|none"
    r"|null|undefined|true|false|filtered|scrubbed|redacted|sanitized|hidden|masked|removed|omitted|placeholder"
    r"|secret|api|openai|azure|anthropic|auth|access|client|bearer|user|username|admin|root|postgres|guest|key|token"
    r"|password|passwd|pass|value|string|here|real|needed|required|optional|unused|empty|changeme|x{3,}+|foo|bar)"
    r"[-_ .]?){1,8}"
)


def password(secret: str) -> bool:
    """Return True if the value of a field for passwords is one: no stand-in, no template, no mask."""
    return (
        len(secret) >= 4
        and not (len(secret) <= 80 and _STAND_IN.fullmatch(secret))
        and not re.match(r"[\[<{$%(*]|os\.|process\.|env\.", secret)
        and len(set(secret)) > 2
        and "***" not in secret
    )


def spelled_password(secret: str) -> bool:
    """Return True if a value in running text is a password: unlike a word, it has letters and digits."""
    return password(secret) and any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))


def basic(secret: str) -> bool:
    """Return True if a text is the base64 form of ``user:password``."""
    decoded = decode_base64(secret)
    return decoded is not None and ":" in decoded and decoded.isprintable()


def decode_base64(text: str) -> str | None:
    """Decode a base64 text; return None if it is not base64 of UTF-8."""
    body = text.rstrip("=")
    if len(body) % 4 == 1:
        return None
    urlsafe = "-" in body or "_" in body
    try:
        head = base64.b64decode(_padded(body[:64]), b"-_" if urlsafe else b"+/", validate=True)
        if _CONTROL.search(head):
            return None
        return base64.b64decode(_padded(body), b"-_" if urlsafe else b"+/", validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def encode_base64(text: str, like: str) -> str:
    """Return the base64 form of a text, with the alphabet and padding of `like`."""
    urlsafe = "-" in like or "_" in like
    encoded = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(text.encode()).decode()
    return encoded if like.endswith("=") or len(like) % 4 == 0 else encoded.rstrip("=")


def _padded(body: str) -> str:
    return body + "=" * (-len(body) % 4)


_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def cookie(secret: str) -> bool:
    """Return True if cookies identify a user. Those that a proxy sets against robots do not."""
    names = [part.partition("=")[0].strip() for part in secret.split(";") if "=" in part]
    return bool(names) and mixed(secret) and names[0] not in HARMLESS_COOKIES


HARMLESS_COOKIES = frozenset({"__cf_bm", "_cfuvid", "__cflb", "cf_clearance"})


def private_key(secret: str) -> bool:
    """Return True if a text between the markers of a private key has the body of one."""
    return re.search(r"[A-Za-z0-9+/=]{32}", secret) is not None
