"""API keys: with ``--api-key``, the API answers 401 to all others, as the service does.

A key is in no log, in no journal and in no message but that which goes back to its sender, masked.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest

from starlette.types import ASGIApp, Receive, Scope, Send

from respool.errors import OptionError
from respool.http.problems import envelope, profile_of
from respool.protocol import api_errors
from respool.protocol.profiles import OPENAI

_CHALLENGE = {"www-authenticate": 'Bearer realm="OpenAI API"'}


class Keys:
    """The valid keys, each called `what` in messages. Raises OptionError for one that no header can carry."""

    def __init__(self, keys: Iterable[str], what: str = "an API key") -> None:
        self._digests = [_digest(_checked(key, what)) for key in keys]

    def has_one_of(self, given: Iterable[bytes]) -> bool:
        """Return True if a key is right, in constant time: all are compared, and digests have one length."""
        digests = [_digest(key) for key in given]
        return sum(compare_digest(key, right) for key in digests for right in self._digests) > 0


class RequireKey:
    """Wraps the app: requests below ``/v1/`` need one of `keys`, others (health, docs) do not."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and f"{scope['path']}/".startswith("/v1/"):
            given = keys_in(scope["headers"])
            if not self.keys.has_one_of(given):
                error = api_errors.invalid_api_key(_text(given[0])) if given else api_errors.missing_api_key()
                profile = profile_of(scope)
                # That of others is not known.
                challenge = _CHALLENGE if profile is OPENAI else None
                await envelope(error, challenge, profile)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def keys_in(headers: Iterable[tuple[bytes, bytes]]) -> Sequence[bytes]:
    """Return the keys of a request: a Bearer token, the password of Basic, Azure's ``api-key``."""
    keys = []
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            keys.append(_CREDENTIALS.get(scheme.lower(), _none)(token.strip()))
        elif name == b"api-key":
            keys.append(value.strip())
    return [key for key in keys if key]


def _bearer(token: bytes) -> bytes:
    return token


def _basic(token: bytes) -> bytes:
    try:
        return b64decode(token, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _none(token: bytes) -> bytes:
    return b""


_CREDENTIALS = {b"bearer": _bearer, b"basic": _basic}


def _text(key: bytes) -> str:
    return key.decode("utf-8", "replace")


def _checked(key: str, what: str) -> bytes:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise OptionError(f"{what} is empty or has characters that no header carries; expected visible ASCII")
    return key.encode()


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
