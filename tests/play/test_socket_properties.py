"""What holds for every conversation on a socket, whatever is sent and when."""

import json
from collections import defaultdict, deque
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.changed_json import Change, changed, changes
from tests.play.socket_playbook import Answer, Playbook, call, message, turn

from respool.errors import RequestError
from respool.play.socket_actions import Action, Send, StartTurn
from respool.play.socket_connection import SocketConnection
from respool.play.socket_settings import SocketSettings
from respool.protocol import api_errors
from respool.protocol.websocket.steers import SteerAt

Lane = str | None
ENDS = ("completed", "incomplete", "failed", "refused")
LANES: tuple[Lane, ...] = (None, "a", "b")
# What a create continues: nothing, the newest response of a lane, an older one, one that never was.
SOURCES = (None, None, "newest of None", "newest of a", "newest of b", "older", "resp_x")


@dataclass
class SentCreate:
    """A create that was sent, as the watcher knows it."""

    arrival: int
    previous: str | None
    doomed: bool  # it has background: true
    id: str = ""  # of the response that answers it
    begun: bool = False  # its response is in progress


class Watched(Playbook):
    """A playbook that knows the rules, and holds the connection to them.

    `newest` is the memory as it has to be, worked out from what was sent alone.
    """

    def __init__(self, ends: list[str], **options: Any) -> None:
        super().__init__(self.answered, **options)
        self.ends = iter(ends)
        self.newest: dict[Lane, str] = {}
        self.stored: set[str] = set()
        self.waiting: dict[Lane, deque[SentCreate]] = defaultdict(deque)
        self.current: dict[Lane, SentCreate] = {}
        self.over: set[str] = set()
        self.numbers: dict[str, int] = {}
        self.creates = self.answers = 0
        self.open_steers: set[str] = set()

    def ask(self, *, lane: Lane, source: str | None, store: bool, generate: bool, doomed: bool) -> None:
        previous = self._source(source)
        self.waiting[lane].append(SentCreate(self.creates, previous, doomed))
        self.creates += 1
        optional: dict[str, Any] = {"previous_response_id": previous} if previous else {}
        if doomed:
            optional["background"] = True
        self.create(lane, store=store, generate=generate, **optional)

    def _source(self, source: str | None) -> str | None:
        if source == "older":
            return next((id_ for id_ in sorted(self.over) if id_ not in self.newest.values()), None)
        if source and source.startswith("newest of "):
            name = source.removeprefix("newest of ")
            return self.newest.get(None if name == "None" else name)
        return source

    def answered(self, start: StartTurn, now: float, name: str) -> Answer:
        previous = start.body.get("previous_response_id")
        if previous and not start.lineage and previous not in self.stored:
            return api_errors.previous_response_not_found(previous)
        end = next(self.ends, "completed")
        if end == "refused":
            return RequestError("No.", code="no")
        stored = start.body.get("store") is not False
        items = [message(name, 0), message(name, 1) if int(name[1:]) % 2 else call(name, 1)]
        live = turn(name, now, gap=0.25, items=items, end=end, stored=stored)
        if stored:
            self.stored.add(name)
        return live

    def _start(self, start: StartTurn) -> list[Action]:
        lane = start.stream_id
        assert lane not in self.current  # no overlap
        assert len(self.current) < self.connection.settings.active
        previous = start.body.get("previous_response_id")
        if start.successor:
            self.current[lane] = SentCreate(-1, previous, False)
        else:
            create = self.current[lane] = self.waiting[lane].popleft()  # in the order in which they came
            assert (create.previous, create.doomed) == (previous, False)
            self._check_barrier(lane, create)
        assert bool(start.lineage) == (previous in self.newest.values())
        if start.lineage:
            assert start.lineage[0].id == previous
        if start.warm_up and start.body.get("store") is not False:
            self.stored.add(f"w{self._warmed + 1}")
        return super()._start(start)

    def _check_barrier(self, lane: Lane, create: SentCreate) -> None:
        source = self.newest.get(lane)
        if source is None or source in self.stored:
            return
        for other in LANES:
            if other != lane:
                needed = [*self.waiting[other], *([self.current[other]] if other in self.current else [])]
                assert not any(
                    one.previous == source and 0 <= one.arrival < create.arrival and not one.begun
                    for one in needed
                )

    def _note(self, data: dict[str, Any], lane: Lane) -> None:
        super()._note(data, lane)
        kind = data["type"]
        if kind == "error":
            if data["error"]["code"] in ("invalid_json", "unsupported_event_type", "invalid_stream_id"):
                return
            create = self.current.pop(lane, None) or self.waiting[lane].popleft()
            assert create.arrival >= 0
            self.answers += 1
            self._evict(lane, create.previous)
        elif kind.startswith("response.steer."):
            self._note_steer(kind, data, lane)
        else:
            self._note_event(kind, data, lane)

    def _note_steer(self, kind: str, data: dict[str, Any], lane: Lane) -> None:
        id_ = data["steer"].get("id")
        if kind == "response.steer.accepted":
            self.open_steers.add(id_)
        elif kind == "response.steer.failed" and id_:
            self.open_steers.remove(id_)
            if (running := self.current.get(lane)) and running.arrival < 0 and not running.id:
                del self.current[lane]  # a successor that was refused
        if data["sequence_number"]:
            self._count(data["steer"]["previous_response_id"], data)

    def _note_event(self, kind: str, data: dict[str, Any], lane: Lane) -> None:
        create = self.current[lane]
        if kind == "response.created":
            assert not create.id
            create.id = data["response"]["id"]
            if create.id.startswith("w"):
                create.begun = True
        assert create.id not in self.over  # nothing comes after the end
        self._count(create.id, data)
        if kind == "response.in_progress":
            create.begun = True
        status = kind.removeprefix("response.")
        if status in ENDS:
            self.over.add(create.id)
            del self.current[lane]
            self.answers += create.arrival >= 0
            if status == "failed":
                self._evict(lane, create.previous)
            else:
                self.newest[lane] = create.id

    def _count(self, id: str, data: dict[str, Any]) -> None:
        assert data["sequence_number"] > self.numbers.get(id, -1)
        self.numbers[id] = data["sequence_number"]

    def _evict(self, lane: Lane, previous: str | None) -> None:
        if previous and self.newest.get(lane) == previous:
            del self.newest[lane]


