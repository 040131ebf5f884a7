"""Decision: what answers a request, and why."""

from typing import TYPE_CHECKING, NamedTuple

from respool.match.recorded import Place
from respool.match.turn_choice import Used
from respool.play.playback import Origin
from respool.recordings.recording import Recording

if TYPE_CHECKING:
    from respool.match.stubs import Stub, StubState

IMPROVISED = "improvised"  # a tier, and the name of such a recording
RELAYED = "relayed"  # the tier of what an upstream answers


class Decision(NamedTuple):
    """The answer to a request. (A tuple takes a third of the time to make.)

    tier       what found it: steer, path, header, model, stub, exact, masked, pointers, skeleton, order,
               default, only, improvised, relayed
    why        further reasons
    recording  None: the answer is improvised, or an upstream's
    origin     its place in a series of turns; None: the only turn of the named recording
    used       an error that this request uses up
    served     for a recorded request: its digest, and the place that it found
    stub       the stub that chose it, and `state`, the session's next state of stubs
    """

    tier: str
    why: str
    recording: Recording | None
    origin: Origin | None = None
    used: Used | None = None
    served: tuple[str, Place] | None = None
    stub: "Stub | None" = None
    state: "StubState | None" = None

    @property
    def line(self) -> str:
        """Tier and reason in one line."""
        return f"{self.tier}: {self.why}" if self.why else self.tier
