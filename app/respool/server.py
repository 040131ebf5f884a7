"""MockServer: the one object that remembers. It knows recordings, pace, time and the journal, but
no sockets: the HTTP floor asks it, and so can a test."""

from weakref import WeakKeyDictionary

from respool.clock import Clock, SystemClock
from respool.errors import OptionError
from respool.frames import SSE_DONE, Reel, Schedule, encode_sse
from respool.journal import Journal
from respool.matching import Request, choose
from respool.pace import Pace
from respool.playback import Playback
from respool.protocol.request import Level
from respool.recording import Recording
from respool.store import Store


class MockServer:
    """A store of recordings, and how they are played.

    `default` is the name of the recording that answers what nothing else does; `validate` is how much of
    a request is checked: off, basic or strict. Raises OptionError when there is no recording or no level of
    that name, and when strict lacks the extra ``schema``.
    """

    def __init__(
        self,
        store: Store,
        *,
        pace: Pace | None = None,
        clock: Clock | None = None,
        default: str | None = None,
        validate: Level | str = Level.BASIC,
    ) -> None:
        if default is not None and store.get(default) is None:
            nearest = ", ".join(store.nearest(default))
            raise OptionError(
                f"default is {default}, but no recording has that name"
                + (nearest and f"; nearest: {nearest}")
            )
        self.store = store
        self.pace = pace or Pace()
        self.clock = clock or SystemClock()
        self.default = default
        self.validate = Level.read(validate)
        self.journal = Journal()
        self._schedules: WeakKeyDictionary[Recording, Schedule] = WeakKeyDictionary()
        for name in store.names:
            for recording in store.turns(name):
                self.schedule(recording)

    def start(self, request: Request, now: float | None = None) -> Playback:
        """Begin to play what answers `request`, at the clock's moment `now` (this one, if not given).

        Raises RequestError for a request which the API refuses, NoMatchingRecording if none answers.
        """
        request.check(self.validate)
        recording = choose(request, self.store, self.default)
        return Playback(recording, self.schedule(recording), self.clock.now() if now is None else now)

    def schedule(self, recording: Recording) -> Schedule:
        """The recording's frames and moments: worked out once, shared by all its streams."""
        schedule = self._schedules.get(recording)
        if schedule is None:
            frames = [encode_sse(timed.event) for timed in recording.events]
            moments = self.pace.moments(recording)
            if recording.header.done:
                frames.append(SSE_DONE)
                moments.append(moments[-1] if moments else 0.0)
            schedule = self._schedules[recording] = Schedule(Reel.wind(frames), moments)
        return schedule
