"""Names of the rule files among recordings: stubs, and matching rules."""

import os
import re

_STUBS = re.compile(r"(?:.*[.])?stubs[.]ya?ml", re.IGNORECASE)
MATCH = ("match.yaml", "match.yml")


def is_stubs_file(name: str) -> bool:
    """Return True if a file of this name holds stubs: ``stubs.yaml``, ``NAME.stubs.yaml``."""
    return _STUBS.fullmatch(name) is not None


def is_match_file(name: str) -> bool:
    """Return True if a file of this name holds matching rules: ``match.yaml``."""
    return name.lower() in MATCH


def is_rule_file(path: str) -> bool:
    """Return True if the file at this path holds stubs or matching rules."""
    name = os.path.basename(path)
    return name[-4:].lower() in (".yml", "yaml") and (is_stubs_file(name) or is_match_file(name))
