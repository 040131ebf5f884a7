"""SocketSettings: the limits of a connection, and the effect of steering on a recording."""

from dataclasses import dataclass

from respool.protocol.websocket.steers import SteerAt

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """The limits of one connection. The defaults are the service's, if it has such a limit.

    lifetime          seconds after which the connection is closed
    lifetime_code     its close code, which is not documented
    lanes             distinct named lanes in the life of a connection
    active            responses at one time; further creates wait
    frame_bytes       the largest frame from a client
    queued            creates that wait
    queued_bytes      size of their frames together
    remembered        responses in the connection's memory
    remembered_bytes  size of the frames that created them, together
    keep_older        whether older responses of a lane can be continued without being stored, too
    steers            accepted steers that wait for one response
    steer_at          where a steer ends a recording
    multi_agent       whether the handshake requested the multi-agent beta
    """

    lifetime: float = 3600.0
    lifetime_code: int = 1000
    lanes: int = 32
    active: int = 16
    frame_bytes: int = 16 * MIB
    queued: int = 256
    queued_bytes: int = 64 * MIB
    remembered: int = 128
    remembered_bytes: int = 64 * MIB
    keep_older: bool = False
    steers: int = 32
    steer_at: SteerAt = SteerAt.NEXT_ITEM_DONE
    multi_agent: bool = False
