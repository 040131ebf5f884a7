"""Streams in which several responses run at a time, as in the multi-agent beta.

Each response there has its own ``response.created`` and its own terminal event. An event that does not name
its response belongs to the response of its item, or of its agent. Source: the `agent` members in openai
3.57's beta types. Usually a stream is one response; then these functions return early.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from respool.protocol.events import CREATED, ENDING_TYPES, TERMINAL_TYPES, Event

# Events that carry the Response object, and so name their response.
_OF_RESPONSE = TERMINAL_TYPES | {CREATED, "response.queued", "response.in_progress"}


class Owners:
    """Finds the response of each event of a stream. Pass the events in their order.

    `events` are those of the whole stream, if they are known: terminal events list the items of responses.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.open: dict[object, None] = {}  # the ids of the responses that have not ended
        self._latest: object = None
        self._by_name: dict[tuple[str, object], object] = {}  # ids of responses, by items and by agents
        for event in events:
            response = event.data.get("response") if event.type in TERMINAL_TYPES else None
            output = response.get("output") if isinstance(response, dict) else None
            for item in output if isinstance(output, list) else ():
                if (item_id := id_of(item)) is not None:
                    self._by_name["item", item_id] = id_of(response)

    def owner(self, type: str, data: Mapping[str, Any]) -> object:
        """Return the id of an event's response; None before the first response."""
        id_ = id_of(data.get("response"))
        key: object = id_ if id_ is not None else self._owner(data)
        if type == CREATED:
            self._by_name["agent", agent_of(data)] = key
        if (item := _item(data)) is not None:
            self._by_name["item", item] = key
        if key is not None:
            self._latest = key
            if type in ENDING_TYPES:
                self.open.pop(key, None)
            elif type == CREATED:
                self.open[key] = None
        return key

    def _owner(self, data: Mapping[str, Any]) -> object:
        steer = data.get("steer")
        target = steer.get("previous_response_id") if isinstance(steer, dict) else data.get("response_id")
        if isinstance(target, str):
            return target
        for named in (("item", _item(data)), ("agent", agent_of(data))):
            owner = self._by_name.get(named)
            if owner is not None and owner in self.open:
                return owner
        return next(reversed(self.open), self._latest)


def end_of(events: Sequence[Event]) -> int | None:
    """Return the index of the event that ends the last response of a stream; None if the stream was cut.

    Events after the end of a single response do not count, but `response.failed` may follow its error.
    """
    several = run_together(events)
    open_: set[object] = set()
    end = error = None
    for place, event in enumerate(events):
        if event.type == "error":
            error = place
        elif several and event.type == CREATED:
            open_.add(id_of(event.data.get("response")))
        elif event.type in TERMINAL_TYPES:
            end = place
            if several:
                open_.discard(id_of(event.data.get("response")))
            if not open_:
                break
    return error if end is None else end


def run_together(events: Iterable[Event]) -> bool:
    """Return True if several responses run at a time: one has a further event with its Response object after
    another was created."""
    named = [event for event in events if event.type in _OF_RESPONSE]
    if sum(event.type == CREATED for event in named) < 2:
        return False
    created: list[object] = []
    for event in named:
        id_ = id_of(event.data.get("response"))
        if event.type == CREATED and id_ not in created:
            created.append(id_)
        elif id_ in created[:-1]:
            return True
    return False


def places_of_others(events: Sequence[Event], id: object) -> frozenset[int]:
    """Return the indexes of the events of other responses than `id`; empty if only one runs at a time."""
    if not run_together(events):
        return frozenset()
    owners = Owners(events)
    owned = [owners.owner(event.type, event.data) for event in events]
    return frozenset(place for place, owner in enumerate(owned) if owner not in (id, None))


def id_of(response: Any) -> str | None:
    """Return the id of a Response object or an item."""
    id_ = response.get("id") if isinstance(response, dict) else None
    return id_ if isinstance(id_, str) else None


def _item(data: Mapping[str, Any]) -> str | None:
    item = data.get("item_id")
    return item if isinstance(item, str) else id_of(data.get("item"))


def agent_of(data: Mapping[str, Any]) -> str | None:
    """Return the name of an event's agent; None for the first agent, and without agents."""
    agent = data.get("agent")
    name = agent.get("agent_name") if isinstance(agent, dict) else None
    return name if isinstance(name, str) else None
