"""SocketProtocol: uvicorn's protocol of a WebSocket, which leaves no cycles of references."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class SocketProtocol(WebSocketsSansIOProtocol):
    """What garbage collection alone would find, a server keeps for long (`commands.serve.steady_gc`)."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()  # a generator, which has the connection
