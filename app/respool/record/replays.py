"""Replays: with a record mode other than ``all``, recorded requests are played, not relayed again."""

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from respool.match.recorded import NOTHING_SEEN, Place, Recorded, RecordedIndex, Seen
from respool.match.turn_choice import facts
from respool.record.routes import CREATE, Route
from respool.record.turn import json_object
from respool.recordings.recording import Recording
from respool.recordings.store import Store

# The words are VCR's. Source: the documentation of VCR for Ruby, "Record modes".
MODES = ("all", "once", "new_episodes", "none")


class Replays:
    """Answers recorded requests by playing the recordings, in the order in which they were made.

    ``new_episodes`` relays all other requests, ``none`` refuses them. ``once`` is ``none`` if the folder has
    recordings at the start, else it records all. `app` plays the recordings of `store`.
    """

    def __init__(self, mode: str, store: Store, app: ASGIApp) -> None:
        self._store = store
        self._app = app
        self._mode = ("none" if store.names else "all") if mode == "once" else mode
        self._played: set[Place] = set()
        self._ids: set[str] = set()
        self._index: RecordedIndex | None = None
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Load the recordings made meanwhile. Any thread may call it."""
        with self._lock:
            self._store.refresh()
            self._index = None

    def answers(self, found: Route, body: bytes) -> bool:
        """Return True if a request is answered here, with a recording or a refusal."""
        match self._mode:
            case "all":
                return False
            case "none":
                return True
        if found.kind != CREATE:
            return found.id in self._ids
        return self._place(json_object(body.decode(errors="replace"))) is not None

    async def play(self, scope: Scope, receive: Receive, send: Send, found: Route, body: bytes) -> None:
        """Answer a request. Its body was read already, and has no content coding any more."""
        path = found.path
        if found.kind == CREATE:
            place = self._place(json_object(body.decode(errors="replace")))
            name, turn = place or ("", 0)
            path = f"/r/{quote(name)}/turns/{turn}/v1/responses" if place else "/r/not-recorded/v1/responses"
            if place:
                self._played.add(place)
                self._ids.add(_response_id(self._store.turns(name)[turn - 1]))
        headers = [
            pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")
        ]
        headers.append((b"content-length", str(len(body)).encode()))
        inner = {**scope, "path": path, "raw_path": path.encode(), "headers": headers}
        await self._app(inner, _again(body, receive), send)

    def _place(self, body: Mapping[str, Any]) -> Place | None:
        if not body:
            return None
        with self._lock:
            if self._index is None:
                self._index = RecordedIndex(
                    Recorded(name, number, turn.header.request, facts(turn).failed)
                    for name in self._store.names
                    for number, turn in enumerate(self._store.turns(name), 1)
                )
            index = self._index
        seen = Seen(self._played) if self._played else NOTHING_SEEN
        match = index.match(index.forms_of(body), seen=seen, strictness="strict")
        return match.place if match else None


def _response_id(recording: Recording) -> str:
    if recording.plain:
        body = recording.header.body
        return str(body.get("id", "")) if isinstance(body, dict) else ""
    for timed in recording.events:
        response = timed.event.data.get("response")
        if isinstance(response, dict):
            return str(response.get("id", ""))
    return ""


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body again that was read already, and then calls `receive`."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
