"""Faults: things that go wrong with an answer. FAULTS is the table of them. Each is a class in one of the
modules `answer`, `time`, `wire`, `end`, `events`, `model_text`, `model_calls` and `socket`: a function from
frames to frames, without HTTP. See docs/faults.md.

Each name is loaded on first use, since most servers never need a fault.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from respool.errors import FaultError as FaultError
    from respool.faults.answer import *  # noqa: F403
    from respool.faults.applying import ActiveFault as ActiveFault
    from respool.faults.applying import FaultSampler as FaultSampler
    from respool.faults.applying import apply as apply
    from respool.faults.end import *  # noqa: F403
    from respool.faults.events import *  # noqa: F403
    from respool.faults.fault import Category as Category
    from respool.faults.fault import Fault as Fault
    from respool.faults.fault import Stage as Stage
    from respool.faults.fault import fault_class as fault_class
    from respool.faults.fault import options_of as options_of
    from respool.faults.model_calls import *  # noqa: F403
    from respool.faults.model_text import *  # noqa: F403
    from respool.faults.places import Place as Place
    from respool.faults.places import Unit as Unit
    from respool.faults.socket import *  # noqa: F403
    from respool.faults.syntax import make as make
    from respool.faults.syntax import parse as parse
    from respool.faults.syntax import read as read
    from respool.faults.table import FAULTS as FAULTS
    from respool.faults.time import *  # noqa: F403
    from respool.faults.wire import *  # noqa: F403

# Modules of the names that are no faults.
_HOMES = {
    "ActiveFault": "respool.faults.applying",
    "Category": "respool.faults.fault",
    "FAULTS": "respool.faults.table",
    "Fault": "respool.faults.fault",
    "FaultError": "respool.errors",
    "FaultSampler": "respool.faults.applying",
    "Place": "respool.faults.places",
    "Stage": "respool.faults.fault",
    "Unit": "respool.faults.places",
    "apply": "respool.faults.applying",
    "fault_class": "respool.faults.fault",
    "make": "respool.faults.syntax",
    "options_of": "respool.faults.fault",
    "parse": "respool.faults.syntax",
    "read": "respool.faults.syntax",
}


def __getattr__(name: str) -> Any:
    # PEP 562: called for names that the module lacks.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__all__" or name[:1].isupper():
        faults = _faults()
        if name == "__all__":
            return sorted({*_HOMES, *faults})
        if name in faults:
            return faults[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_faults()})


def _faults() -> dict[str, Any]:
    """Return every fault by the name of its class."""
    from respool.faults.table import FAULTS

    return {fault.__name__: fault for fault in FAULTS.values()}
