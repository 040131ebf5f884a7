"""open_state: open the state at a URL."""

from respool.errors import OptionError, printable
from respool.server.state import State

_SCHEMES = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")


def open_state(url: str | None) -> State | None:
    """Return the state at `url`; None without a URL: in memory.

    Raise OptionError for an invalid URL, and if the extra that it needs is not installed.
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