CREATES = st.fixed_dictionaries(
    {
        "lane": st.sampled_from(LANES),
        "source": st.sampled_from(SOURCES),
        "store": st.sampled_from((False, False, True)),
        "generate": st.sampled_from((True, True, True, False)),
        "doomed": st.sampled_from((False, False, False, False, True)),
    }
)
STEPS = st.one_of(
    CREATES,
    CREATES,
    st.sampled_from((0.1, 0.5, 1.3, 5.0)),
    st.sampled_from((0.1, 0.5, 1.3, 5.0)),
    st.sampled_from(("steer running", "steer running", "r1")),
    st.just("{"),
)


def converse(steps: list[Any], ends: list[str], active: int, steer_at: SteerAt) -> None:
    play = Watched(ends, active=active, steer_at=steer_at)
    for step in steps:
        match step:
            case dict():
                play.ask(**step)
            case float():
                play.advance(play.now + step)
            case "{":
                play.send(step)
            case _:
                running = [one.id for one in play.current.values() if one.id]
                play.steer(running[0] if running and step != "r1" else "r1")
    play.advance(1000.0)
    assert play.answers == play.creates
    assert not play.current
    assert play.connection.queued == 0


@settings(deadline=None, max_examples=200)
@given(
    steps=st.lists(STEPS, min_size=20, max_size=40),
    ends=st.lists(st.sampled_from(("completed", *ENDS)), max_size=15),
    active=st.integers(1, 3),
    steer_at=st.sampled_from(SteerAt),
)
def test_every_conversation_follows_the_rules(
    steps: list[Any], ends: list[str], active: int, steer_at: SteerAt
) -> None:
    converse(steps, ends, active, steer_at)


@pytest.mark.parametrize("seed", range(100))
def test_long_conversations_follow_the_rules(seed: int) -> None:
    """Many continuations and forks on few lanes, which short conversations seldom have."""
    rng = Random(seed)
    steps: list[Any] = []
    for _ in range(80):
        lane = rng.choice(LANES)
        own = f"newest of {lane}"
        create = {
            "lane": lane,
            "source": rng.choice((own, own, rng.choice(SOURCES))),
            "store": rng.random() < 0.2,
            "generate": rng.random() < 0.9,
            "doomed": rng.random() < 0.1,
        }
        steps.append(create if rng.random() < 0.6 else rng.choice((0.1, 0.5, 1.3, 5.0, "steer running")))
    ends = rng.choices(ENDS, (6, 1, 2, 1), k=100)
    converse(steps, ends, rng.randint(1, 3), rng.choice(list(SteerAt)))


FRAMES = [
    '{"type":"response.create","stream_id":"a","generate":true,"store":false,"input":"Hi"}',
    '{"type":"response.create","previous_response_id":"r1","input":[{"role":"user","content":"Hi"}]}',
    '{"type":"response.create","generate":false,"tools":[{"type":"function","name":"f"}]}',
    '{"type":"response.steer","previous_response_id":"r1","input":[{"role":"user","content":"Hi"}]}',
    '{"type":"response.inject","response_id":"r1","input":[{"role":"user","content":"Hi"}]}',
    '{"type":"response.processed","response_id":"r1"}',
]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(FRAMES), changes('"type"', '"input":', "\ud800")), max_size=20),
    st.booleans(),
)
def test_no_frame_raises(frames: list[tuple[str, list[Change]]], multi_agent: bool) -> None:
    play = Playbook(
        lambda start, now, name: turn(name, now, gap=0.25), multi_agent=multi_agent, frame_bytes=6000
    )
    for text, each in frames:
        play.send(changed(text, each))
        play.advance(play.now + 0.3)
    play.advance(3599.0)
    assert play.connection.queued == 0


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=10))
def test_no_text_raises(texts: list[str]) -> None:
    play = Playbook()
    for text in texts:
        play.send(text)
    assert all(data["type"] == "error" and data["error"]["code"] for data in play.sent)


def test_what_a_connection_keeps_is_bounded() -> None:
    limits = SocketSettings(queued=10, queued_bytes=5000, remembered=8, remembered_bytes=4000)
    connection = SocketConnection(0.0, limits, rng=Random(1))
    rng = Random(2)
    starts: list[StartTurn] = []
    for number in range(3000):
        lane = f"lane-{rng.randrange(100)}"
        padding = "x" * rng.randrange(1000)
        frame = {"type": "response.create", "stream_id": lane, "store": False, "input": padding}
        actions = connection.receive_text(json.dumps(frame), 0.0)
        starts += [action for action in actions if isinstance(action, StartTurn)]
        if starts and rng.random() < 0.5:
            start = starts.pop(rng.randrange(len(starts)))
            more = connection.started(start, turn(f"r{number}", 0.0, gap=0.0), 0.0)
            starts += [action for action in more if isinstance(action, StartTurn)]
            assert any(isinstance(action, Send) for action in more)
        assert connection.queued <= 10
        assert len(connection.memory) <= 8
        assert connection.memory.size <= 4000
        assert len(starts) <= 16
