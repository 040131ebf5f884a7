"""Random walks over the table of transitions are legal streams, and each mutation of one is found."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from respool.check.checker import check
from respool.check.findings import Finding
from respool.protocol.delta_texts import TEXTS
from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES, EventKind, EventOrigin, EventType
from respool.protocol.events import Event
from respool.protocol.transitions import AUDIO, ITEM, PART, PART_TYPES, TRANSITIONS, MachineState

Body = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

OURS = (EventOrigin.PACKAGE, EventOrigin.WIRE)
STATUS = {
    "response.created": "in_progress",
    "response.queued": "queued",
    "response.in_progress": "in_progress",
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
}
DELTAS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)


class Walk:
    """Walks the table at random, and fills in ids, indexes and texts that fit."""

    def __init__(self, draw: Draw, types: Sequence[str]) -> None:
        self.draw = draw
        self.types = types  # of items
        self.bodies: list[Body] = []
        self.items: list[Body] = []
        self.queued = draw(st.booleans())

    def response(self) -> None:
        """One whole stream."""
        state = MachineState.START
        while state is not MachineState.CLOSED:
            event, state = self.step("response", state)
            if event == ITEM:
                self.item(self.draw(st.sampled_from(self.types)))
            else:
                self.lifecycle(event)
            if state is MachineState.ERRORED and self.draw(st.booleans()):
                break
            if state is MachineState.RUNNING and self.draw(st.booleans()):
                self.bodies.append({"type": "keepalive"})

    def lifecycle(self, event: str) -> None:
        if event == "error":
            self.bodies.append({"type": event, "error": {"message": "no"}})
            return
        status = "queued" if self.queued and event == "response.created" else STATUS[event]
        ended = event in ("response.completed", "response.incomplete")
        response = {
            "id": "resp_1",
            "created_at": 1,
            "model": "m",
            "status": status,
            "output": deepcopy(self.items) if ended else [],
            "usage": {"total_tokens": 1} if ended else None,
            "error": {"code": "x"} if event == "response.failed" else None,
            "incomplete_details": {"reason": "x"} if event == "response.incomplete" else None,
        }
        self.bodies.append({"type": event, "response": response})

    def item(self, type_: str) -> None:
        """One item, from its first event to its last."""
        index = len(self.items)
        item: Body = {"id": f"item_{index}", "type": type_}
        if ITEM_TYPES[type_].call:
            item["call_id"] = f"call_{index}"
        state, so_far, previews = MachineState.START, "", 0
        while state is not MachineState.CLOSED:
            event, state = self.step(type_, state)
            body = {"type": event, "output_index": index, "item_id": item["id"]}
            if event == PART:
                self.part(item, index)
                continue
            if event in TEXTS:
                so_far = self.text(body, so_far)
                self.put(item, TEXTS[event].path, so_far)
            elif event.endswith(".partial_image"):
                body |= {"partial_image_index": previews, "partial_image_b64": "AA=="}
                previews += 1
            elif EVENT_TYPES[event].kind is EventKind.ITEM:
                del body["item_id"]
                body["item"] = deepcopy(item)
            self.bodies.append(body)
        self.items.append(item)

    def step(self, machine: str, state: MachineState) -> tuple[str, MachineState]:
        """One of the ways out of a state: the event, and where it leads."""
        ways = dict(TRANSITIONS[machine][state])
        for event in list(ways):
            foreign = event in EVENT_TYPES and EVENT_TYPES[event].origin not in OURS
            unwanted = event == "response.queued" and not self.queued
            enough = event == ITEM and len(self.items) == 2
            if foreign or unwanted or enough or event == AUDIO:
                del ways[event]
        # What leads to the end is the simplest; items are what a stream is about.
        choices = [*ways][::-1] + [event for event in (ITEM, PART) if event in ways] * 3
        event = self.draw(st.sampled_from(choices))
        return event, ways[event]

    def part(self, item: Body, index: int) -> None:
        """One part of an item, from its first event to its last."""
        type_ = self.draw(st.sampled_from(PARTS[item["type"]]))
        so_far, annotations, output = "", list[Body](), list[Body]()
        field, held = HOLDERS[type_]
        number = len(item.setdefault(held, []))
        state = MachineState.START
        while state is not MachineState.CLOSED:
            event, state = self.step(type_, state)
            body = {"type": event, "output_index": index, field: number}
            if "item_id" in EVENT_TYPES[event].required:
                body["item_id"] = item["id"]
            if event in TEXTS:
                so_far = self.text(body, so_far)
            elif event.endswith("annotation.added"):
                annotations.append({"type": "file_path", "index": len(annotations)})
                body |= {"annotation_index": len(annotations) - 1, "annotation": annotations[-1]}
            elif event.endswith("output_content.delta"):
                body["delta"] = {"stdout": "x"}
            elif event.endswith("output_content.done"):
                output = [{"stdout": "x", "stderr": ""}]
                body["output"] = output
            elif event.endswith("command.added"):
                body["command"] = ""
            else:
                body["part"] = part_value(type_, so_far, annotations)
            self.bodies.append(body)
        item[held] += output if type_ == "command_output" else [part_value(type_, so_far, annotations)]
        if type_ == "command":
            item["action"] = {"commands": item[held]}

    def text(self, body: Body, so_far: str) -> str:
        text = TEXTS[body["type"]]
        if EVENT_TYPES[body["type"]].kind is EventKind.DELTA:
            body["delta"] = self.draw(DELTAS)
            so_far += body["delta"]
        elif not so_far:
            # Without deltas there is a warning, which is another test's.
            body[text.field] = ""
        else:
            body[text.field] = so_far
        if "logprobs" in EVENT_TYPES[body["type"]].required:
            body["logprobs"] = []
        return so_far

    @staticmethod
    def put(item: Body, path: tuple[str, ...], so_far: str) -> None:
        *way, last = path
        for key in way:
            item = item.setdefault(key, {})
        item[last] = so_far


def part_value(type_: str, so_far: str, annotations: list[Body]) -> Any:
    if type_ == "command":
        return so_far
    if type_ == "refusal":
        return {"type": type_, "refusal": so_far}
    more = {"annotations": annotations, "logprobs": []} if type_ == "output_text" else {}
    return {"type": type_, "text": so_far, **deepcopy(more)}


# In which field a part is counted, and in which field its item holds it.
HOLDERS = {
    "output_text": ("content_index", "content"),
    "refusal": ("content_index", "content"),
    "reasoning_text": ("content_index", "content"),
    "summary_text": ("summary_index", "summary"),
    "command": ("command_index", "commands"),
    "command_output": ("command_index", "output"),
}
PARTS = {
    item: sorted(
        part
        for part in PART_TYPES
        for row in EVENT_TYPES.values()
        if row.items == {item} and any(row.name in ways for ways in TRANSITIONS[part].values())
    )
    for item in ITEM_TYPES
}


# Those that have events of their own are of more interest.
PLAIN = TRANSITIONS["program"]
TYPES = [name for name in ITEM_TYPES for _ in range(1 if TRANSITIONS[name] == PLAIN else 5)]


@st.composite
def walks(draw: Draw, types: Iterable[str] = TYPES) -> list[Body]:
    """A whole stream with items of these types."""
    walk = Walk(draw, sorted(types))
    walk.response()
    return walk.bodies


def findings_of(bodies: Iterable[Body]) -> list[Finding]:
    numbered = ({"sequence_number": number, **body} for number, body in enumerate(bodies))
    return check(Event.from_object(json.dumps(body), body) for body in numbered)


def codes(bodies: Iterable[Body]) -> list[str]:
    return [finding.code for finding in findings_of(bodies)]


quick = settings(
    max_examples=settings.default.max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@quick
@given(walks())
def test_a_walk_over_the_table_is_a_legal_stream(bodies: list[Body]) -> None:
    assert findings_of(bodies) == []


@quick
@given(st.data())
def test_items_may_overlap(data: st.DataObject) -> None:
    walk = Walk(data.draw, TYPES)
    streams: list[list[Body]] = []
    for _ in range(2):
        walk.bodies = []
        walk.item(data.draw(st.sampled_from(walk.types)))
        streams.append(walk.bodies)
    walk.bodies = []
    walk.lifecycle("response.created")
    walk.lifecycle("response.in_progress")
    walk.bodies += [stream.pop(0) for stream in streams]
    while any(streams):
        walk.bodies.append(data.draw(st.sampled_from([one for one in streams if one])).pop(0))
    walk.lifecycle("response.completed")
    assert codes(walk.bodies) == ["RS115"]


def places(bodies: list[Body], wanted: Callable[[EventType], bool]) -> list[int]:
    return [number for number, body in enumerate(bodies) if wanted(EVENT_TYPES[body["type"]])]


def is_needed(row: EventType) -> bool:
    """Whether a stream is no longer legal without such an event."""
    if row.kind is EventKind.DELTA:
        return row.name in TEXTS
    return row.kind in (EventKind.ITEM, EventKind.PART, EventKind.DONE) or row.name == "response.created"


def is_once(row: EventType) -> bool:
    """Whether such an event cannot come twice, one after the other."""
    repeated = ("response.mcp_call.in_progress", "response.compaction.compacting")
    return is_needed(row) or (
        row.kind in (EventKind.STATUS, EventKind.LIFECYCLE) and row.name not in repeated
    )


# What may be found when an event is lost, by what it does.
LOST = {
    EventKind.LIFECYCLE: {"RS101"},
    EventKind.ITEM: {"RS107", "RS113"},
    EventKind.PART: {"RS108", "RS114"},
    EventKind.DONE: {"RS112", "RS114", "RS404"},  # RS114, RS404: of a command, of its output
    EventKind.DELTA: {"RS401", "RS410"},
}
# And when it comes twice.
TWICE = {
    EventKind.LIFECYCLE: {"RS103"},
    EventKind.ITEM: {"RS107", "RS207"},
    EventKind.PART: {"RS108", "RS209"},
    EventKind.DONE: {"RS108", "RS109"},
    EventKind.DELTA: {"RS401"},
    EventKind.STATUS: {"RS109"},
}


@quick
@given(st.data(), walks())
def test_a_lost_event_is_found(data: st.DataObject, bodies: list[Body]) -> None:
    needed = places(bodies, is_needed)
    assume(needed and EVENT_TYPES[bodies[-1]["type"]].kind is EventKind.TERMINAL)
    lost = bodies.pop(data.draw(st.sampled_from(needed)))
    assume(lost["type"] != "response.created" or bodies[0]["type"] != "error")
    assume(lost.get("diff") != "")  # a patch need not have a diff
    found = codes(bodies)
    assert LOST[EVENT_TYPES[lost["type"]].kind] & set(found), (lost, found)
    assert len(found) <= 3, found


@quick
@given(st.data(), walks())
def test_a_lost_event_is_found_by_its_number_too(data: st.DataObject, bodies: list[Body]) -> None:
    bodies = [{**body, "sequence_number": number} for number, body in enumerate(bodies)]
    assume(len(bodies) > 2)
    del bodies[data.draw(st.integers(1, len(bodies) - 2))]
    assert codes(bodies).count("RS202") == 1


@quick
@given(st.data(), walks())
def test_an_event_that_comes_twice_is_found(data: st.DataObject, bodies: list[Body]) -> None:
    once = places(bodies, is_once)
    assume(once)
    number = data.draw(st.sampled_from(once))
    twice = bodies[number]
    bodies.insert(number, twice)
    found = codes(bodies)
    assert TWICE[EVENT_TYPES[twice["type"]].kind] & set(found), (twice, found)
    assert len(found) <= 3, found


@quick
@given(st.data(), walks())
def test_events_that_change_places_are_found_by_their_numbers(
    data: st.DataObject, bodies: list[Body]
) -> None:
    bodies = [{**body, "sequence_number": number} for number, body in enumerate(bodies)]
    assume(len(bodies) > 3)
    here = data.draw(st.integers(1, len(bodies) - 3))
    bodies[here : here + 2] = reversed(bodies[here : here + 2])
    found = codes(bodies)
    assert {"RS202", "RS203"} <= set(found)
    assert len(found) <= 7, found


@quick
@given(st.data(), walks())
def test_a_wrong_number_is_one_finding(data: st.DataObject, bodies: list[Body]) -> None:
    number = data.draw(st.integers(0, len(bodies) - 1))
    wrong = data.draw(st.integers(0, 1000).filter(lambda one: abs(one - number) > 1))
    assume(not (number == 0 and wrong == 1))
    bodies[number]["sequence_number"] = wrong
    found = codes(bodies)
    assert set(found) <= {"RS201", "RS202", "RS203"}
    assert len(found) == 1, found


# A change of one field, which events it is made in, and what is found.
WRONG: list[tuple[str, Callable[[EventType], bool], Callable[[Body], object], set[str]]] = [
    (
        "an output_index",
        lambda row: row.of_item and row.name != "response.output_item.added" and "command" not in row.name,
        lambda body: body.update(output_index=99),
        {"RS208"},
    ),
    (
        "the output_index of an item that opens",
        lambda row: row.name == "response.output_item.added",
        lambda body: body.update(output_index=99),
        {"RS206"},
    ),
    (
        "the number of a part",
        lambda row: row.index in ("content_index", "summary_index"),
        lambda body: body.update({key: 99 for key in ("content_index", "summary_index") if key in body}),
        {"RS209"},
    ),
    (
        "an annotation_index",
        lambda row: "annotation_index" in row.required,
        lambda body: body.update(annotation_index=99),
        {"RS210"},
    ),
    ("an item_id", lambda row: "item_id" in row.required, lambda body: body.update(item_id="x"), {"RS302"}),
    (
        "the id of an item that closes",
        lambda row: row.name == "response.output_item.done",
        lambda body: body["item"].update(id="x"),
        {"RS303"},
    ),
    (
        "the type of an item that closes",
        lambda row: row.name == "response.output_item.done",
        lambda body: body["item"].update(type="x"),
        {"RS506"},
    ),
    (
        "a delta",
        lambda row: row.kind is EventKind.DELTA and row.name in TEXTS,
        lambda body: body.update(delta=body["delta"] + "x"),
        {"RS401"},
    ),
    (
        "a whole text",
        lambda row: row.kind is EventKind.DONE and row.name in TEXTS,
        lambda body: body.update({TEXTS[body["type"]].field: body[TEXTS[body["type"]].field] + "x"}),
        {"RS401", "RS410"},
    ),
    (
        "a status",
        lambda row: row.kind in (EventKind.LIFECYCLE, EventKind.TERMINAL),
        lambda body: body["response"].update(status="x"),
        {"RS501"},
    ),
    (
        "a response",
        lambda row: row.kind is EventKind.TERMINAL,
        lambda body: body["response"].update(id="x"),
        {"RS301"},
    ),
]


@pytest.mark.parametrize(
    ("wanted", "change", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
@quick
@given(st.data())
def test_a_wrong_field_is_found(
    wanted: Callable[[EventType], bool],
    change: Callable[[Body], object],
    expected: set[str],
    data: st.DataObject,
) -> None:
    types = {item for row in EVENT_TYPES.values() if wanted(row) for item in row.items} or ITEM_TYPES
    bodies = data.draw(walks(types))
    here = places(bodies, wanted)
    assume(here and bodies[0]["type"] == "response.created" and len(bodies) > 2)
    bodies = deepcopy(bodies)
    change(bodies[data.draw(st.sampled_from(here))])
    found = codes(bodies)
    assert expected & set(found), found
    assert len(found) <= 4, found


@quick
@given(st.data(), walks(), st.sampled_from([None, 0.5, "1", [], {}, True]))
def test_a_field_of_the_wrong_json_type_is_found(data: st.DataObject, bodies: list[Body], wrong: Any) -> None:
    number = data.draw(st.integers(0, len(bodies) - 1))
    row = EVENT_TYPES[bodies[number]["type"]]
    fields = [field for field in row.required if field in bodies[number] and field != "type"]
    assume(fields)
    field = data.draw(st.sampled_from(fields))
    assume(row.required[field] != json_type(wrong))
    bodies[number] = {**bodies[number], field: wrong}
    expected = "RS603" if field == "logprobs" and wrong is None else "RS602"
    assert expected in codes(bodies)


def json_type(value: object) -> str | None:
    return {str: "string", list: "array", dict: "object"}.get(type(value))


@quick
@given(st.data(), walks())
def test_a_missing_field_is_found(data: st.DataObject, bodies: list[Body]) -> None:
    number = data.draw(st.integers(0, len(bodies) - 1))
    body = {**bodies[number]}
    fields = [field for field in EVENT_TYPES[body["type"]].required if field in body and field != "type"]
    assume(fields)
    field = data.draw(st.sampled_from(fields))
    del body[field]
    bodies[number] = body
    assert {"RS601", "RS603"} & set(codes(bodies))


@quick
@given(st.data(), walks())
def test_whatever_follows_the_end_is_one_finding(data: st.DataObject, bodies: list[Body]) -> None:
    assume(EVENT_TYPES[bodies[-1]["type"]].kind is EventKind.TERMINAL)
    more = data.draw(st.lists(st.sampled_from(bodies), min_size=1, max_size=3))
    more = [body for body in more if body["type"] != "keepalive"]
    assume(more)
    assert codes([*bodies, *more]) == ["RS104"]


@quick
@given(st.data(), walks())
def test_a_stream_that_is_cut_is_one_finding(data: st.DataObject, bodies: list[Body]) -> None:
    bodies = bodies[: data.draw(st.integers(0, len(bodies) - 1))]
    assume(not any(EVENT_TYPES[body["type"]].kind is EventKind.ERROR for body in bodies))
    assert codes(bodies) == ["RS106"]


@quick
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(EVENT_TYPES)),
            st.dictionaries(
                st.sampled_from(
                    ["output_index", "item_id", "content_index", "item", "part", "response", "delta", "text"]
                ),
                st.recursive(
                    st.none() | st.integers(0, 2) | st.text(max_size=2),
                    lambda one: (
                        st.lists(one, max_size=2)
                        | st.dictionaries(
                            st.sampled_from(["id", "type", "status", "content", "output", "text"]),
                            one,
                            max_size=3,
                        )
                    ),
                ),
                max_size=5,
            ),
        ),
        max_size=8,
    )
)
def test_no_stream_however_wild_makes_the_checker_fail(events: list[tuple[str, Mapping[str, Any]]]) -> None:
    findings_of({"type": type_, **fields} for type_, fields in events)
