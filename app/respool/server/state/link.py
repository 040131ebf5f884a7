"""Link: the connections to a store that speaks the protocol of Redis, and the handling of its failures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AskError, ClusterDownError, RedisError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as StoreConnectionError

from respool.errors import OptionError, RequestError, printable
from respool.play.offload import WorkNeeded
from respool.server.state.cluster import find_owner
from respool.server.state.views import NotLoaded

Command = tuple[Any, ...]
Read = Callable[[Sequence[Command]], Awaitable[list[Any]]]  # gives the answers to commands

CONNECTIONS = 64  # at once, of one process
TIMEOUT = 5.0  # seconds, to connect and for each answer

# What begins a transaction of its own. A decision that changed nothing leaves its watched keys to the next
# use of its connection, and a transaction would fail for them.
TRANSACTION: tuple[Command, ...] = (("UNWATCH",), ("MULTI",))


class StoreUnavailable(RequestError):
    """The store cannot be used now."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The shared state cannot be used: {why}. Streams that are under way go on.",
            status=503,
            code="state_unavailable",
            type="server_error",
        )


class Link:
    """Connections to the store at `url`. `options` are those of a connection. With ``redis+cluster://`` they
    lead to the node of a cluster that has our keys. Raises OptionError for an invalid URL."""

    def __init__(self, url: str, **options: Any) -> None:
        self._cluster = "+cluster://" in url
        self._url = url.replace("+cluster://", "://", 1)
        self._options = {
            "socket_connect_timeout": TIMEOUT,
            "socket_timeout": TIMEOUT,
            "protocol": 2,
            "encoding_errors": "surrogatepass",
            **options,
        }
        self.url = without_password(url)
        self.most = CONNECTIONS
        self.round_trips = 0
        self._closed = False
        self._known: set[tuple[str, int]] = set()  # addresses of a cluster
        try:
            self._pool: BlockingConnectionPool | None = self._pool_of(self._url)
        except (ValueError, TypeError) as error:
            raise OptionError(f"state is {printable(self.url)}: {error}") from None
        if self._cluster:
            self._pool = None  # it is not known yet to which node

    def _pool_of(self, url: str) -> BlockingConnectionPool:
        return BlockingConnectionPool.from_url(
            url, max_connections=self.most, timeout=TIMEOUT, **self._options
        )

    async def _connections(self) -> BlockingConnectionPool:
        if self._pool is None:
            self._pool = self._pool_of(await find_owner(self._url, self._options, self._known))
        return self._pool

    async def _forget_owner(self) -> None:
        """Look up the node of our keys again, on the next use."""
        if self._cluster and self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.disconnect(inuse_connections=False)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AbstractConnection]:
        """Yield a connection for several round trips. Raise StoreUnavailable if one of them fails, and after
        `close`."""
        if self._closed:  # a connection made now would be left open
            raise StoreUnavailable("this server has closed its connections")
        try:
            pool = await self._connections()
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        except (TimeoutError, RedisError, OSError) as error:
            await self._forget_owner()
            raise StoreUnavailable(self._why(error)) from None
        whole = False
        try:
            yield connection
            whole = True
        except (TimeoutError, RedisError, OSError) as error:
            await self._forget_owner()
            raise StoreUnavailable(self._why(error)) from None
        except (RequestError, NotLoaded, WorkNeeded):
            whole = True  # raised by a decision, between two round trips
            raise
        finally:
            # Answers may still come, or the node is no longer ours, or it was connected again after `close`.
            if not whole or pool is not self._pool or self._closed:
                await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def execute(self, connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to `commands`, in one round trip. An error of a command is an answer, too."""
        self.round_trips += 1
        await connection.send_packed_command(connection.pack_commands(commands))
        answers = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                if isinstance(
                    error, AskError | ClusterDownError | TryAgainError
                ):  # MovedError is an AskError
                    raise StoreConnectionError(f"the cluster changes: {error}") from None
                answers.append(error)
        return answers

    async def once(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to `commands` on any connection. Raise StoreUnavailable, also if a command
        fails."""
        async with self.connection() as connection:
            return await self.read(connection, commands)

    async def read(self, connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to `commands` on this connection. Do not wait for a second one while you hold
        it: all others may be held by tasks that wait likewise. Raise ResponseError if a command fails."""
        answers = await self.execute(connection, commands)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    async def wait(self, connection: AbstractConnection, command: Command, seconds: float) -> Any:
        """Return the answer to a command that waits up to `seconds` in the store."""
        await connection.send_packed_command(connection.pack_command(*command))
        return await connection.read_response(timeout=seconds + TIMEOUT)

    def open(self) -> None:
        """Allow connections again, after `close`."""
        self._closed = False

    async def close(self) -> None:
        """Close all connections, and allow no more of them."""
        self._closed = True
        if self._pool is not None:
            await self._pool.disconnect()
        for _ in range(2):  # connections that were left without waiting close in the loop's next rounds
            await asyncio.sleep(0)

    def _why(self, error: BaseException) -> str:
        kind = "cannot be reached" if isinstance(error, StoreConnectionError | OSError) else "fails"
        return f"the store {self.url} {kind} ({printable(str(error) or type(error).__name__, 200)})"


def without_password(url: str) -> str:
    """Return a URL without its password."""
    head, at, tail = url.rpartition("@")
    if not at:
        return url
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}:...@{tail}" if ":" in user else url
