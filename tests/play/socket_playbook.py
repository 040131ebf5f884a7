"""Playbook: a conversation on a socket, written as what went in and what came out, each with its moment."""

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from respool.errors import RequestError
from respool.play.live_turn import FixedTurn, LiveTurn
from respool.play.socket_actions import Action, Cancel, Close, Cut, Send, StartTurn
from respool.play.socket_connection import SocketConnection
from respool.play.socket_settings import SocketSettings
from respool.play.warm_up import warm_up_turn
from respool.protocol import api_errors
from respool.protocol.events import Event, compact
from respool.recordings.steer_rule import SteerRule

Answer = FixedTurn | RequestError
Answering = Callable[[StartTurn, float, str], Answer]


def event(type: str, number: int, **fields: Any) -> Event:
    return Event(compact({"type": type, **fields, "sequence_number": number}), type)


def message(id: str, place: int, text: str = "Hi") -> list[tuple[str, dict[str, Any]]]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": f"msg_{id}_{place}", "type": "message", "status": "completed", "role": "assistant"}
    where = {"item_id": item["id"], "output_index": place, "content_index": 0}
    return [
        (
            "response.output_item.added",
            {"output_index": place, "item": {**item, "status": "in_progress", "content": []}},
        ),
        ("response.output_text.delta", {**where, "delta": text, "logprobs": []}),
        ("response.output_item.done", {"output_index": place, "item": {**item, "content": [part]}}),
    ]


def call(id: str, place: int, **item: Any) -> list[tuple[str, dict[str, Any]]]:
    item = {"id": f"fc_{id}", "type": "function_call", "call_id": f"call_{id}", "name": "f", **item}
    return [
        ("response.output_item.added", {"output_index": place, "item": item}),
        ("response.output_item.done", {"output_index": place, "item": item}),
    ]


def turn(
    id: str,
    started: float = 0.0,
    *,
    gap: float = 1.0,
    items: Sequence[Sequence[tuple[str, dict[str, Any]]]] | None = None,
    end: str | None = "completed",
    stored: bool = False,
) -> FixedTurn:
    """A response with an event at each `gap`, the first at once."""
    items = [message(id, 0)] if items is None else items
    response = {"id": id, "object": "response", "status": "in_progress", "output": []}
    output = [fields["item"] for item in items for kind, fields in item if kind.endswith("item.done")]
    rows: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": response}),
        ("response.in_progress", {"response": response}),
        *(row for item in items for row in item),
    ]
    if end:
        rows.append((f"response.{end}", {"response": {**response, "status": end, "output": output}}))
    events = [event(kind, number, **fields) for number, (kind, fields) in enumerate(rows)]
    moments = [started + gap * number for number in range(len(events))]
    return FixedTurn.of(id, events, moments, stored=stored)


def simple(start: StartTurn, now: float, id: str) -> Answer:
    """Answers as a server does that knows no stored response."""
    if start.body.get("previous_response_id") and not start.lineage:
        return api_errors.previous_response_not_found(start.body["previous_response_id"])
    return turn(id, now, items=[], stored=start.body.get("store") is not False)


class Playbook:
    """Drives a connection; `lines` is what came out: the moment, the lane if it is named, and what it was.

    The responses are r1, r2, ... in the order in which they start; those of warm-ups are w1, w2, ...
    `quick`: frames leave by `take_plain` where that gives some, as from a driver.
    """

    quick = True

    def __init__(self, answer: Answering = simple, rule: SteerRule | None = None, **settings: Any) -> None:
        self.rule = rule
        self.connection = SocketConnection(0.0, SocketSettings(**settings), rng=Random(1))
        self.answer = answer
        self.now = 0.0
        self.lines: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.started: list[StartTurn] = []
        self.cancelled: list[LiveTurn] = []
        self.cuts: list[Cut] = []
        self.quickly = 0
        self._played = self._warmed = 0

    def send(self, frame: Mapping[str, Any] | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.take(self.connection.receive_text(text, self.now))

    def create(self, lane: str | None = None, **members: Any) -> None:
        named = {} if lane is None else {"stream_id": lane}
        self.send({"type": "response.create", **named, "store": False, **members})

    def steer(self, id: str, input: Any = "Stop", **members: Any) -> None:
        self.send({"type": "response.steer", "previous_response_id": id, "input": input, **members})

    def advance(self, to: float) -> None:
        """Let time pass, and wake the connection at each of its deadlines."""
        while (deadline := self.connection.deadline) is not None and deadline <= to:
            self.now = max(self.now, deadline)
            if self.quick and (texts := self.connection.take_plain(self.now)):
                self.quickly += len(texts)
                self.take([Send(text) for text in texts])
            else:
                self.take(self.connection.wake(self.now))
        self.now = max(self.now, to)

    def take(self, actions: Sequence[Action]) -> None:
        queue = list(actions)
        for action in queue:  # it grows
            match action:
                case Send(text, lane):
                    self._note(json.loads(text), lane)
                case Close(code, _):
                    self.lines.append(f"{self.now:g} close {code}")
                case Cancel(live):
                    self.cancelled.append(live)
                case Cut():
                    self.cuts.append(action)
                case StartTurn():
                    queue += self._start(action)

    def _start(self, start: StartTurn) -> list[Action]:
        self.started.append(start)
        if start.warm_up:
            self._warmed += 1
            warm = warm_up_turn(start.body, f"w{self._warmed}", 0, self.now)
            return self.connection.started(start, warm, self.now)
        answer = self.answer(start, self.now, f"r{self._played + 1}")
        if isinstance(answer, RequestError):
            return self.connection.refused(start, answer, self.now)
        self._played += 1
        return self.connection.started(start, answer, self.now, rule=self.rule)

    def _note(self, data: dict[str, Any], lane: str | None) -> None:
        assert data.get("stream_id") == lane
        self.sent.append(data)
        what = data["type"].removeprefix("response.")
        if data["type"] == "error":
            what = f"error {data['error']['code']}"
        elif isinstance(data.get("error"), dict):
            what = f"{what} {data['error']['code']}"
        elif isinstance(data.get("response"), dict) and what != "in_progress":
            what = f"{what} {data['response']['id']}"
        self.lines.append(f"{self.now:g}{f' {lane}' if lane else ''} {what}")
