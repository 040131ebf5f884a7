"""Level and Rule: what the tables of this package are made of."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # a client may break
    WARNING = "warning"  # seen in real streams, or another producer's dialect
    INFO = "info"  # worth knowing: an unknown type, an older SDK


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means, for ``respool explain``."""

    code: str  # "RS101"
    level: Level  # the usual one; a finding in a dialect may be less
    title: str
    explanation: str
    example: str
    fix: str
