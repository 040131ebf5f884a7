"""StoredResponses: retrieve, stream, cancel and delete the responses of a session, and list their items."""

from collections.abc import Callable, Mapping
from typing import Any

from respool.errors import RequestError
from respool.play.edits import CANCELLED
from respool.play.playback import Playback
from respool.protocol import api_errors
from respool.protocol.items import Item, input_items
from respool.server.conversations import PlaybackInConversation
from respool.server.lineage import items_of_chain
from respool.server.memory import Memory
from respool.server.session import DEFAULT_SESSION, Session
from respool.server.stand_ins import StandIns


class StoredResponses:
    """The stored responses of all sessions; where unknown ids are answered for, also their stand-ins.

    `session` returns the session of a name. `replay_window` is in seconds: see `MockServer`.
    """

    def __init__(
        self, session: Callable[[str], Session], memory: Memory, stand_ins: StandIns, replay_window: float
    ) -> None:
        self._session = session
        self._memory = memory
        self._stand_ins = stand_ins
        self._replay_window = replay_window

    def retrieve(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> Playback:
        """Return the latest playback of this id that can be retrieved now: a background one at any time,
        another after its end.

        Raise RequestError: 404, as the API answers.
        """
        using, moment = self._using(session, now)
        for playback in self._all(using, id, moment):
            if playback.background or playback.ended(moment):
                return playback
        raise api_errors.response_not_found(id)

    def stream(
        self,
        id: str,
        *,
        include_obfuscation: bool = True,
        now: float | None = None,
        session: str = DEFAULT_SESSION,
    ) -> Playback:
        """Return the latest playback that can be streamed now.

        Raise RequestError: 404, or 400 for one that was not created with ``background=true`` and
        ``stream=true``, and for one whose events are no longer kept.
        """
        using, moment = self._using(session, now)
        latest = self.retrieve(id, moment, session)
        for playback in self._all(using, id, moment):
            if self._refusal(playback, moment) is None:
                return playback.with_obfuscation(include_obfuscation)
        refusal = self._refusal(latest, moment)
        assert refusal
        raise refusal

    def _refusal(self, playback: Playback, moment: float) -> RequestError | None:
        """Return the error for a playback that cannot be streamed again; None if it can."""
        if not playback.background:
            return api_errors.not_created_with("background")
        if not playback.streamed:
            return api_errors.not_created_with("stream")
        gone = moment > playback.ends + self._replay_window and playback.ended(moment)
        if gone and not playback.stands_in:
            return api_errors.no_longer_streamable(self._replay_window / 60)
        return None

    def cancel(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> Playback:
        """Cancel the latest background response of this id that is queued or in progress; one that was
        cancelled stays so.

        Raise RequestError: 404, or 400 for one that has ended or is not in the background.
        """
        using, moment = self._using(session, now)
        found = self._all(using, id, moment)
        if not found:
            raise api_errors.response_not_found(id)
        playback = next((one for one in found if one.background and not one.ended(moment)), found[0])
        if playback.stands_in:  # for one that could be cancelled, too
            playback.cancel(playback.started)
            return playback
        if not playback.background:
            raise api_errors.cannot_cancel_synchronous()
        status = playback.status(moment)
        if playback.ended(moment) and status != CANCELLED:
            raise api_errors.cannot_cancel(status)
        playback.cancel(moment)
        return playback

    def delete(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> None:
        """Delete a response: all playbacks of this id that have ended. Raise RequestError: 404, or 400 if the
        only ones are in progress."""
        using, moment = self._using(session, now)
        self.retrieve(id, moment, session)
        ended = [one for one in self._all(using, id, moment) if one.ended(moment) or one.stands_in]
        if not ended:
            raise api_errors.cannot_delete_in_flight()
        for playback in ended:
            using.history.discard(playback)

    def input_items(self, id: str, now: float | None = None, session: str = DEFAULT_SESSION) -> list[Item]:
        """Return the items of the request that a response answers, oldest first. Raise RequestError: 404."""
        return input_items(self.retrieve(id, now, session).body, id)

    def context(
        self, body: Mapping[str, Any], now: float | None = None, session: str = DEFAULT_SESSION
    ) -> list[Item]:
        """Return the items before the input of a request, oldest first: of its conversation, or of the
        responses that it continues. `body` has been checked.

        Raise RequestError: 404 for an unknown conversation, 400 for an unknown previous response, or for too
        many items.
        """
        return self.earlier_items(body, now, session)()

    def earlier_items(
        self, body: Mapping[str, Any], now: float | None = None, session: str = DEFAULT_SESSION
    ) -> Callable[[], list[Item]]:
        """Return a function that returns the `context` of a request, in any thread. Raise RequestError as
        `context` does."""
        using, moment = self._using(session, now)
        self._memory.check(body)
        conversation = body.get("conversation")
        if conversation:
            id_ = conversation["id"] if isinstance(conversation, dict) else conversation
            items = using.conversations.items(id_, moment)
            return lambda: items
        previous = body.get("previous_response_id")
        if previous and self.latest(using, previous) is None:
            raise api_errors.previous_response_not_found(previous)
        chain: dict[str, Playback] = {}  # a recording that was played twice may continue itself
        while previous and previous not in chain and (playback := self.latest(using, previous)):
            chain[previous] = playback
            previous = playback.continues[0]
        return items_of_chain(chain, moment)

    def latest(self, session: Session, id: str) -> Playback | None:
        """Return the playback that a request continues which names this id; None if there is none."""
        found = self._all(session, id, session.clock.now())
        return found[0] if found else None

    def _using(self, session: str, now: float | None) -> tuple[Session, float]:
        """Return the session of that name, and its moment."""
        using = self._session(session)
        return using, using.clock.now() if now is None else now

    def _all(self, session: Session, id: str, now: float) -> list[Playback]:
        """Return all playbacks with this id, latest first, or the one that stands in for them."""
        self._memory.check_known(id)
        if found := session.history.all(id):
            return found
        stand_in = self._stand_ins.playback(id, now)
        return [stand_in] if stand_in else []


def detach_abandoned(playback: Playback, session: Session) -> None:
    """Remove a response whose client has left before the end, unless it is in the background: it cannot be
    retrieved later, and its conversation goes on without it."""
    if playback.background:
        return
    session.history.discard(playback)
    _, conversation = playback.continues
    if conversation is not None:
        session.conversations.detach(conversation, PlaybackInConversation(playback))
