"""uvicorn's protocol for h11, with limits: `connection_limits` says which."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from respool.http.connection_limits import LimitedConnection

_PIECE = 4096  # bytes


class LimitedH11(LimitedConnection, H11Protocol):
    """h11 limits a head by itself: see `serving.uvicorn_server`."""

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self.throw_away(data)
            return
        if self._surplus and self.still_surplus():
            return
        if self.conn.their_state is h11.IDLE and len(data) > _PIECE:
            # h11 looks at the size of a head only when it has not found its end.
            for at in range(0, len(data), _PIECE):
                self.data_received(data[at : at + _PIECE])
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._disarm()
        elif self.head_begun():
            self._arm()

    def head_begun(self) -> bool:
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
