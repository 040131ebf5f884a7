"""Level: how much of a request is checked."""

from enum import Enum

from respool.errors import OptionError
from respool.protocol.request import sdk_types


class ValidationLevel(Enum):
    """How much of a request is checked; each finds what those before it find."""

    OFF = "off"  # what the server itself must read
    BASIC = "basic"  # what is wrong for any model, and for other producers of the API too
    STRICT = "strict"  # also what the newest openai package's types do not have

    @classmethod
    def read(cls, value: "ValidationLevel | str") -> "ValidationLevel":
        """The level of that name. Raises OptionError if there is none, or if what it needs is not there."""
        try:
            level = cls(value)
        except ValueError:
            names = ", ".join(level.value for level in cls)
            raise OptionError(f"validation of requests is {value!r}, expected one of {names}") from None
        if level is cls.STRICT:
            sdk_types.names("create")
        return level
