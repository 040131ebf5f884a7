"""Names of the files which stand among recordings and hold rules: stubs, and how requests are compared."""

import os
import re

_STUBS = re.compile(r"(?:.*[.])?stubs[.]ya?ml", re.IGNORECASE)
MATCH = ("match.yaml", "match.yml")


def is_stubs_file(name: str) -> bool:
    """Return whether a file of this name holds stubs: ``stubs.yaml``, ``NAME.stubs.yaml``."""
    return _STUBS.fullmatch(name) is not None


def is_match_file(name: str) -> bool:
    """Return whether a file of this name says how requests are compared: ``match.yaml``."""
    return name.lower() in MATCH


def is_rule_file(path: str) -> bool:
    """Return whether the file at this path is one of both."""
    name = os.path.basename(path)
    return name[-4:].lower() in (".yml", "yaml") and (is_stubs_file(name) or is_match_file(name))
