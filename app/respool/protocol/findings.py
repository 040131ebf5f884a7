"""Findings: what a check has to say of a stream, graded, each with a stable code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # a client may break
    WARNING = "warning"  # seen in real streams, or another producer's dialect
    INFO = "info"  # worth knowing: an unknown type, an older SDK


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `message` says what happened and what was expected instead."""

    code: str  # of RULES
    level: Level
    message: str
    event: int | None = None  # its place in the stream, from 0; None: of the stream as a whole


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means, for ``respool explain``."""

    code: str  # "RS101"
    level: Level  # the usual one; a finding in a dialect may be less
    title: str
    explanation: str
    example: str
    fix: str


RULES: Mapping[str, Rule] = {}
