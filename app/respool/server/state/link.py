"""Link: the connections to a store that speaks the protocol of Redis, and the handling of its failures."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import RedisError, ResponseError

from respool.errors import OptionError, RequestError, printable

Command = tuple[Any, ...]

CONNECTIONS = 64  # at once, of one process
TIMEOUT = 5.0  # seconds, to connect and for each answer


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
    """Connections to the store at `url`. `options` are those of a connection. Raises OptionError for an
    invalid URL."""

    def __init__(self, url: str, **options: Any) -> None:
        try:
            self._pool = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                socket_timeout=TIMEOUT,
                protocol=2,
                encoding_errors="surrogatepass",
                **options,
            )
        except (ValueError, TypeError) as error:
            raise OptionError(f"state is {printable(without_password(url))}: {error}") from None
        self.url = without_password(url)
        self.round_trips = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AbstractConnection]:
        """Yield a connection for several round trips. Raises StoreUnavailable if one of them fails."""
        try:
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except (TimeoutError, RedisError, OSError) as error:
            raise StoreUnavailable(self._why(error)) from None
        whole = False
        try:
            yield connection
            whole = True
        except (TimeoutError, RedisError, OSError) as error:
            raise StoreUnavailable(self._why(error)) from None
        except RequestError:
            whole = True  # of a decision, between two round trips
            raise
        finally:
            if not whole:  # answers may still come
                await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def ask(self, connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to `commands`, in one round trip. An error of a command is an answer, too."""
        self.round_trips += 1
        await connection.send_packed_command(connection.pack_commands(commands))
        answers = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
        return answers

    async def once(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to `commands` on any connection. Raises StoreUnavailable, also if a command
        fails."""
        async with self.connection() as connection:
            answers = await self.ask(connection, commands)
            for answer in answers:
                if isinstance(answer, ResponseError):
                    raise answer
            return answers

    async def wait(self, connection: AbstractConnection, command: Command, seconds: float) -> Any:
        """Return the answer to a command that waits up to `seconds` in the store."""
        await connection.send_packed_command(connection.pack_command(*command))
        return await connection.read_response(timeout=seconds + TIMEOUT)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.disconnect()

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
