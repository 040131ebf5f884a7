"""The client's end of a connection of uvicorn's, in memory."""


class MemoryTransport:
    """A transport without a socket: `written` holds each write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = self.reading_paused = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False
