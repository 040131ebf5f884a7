"""ValidationLevel: how much of a request is checked."""

from enum import Enum

from respool.errors import OptionError
from respool.protocol.request import sdk_types


class ValidationLevel(Enum):
    """How much of a request is checked. Each level includes the checks of those before it."""

    OFF = "off"  # only parameters that the server itself reads
    BASIC = "basic"  # errors with any model, and with other producers of the API
    STRICT = "strict"  # also the types of the newest openai package

    @classmethod
    def read(cls, value: "ValidationLevel | str") -> "ValidationLevel":
        """Return the level of that name. Raise OptionError for an unknown name, or a missing dependency."""
        try:
            level = cls(value)
        except ValueError:
            names = ", ".join(level.value for level in cls)
            raise OptionError(f"validation of requests is {value!r}, expected one of {names}") from None
        if level is cls.STRICT:
            sdk_types.names("create")
        return level
