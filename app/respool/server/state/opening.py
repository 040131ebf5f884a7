"""open_state: the state that a URL names."""

from respool.errors import OptionError, printable
from respool.server.state import State

_SCHEMES = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")


def open_state(url: str | None) -> State | None:
    """Return the state at `url`; None for memory, if it is not given.

    Raise OptionError for a URL that is none, and where the extra is not installed that it needs.
    """
    if url is None:
        return None
    if not url.startswith(_SCHEMES):
        raise OptionError(f"state is {printable(url)}, expected a URL that begins with {', '.join(_SCHEMES)}")
    try:
        from respool.server.state.redis import RedisState
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise OptionError("state needs the extra redis: pip install 'respool[redis]'") from None
    return RedisState(url)
