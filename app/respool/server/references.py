"""References: checks that the responses and items exist to which a request refers."""

from collections.abc import Sequence

from respool.play.connection_memory import Remembered
from respool.protocol import api_errors
from respool.protocol.items import Item
from respool.protocol.request import Known, ValidationLevel, check_links
from respool.server.decision import Decision
from respool.server.indexes import Indexes
from respool.server.lineage import items_before
from respool.server.links import check_history
from respool.server.memory import Memory
from respool.server.request import Request
from respool.server.session import Session
from respool.server.stored_responses import StoredResponses


class References:
    """Checks what requests refer to, at one level of validation. With `any_id`, unknown ids are answered
    for."""

    def __init__(
        self,
        level: ValidationLevel,
        indexes: Indexes,
        memory: Memory,
        responses: StoredResponses,
        *,
        any_id: bool,
    ) -> None:
        self._level = level
        self._indexes = indexes
        self._memory = memory
        self._responses = responses
        self._any_id = any_id

    def check_previous(
        self, session: Session, request: Request, lineage: Sequence[Remembered] | None, moment: float
    ) -> None:
        """Check that the response exists that a request continues; on a WebSocket, also the calls in the
        input. Raise RequestError. `lineage`: see `MockServer.begin`."""
        previous = request.previous_response_id
        if previous is None:
            return
        if not lineage and self._responses.latest(session, previous) is None:
            raise api_errors.previous_response_not_found(previous)
        if lineage is None or self._level is ValidationLevel.OFF or self._any_id:
            return

        def stored(id: str) -> list[Item] | None:
            if self._memory.stateless or self._responses.latest(session, id) is None:
                return None
            return self._responses.context({"previous_response_id": id}, moment, session.name)

        context = items_before(lineage, stored) if lineage else stored(previous)
        check_links(request.body, Known(context))

    def check_history(
        self, request: Request, session: Session, moment: float, decision: Decision | None
    ) -> None:
        """Check the history in a request's input. Raise RequestError. `decision` is the answer to it."""
        if self._level is ValidationLevel.OFF or not isinstance(request.body.get("input"), list):
            return
        known = not self._memory.stateless and not self._any_id
        check_history(request, session, moment, decision, self._indexes, known=known)
