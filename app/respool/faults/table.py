"""FAULTS: every fault by its name, from the modules of the categories."""

from collections.abc import Mapping
from types import MappingProxyType

from respool.faults import answer, end, events, model_calls, model_text, socket, time, wire
from respool.faults.fault import Fault

_MODULES = (answer, time, wire, end, events, model_text, model_calls, socket)

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        value.name: value
        for module in _MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Fault) and value.__module__ == module.__name__
    }
)
