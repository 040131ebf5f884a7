"""Findings: the results of a check, graded, each with a stable code of RULES."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from respool.check.rules.contents import CONTENTS
from respool.check.rules.fields import FIELDS
from respool.check.rules.ids import IDS
from respool.check.rules.numbers import NUMBERS
from respool.check.rules.order import ORDER
from respool.check.rules.other import FILE, UNKNOWN
from respool.check.rules.rule import Level, Rule
from respool.check.rules.status import STATUS

__all__ = ["RULES", "Finding", "Level", "Rule"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. `message` has what happened, and what was expected instead."""

    code: str  # of RULES
    level: Level
    message: str
    event: int | None = None  # the number of the event in the stream, from 0; None: the whole stream


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.code: rule
        for rules in (FILE, ORDER, NUMBERS, IDS, CONTENTS, STATUS, FIELDS, UNKNOWN)
        for rule in rules
    }
)
