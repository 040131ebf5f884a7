"""SharedUploads: uploaded recordings, the same on all servers of a store.

A table holds their names, and a version number changes with it. Each decision loads that number with the
rest, so that a client that has got the answer to an upload finds it on any server.
"""

import asyncio
import logging
from functools import partial

from respool.errors import RespoolError, printable
from respool.recordings.recording import Recording
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode, decode_name, encode
from respool.server.state.kept_recordings import turns_by_name
from respool.server.state.link import TRANSACTION, Command, Link, Read
from respool.server.uploads import Upload, Uploads

KEPT = 86_400_000  # ms after which an upload is forgotten when no server is there any more

logger = logging.getLogger("respool")


class SharedUploads:
    """Keeps the `uploads` of this server the same as those of the others."""

    def __init__(self, link: Link, uploads: Uploads) -> None:
        self._link = link
        self._uploads = uploads
        self._syncing = asyncio.Lock()
        self.version: bytes | None = None  # of the table, as it was when it was read
        self.lacking = ""  # what cannot be had here, and why
        self._digests: dict[str, list[str]] = {}  # of the turns of each upload, by its name

    async def publish(self, name: str, upload: Upload, data: bytes, turns: tuple[Recording, ...]) -> None:
        """Publish an upload to all servers. Raise RequestError, 503."""
        await self._note(name, turns)
        await self._change(
            ("SET", key_names.upload(upload.digest), data, "PX", KEPT),
            *(("SET", key, encode(upload), "PX", KEPT) for key in self._turn_keys(name)),
            ("HSET", key_names.UPLOADS, name, encode(upload)),
            ("PEXPIRE", key_names.UPLOADS, KEPT),
        )

    async def withdraw(self, name: str) -> None:
        """Withdraw an upload from all servers. Raise RequestError, 503."""
        await self._change(("HDEL", key_names.UPLOADS, name))

    async def _change(self, *commands: Command) -> None:
        """Change the table in the store, and apply it here."""
        async with self._link.connection() as connection:
            read = partial(self._link.read, connection)
            *_, done = await read([*TRANSACTION, *commands, ("INCR", key_names.UPLOADS_VERSION), ("EXEC",)])
            await self.sync(str(done[-1]).encode(), read)

    async def look(self) -> None:
        """Apply the changes of other servers. Raise RequestError, 503."""
        async with self._link.connection() as connection:
            read = partial(self._link.read, connection)
            (version,) = await read([("GET", key_names.UPLOADS_VERSION)])
            await self.sync(version, read)

    async def sync(self, version: bytes | None, read: Read) -> None:
        """Apply the table if its version is another one; `read` queries the store, on a connection that is
        held: decisions that wait for this may hold all others. Raise RequestError, 503."""
        if version == self.version:
            return
        async with self._syncing:
            if version == self.version:
                return
            (flat,) = await read([("HGETALL", key_names.UPLOADS)])
            wanted = {decode_name(flat[at]): decode(flat[at + 1], Upload) for at in range(0, len(flat), 2)}
            for name in [name for name in self._uploads.known if name not in wanted]:
                self._uploads.remove(name)
                self._digests.pop(name, None)
            self.lacking = ""
            for name, upload in wanted.items():
                if self._uploads.known.get(name) != upload:
                    await self._fetch(name, upload, read)
            self.version = version

    async def keep(self) -> None:
        """Extend the time for which the store keeps what is served."""
        keys = [key_names.UPLOADS, *(key_names.upload(one.digest) for one in self._uploads.known.values())]
        keys += [key for name in self._uploads.known for key in self._turn_keys(name)]
        await self._link.once([("PEXPIRE", key, KEPT) for key in keys])

    async def _fetch(self, name: str, upload: Upload, read: Read) -> None:
        (data,) = await read([("GET", key_names.upload(upload.digest))])
        try:
            if data is None:
                raise RespoolError("the store has lost it")
            found, turns = await asyncio.to_thread(self._uploads.read, name, upload.suffix, data)
            await self._note(name, turns)
            self._uploads.put(name, found, turns)
        except RespoolError as error:
            self.lacking = f"the uploaded recording {printable(name)} cannot be served here: {error}"
            logger.warning("%s", self.lacking)

    async def _note(self, name: str, turns: tuple[Recording, ...]) -> None:
        self._digests[name] = [digest for _, digest in await asyncio.to_thread(turns_by_name, turns)]

    def _turn_keys(self, name: str) -> list[str]:
        return [key_names.uploaded_turn(digest) for digest in self._digests.get(name, ())]
