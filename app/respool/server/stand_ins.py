"""StandIns: the answers for ids that are not known, with ``on_unknown_id="default"``."""

from respool.play.clock import Clock
from respool.play.playback import Playback
from respool.play.rendition import Changes, Renditions
from respool.play.saved_answers import SavedAnswers
from respool.protocol.items import Item, input_items
from respool.recordings.recording import Recording
from respool.server.choosing import default_of
from respool.server.conversations import output_items
from respool.server.indexes import Indexes


class StandIns:
    """The default recording as the response, or the conversation, of any unknown id, if that is `wanted`."""

    def __init__(
        self,
        wanted: bool,
        indexes: Indexes,
        clock: Clock,
        renditions: Renditions,
        saved_answers: SavedAnswers,
    ) -> None:
        self.wanted = wanted
        self._indexes = indexes
        self._clock = clock
        self._renditions = renditions
        self._saved_answers = saved_answers

    def recording(self) -> Recording | None:
        """Return the recording that answers for unknown ids; None if unknown ids are refused."""
        return default_of(self._indexes.store, self._indexes.options.default) if self.wanted else None

    def playback(self, id: str, now: float) -> Playback | None:
        """Return the playback for an unknown id, if there is one: in the background, streamed, ended a second
        ago. It is not stored."""
        recording = self.recording()
        if recording is None or (recording := self._saved_answers.streamed(recording)).plain:
            return None
        playback = Playback(
            recording,
            self._renditions,
            started=0.0,
            changes=Changes(id=id, whole=True),
            background=True,
            body=recording.header.request,
            stands_in=True,
        )
        playback.started = now - playback.schedule.end - 1.0
        return playback

    def items(self, id: str) -> list[Item]:
        """Return the items of an unknown conversation: the default recording's input and output."""
        playback = self.playback(id, self._clock.now())
        given = input_items(playback.body if playback else {}, id) or input_items({"input": "Hello!"}, id)
        return [*given, *(output_items(playback, playback.ends) if playback else ())]
