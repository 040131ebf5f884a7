"""Redactor: replaces secrets by placeholders, and leaves every other byte of a text unchanged.

One Redactor gives a secret the same placeholder everywhere, so requests, answers and tool loops still match.
It finds the secrets of one text in all later ones: give it headers and URL before bodies.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import IO

from respool.errors import OptionError, RespoolError
from respool.record.headers import REQUEST_HEADERS, RESPONSE_HEADERS, is_allowed, is_secret
from respool.record.matches import SecretMatch
from respool.record.scan import SecretFinding, find_secrets
from respool.record.search import Search
from respool.record.secret_shapes import decode_base64, encode_base64, mixed
from respool.record.secrets import PLACEHOLDER, RULES, SecretRule

__all__ = [
    "REQUEST_HEADERS",
    "RESPONSE_HEADERS",
    "Redactor",
    "SecretLeft",
    "create_private",
    "load_hook",
    "user_rule",
]

Hook = Callable[[str], Iterable[str]]

MIN_LITERAL = 8  # characters; a shorter secret is redacted only at its own place, not at every occurrence
_ROUNDS = 8


class SecretLeft(RespoolError):
    """A text to be written still holds possible secrets: `findings`."""

    def __init__(self, path: str, findings: Sequence[SecretFinding]) -> None:
        self.path = path
        self.findings = tuple(findings)
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(
            f"{path}:{first.place}: looks like a secret ({first.rule}){more}: not written; "
            "--redact REGEX takes it out"
        )


class Redactor:
    """Redacts the texts of one set of recordings.

    `patterns` are the user's regular expressions: the secret is the first group, or all of the match. They
    are matched with decoded JSON strings, and with plain text. `pointers` are JSON pointers into a body or an
    event, in which ``*`` is any one name or number. `hook` gets a text, and returns the secrets in it.
    Raises OptionError for an invalid pattern or pointer.
    """

    def __init__(
        self,
        patterns: Iterable[str] = (),
        pointers: Iterable[str] = (),
        hook: Hook | None = None,
        rules: Sequence[SecretRule] = RULES,
    ) -> None:
        self._literals: dict[str, str] = {}
        own = tuple(map(user_rule, patterns))
        pointers = tuple(pointers)
        self.has_own_rules = bool(own or pointers or hook)  # their secrets may have any form
        self._search = Search((*own, *rules), self._literals, tuple(map(_pointer, pointers)), hook)
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def headers(
        self, pairs: Iterable[tuple[str, str]], allowed: tuple[str, ...] = REQUEST_HEADERS
    ) -> list[tuple[str, str]]:
        """Return the allowed headers, redacted. Learn the secrets in the others.

        `allowed` is REQUEST_HEADERS or RESPONSE_HEADERS.
        """
        kept = []
        for name, value in pairs:
            if is_allowed(name, allowed):
                kept.append((name, value))
            elif is_secret(name):
                self._learn_header(name.lower(), value)
        return [(name, self.url(value)) for name, value in kept]

    def learn(self, secret: str, rule: str = "header") -> str:
        """Redact every later occurrence of this text. Return its placeholder.

        A text of fewer than MIN_LITERAL characters, or without letters or digits, could be a word, and is not
        searched for.
        """
        if PLACEHOLDER.fullmatch(secret):
            return secret
        if len(secret) >= MIN_LITERAL and mixed(secret):
            self._literals.setdefault(secret, rule)
        return self._placeholder(secret, rule)

    def url(self, text: str) -> str:
        """Return a URL, or another short text, redacted."""
        return self._redacted([text])[0]

    def body(self, text: str) -> str:
        """Return the text of a body, JSON or not, redacted."""
        return self._redacted([text])[0]

    def events(self, texts: Sequence[str]) -> list[str]:
        """Return the texts of a stream's events, redacted. A secret that is cut across deltas is redacted in
        each of them, and the deltas still add up."""
        return self._redacted(texts)

    def check(self, text: str) -> list[SecretFinding]:
        """Return the possible and the known secrets in a text to be written."""
        return find_secrets(text, self._search)

    def refuse(self, text: str, path: str) -> None:
        """Raise SecretLeft if a text to be written to `path` still holds what looks like a secret."""
        if findings := self.check(text):
            raise SecretLeft(path, findings)

    def _redacted(self, texts: Sequence[str]) -> list[str]:
        now = list(texts)
        for text in now:
            self._reserve(text)
        for _ in range(_ROUNDS):
            found = self._search.find(now)
            if not any(found):
                break
            # Every secret is searched for everywhere before anything is replaced.
            while self._learn_all(found):
                found = self._search.find(now)
            now = [self._replaced(text, matches) for text, matches in zip(now, found, strict=True)]
        return now

    def _learn_all(self, found: Iterable[Iterable[SecretMatch]]) -> bool:
        """Learn the secrets; return True if some are new."""
        known = len(self._literals)
        for matches in found:
            for match in matches:
                for secret, rule in match.secrets():
                    self.learn(secret, rule)
        return len(self._literals) > known

    def _replaced(self, text: str, matches: Iterable[SecretMatch]) -> str:
        parts: list[str] = []
        at = 0
        for match in matches:
            parts += text[at : match.start], self._instead(match)
            at = match.end
        return "".join([*parts, text[at:]])

    def _instead(self, match: SecretMatch) -> str:
        if match.instead is not None:
            return match.instead
        if match.encoded is None:
            placeholder = self._placeholder(match.secret, match.rule)
        else:
            placeholder = encode_base64(self._replaced(match.encoded, match.inside), match.secret)
        part = placeholder[round(match.lo * len(placeholder)) : round(match.hi * len(placeholder))]
        return part if match.is_string else f'"{part}"'

    def _placeholder(self, secret: str, rule: str) -> str:
        if secret not in self._placeholders:
            self._counts[rule] = number = self._counts.get(rule, 0) + 1
            self._placeholders[secret] = f"REDACTED-{rule}-{number}"
        return self._placeholders[secret]

    def _reserve(self, text: str) -> None:
        """Skip the numbers of placeholders that are in the text already: they belong to other secrets."""
        given = set(self._placeholders.values())
        for found in PLACEHOLDER.finditer(text):
            if found.group() not in given:
                self._counts[found[1]] = max(self._counts.get(found[1], 0), int(found[2]))

    def _learn_header(self, name: str, value: str) -> None:
        if "cookie" in name:
            for pair in value.split(";")[: 1 if name == "set-cookie" else None]:
                self.learn(pair.partition("=")[2].strip(), "cookie")
            return
        scheme, _, rest = value.strip().partition(" ")
        secret = rest.strip() or scheme
        # As in bodies: the kind of secret, if it is known.
        kinds = [match.rule for match in self._search.find([secret])[0] if match.secret == secret]
        rule = kinds[0] if kinds else "header"
        self.learn(secret, rule)
        if scheme.lower() == "basic" and (credentials := decode_base64(secret)):
            self.learn(credentials.partition(":")[2], "basic-auth")


def load_hook(spec: str) -> Hook:
    """Return the function that ``module:function`` names. Raise OptionError if there is none."""
    module, _, name = spec.partition(":")
    try:
        hook = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(f"no hook {spec}: {error}; expected module:function") from None
    if not callable(hook):
        raise OptionError(f"hook {spec} is no function; expected module:function")
    function: Hook = hook
    return function


def create_private(path: str, *, overwrite: bool = False) -> IO[bytes]:
    """Open a new file that only its owner can read and write (0600).

    Raise FileExistsError if it exists, without `overwrite`.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    if overwrite and hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")


def user_rule(pattern: str) -> SecretRule:
    """Return the rule for the user's regular expression. Raise OptionError if it is invalid."""
    try:
        return SecretRule("user", re.compile(pattern), accept=bool)
    except re.error as error:
        raise OptionError(f"--redact {pattern!r} is no regular expression: {error}") from None


def _pointer(text: str) -> tuple[str, ...]:
    if not text.startswith("/"):
        raise OptionError(f"{text!r} is no JSON pointer: expected one that begins with /, as /metadata/name")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
