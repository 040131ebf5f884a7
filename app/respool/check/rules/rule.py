"""Level and Rule: the parts of this package's tables."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    ERROR = "error"  # a client may break
    WARNING = "warning"  # seen in real streams, or another producer's dialect
    INFO = "info"  # worth knowing: an unknown type, an older SDK


@dataclass(frozen=True, slots=True)
class Rule:
    """The meaning of a code, for ``respool explain``."""

    code: str  # "RS101"
    level: Level  # the usual level; in a dialect it may be lower
    title: str
    explanation: str
    example: str
    fix: str
