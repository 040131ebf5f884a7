"""Health: whether a store can be used now, and the other servers have the same time and recordings."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from respool.errors import printable
from respool.play.clock import SystemClock
from respool.recordings.digest import digest_of
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode_name
from respool.server.state.link import TRANSACTION, Command, Link, StoreUnavailable

if TYPE_CHECKING:
    from respool.server.mock_server import MockServer

logger = logging.getLogger("respool")

SKEW = 0.25  # seconds by which clocks may differ


class Health:
    """The reasons why a server cannot use a store now; each is "" if there is none.

    problem  nothing can be stored
    skewed   the clocks differ
    lacking  recordings of other servers are not here
    """

    def __init__(self, link: Link, server: "MockServer") -> None:
        self._link = link
        self._server = server
        self._problem = "it was not reached yet"
        self.skewed = ""
        self.lacking = ""
        self._known_version = -1
        self._here: dict[str, str] = {}  # digests of the recordings of files, by their names

    @property
    def reached(self) -> bool:
        """True if the store answered last time."""
        return not self._problem

    @property
    def problem(self) -> str:
        return self._problem or self.skewed

    def found(self) -> None:
        """Note that the store can be used."""
        if self._problem:
            logger.info("the shared state at %s can be used", self._link.url)
        self._problem = ""

    def lost(self, error: StoreUnavailable) -> None:
        """Note that the store cannot be reached, if that is the error."""
        if "cannot be reached" not in error.message:
            return
        if not self._problem:
            logger.warning("%s", error.message)
        self._problem = error.message.removeprefix("The shared state cannot be used: ").partition(
            ". Streams that"
        )[0]

    async def measure_skew(self) -> None:
        """Compare this machine's clock with that of the store."""
        before = time.time()
        ((seconds, micros),) = await self._link.once([("TIME",)])
        after = time.time()
        if not isinstance(self._server.clock, SystemClock):
            return  # a test's: it is the same for all
        here = self._server.clock.now() - time.time() + (before + after) / 2
        skew = here - (int(seconds) + int(micros) / 1e6)
        skewed = ""
        if abs(skew) > SKEW + (after - before) / 2:
            skewed = (
                f"this machine's clock is {abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} that of "
                f"the store {self._link.url}, expected at most {SKEW} s (run NTP on both)"
            )
            if not self.skewed:
                logger.error("%s", skewed)
        self.skewed = skewed

    async def compare_recordings(self) -> None:
        """Publish the digests of this server's recordings if they are new; else compare them with the
        published ones."""
        store = self._server.store
        if store.version != self._known_version:
            version = store.version
            digests = await asyncio.to_thread(self._digests)
            if digests != self._here or self._known_version < 0:
                commands: list[Command] = [*TRANSACTION, ("DEL", key_names.RECORDINGS)]
                fields = [part for pair in digests.items() for part in pair]
                if fields:
                    commands.append(("HSET", key_names.RECORDINGS, *fields))
                await self._link.once([*commands, ("EXEC",)])
                self._here = digests
            self._known_version = version
        (flat,) = await self._link.once([("HGETALL", key_names.RECORDINGS)])
        wanted = {decode_name(flat[at]): flat[at + 1].decode() for at in range(0, len(flat), 2)}
        lacking = sorted(name for name, digest in wanted.items() if self._here.get(name) != digest)
        self.lacking = (
            f"{len(lacking)} recordings are here in another version than at the server that read its files "
            f"last, or not at all; the first: {printable(lacking[0])}"
            if lacking
            else ""
        )

    def _digests(self) -> dict[str, str]:
        store = self._server.store
        return {turn.name: digest_of(turn) for name in store.sources for turn in store.turns(name)}
