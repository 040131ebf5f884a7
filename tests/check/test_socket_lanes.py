import json
from typing import Any

import pytest
from tests.play.socket_playbook import Playbook, message, turn

from respool.check import checker
from respool.check.findings import Finding, Level
from respool.check.socket_lanes import check, check_lanes
from respool.protocol.events import Event

STATE = {"object": "response", "created_at": 1, "model": "m"}
USAGE = {"usage": {"total_tokens": 1}}


def event(type: str, number: int | None = None, **fields: Any) -> Event:
    numbered = {} if number is None else {"sequence_number": number}
    return Event.parse(json.dumps({"type": type, **numbered, **fields}))


def response(id: str, lane: str | None = None, *, until: int = 3) -> list[Event]:
    named = {} if lane is None else {"stream_id": lane}
    begun = {"id": id, **STATE, "status": "in_progress", "output": []}
    ended = {**begun, "status": "completed", **USAGE}
    rows = [("created", begun), ("in_progress", begun), ("completed", ended)]
    return [
        event(f"response.{state}", number, response=body, **named)
        for number, (state, body) in enumerate(rows[:until])
    ]


def steer(kind: str, number: int, id: str, lane: str | None = None) -> Event:
    named = {} if lane is None else {"stream_id": lane}
    return event(
        f"response.steer.{kind}", number, steer={"id": "steer_1", "previous_response_id": id}, **named
    )


def codes(findings: list[Finding]) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.event) for finding in findings if finding.level is not Level.INFO]


A, B, NEXT = response("r1", "a"), response("r2", "b"), response("r3", "a")
REFUSED = event("error", status=400, error={"type": "x", "code": "y", "message": "z", "param": None})


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*A, *NEXT], id="one after the other"),
        pytest.param([A[0], B[0], B[1], A[1], A[2], B[2], *NEXT], id="interleaved"),
        pytest.param([*A, *response("r4")], id="beside the default lane"),
        pytest.param([A[0], REFUSED, *A[1:]], id="a refused create on another lane"),
        pytest.param([A[0], Event.parse(A[2].text.replace('": 2', '": 1'))], id="a warm-up"),
        pytest.param(
            [*A[:2], steer("accepted", 2, "r1", "a"), Event.parse(A[2].text.replace('": 2', '": 3'))],
            id="a steer has a number of its response",
        ),
        pytest.param([*A, steer("pending", 3, "r1", "a")], id="a steer that waits"),
        pytest.param(
            [
                event("codex.rate_limits", rate_limits={}),
                A[0],
                event("codex.response.metadata", headers={}),
                event("responsesapi.websocket_timing", timing_metrics={}),
                event("response.metadata"),
                *A[1:],
            ],
            id="events of Codex's backend",
        ),
    ],
)
def test_a_sound_socket_has_no_finding(events: list[Event]) -> None:
    assert codes(check(events)) == []


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([A[0], A[1], *NEXT], [("RS103", 2)]),
        ([*A, B[0], B[1]], [("RS106", None)]),
        ([*A, A[1]], [("RS104", 3)]),
        ([B[0], A[0], A[2], *B[1:]], [("RS202", 2)]),
    ],
)
def test_what_is_wrong_is_told_with_its_place_among_all_events(
    events: list[Event], found: list[tuple[str, int | None]]
) -> None:
    assert codes(check_lanes(events)) == found


def test_a_finding_names_its_lane() -> None:
    findings = check([*A, A[1]])
    assert [finding.message for finding in findings if finding.code == "RS104"] == [
        "lane a: response.in_progress: the response has ended; expected nothing more"
    ]


def test_a_stream_without_lanes_is_checked_as_before() -> None:
    events = response("r1", until=2)
    assert check(events) == checker.check(events)


def test_events_that_open_items_may_be_left_out() -> None:
    delta = event(
        "response.output_text.delta",
        2,
        output_index=0,
        content_index=0,
        item_id="m",
        delta="x",
        stream_id="a",
    )
    ending = Event.parse(A[2].text.replace('": 2', '": 3'))
    assert all(code != "RS107" for code, _ in codes(check([*A[:2], delta, ending])))


def test_what_a_connection_sends_for_a_steer_has_its_numbers_in_order() -> None:
    play = Playbook(lambda start, now, name: turn(name, now, items=[message("a", 0), message("b", 1)]))
    play.create("a")
    play.advance(2.5)
    play.steer("r1")
    play.advance(50.0)
    found = codes(check([Event.parse(json.dumps(data)) for data in play.sent]))
    assert not [code for code, _ in found if code.startswith("RS2") or code in ("RS103", "RS104", "RS106")]


def of_agent(event_: Event, name: str | None) -> Event:
    """The event with its agent; in the beta each response has events of its own, on one lane."""
    if name is None:
        return event_
    return Event.parse(json.dumps({**event_.data, "agent": {"agent_name": name}}))


def item(type: str, number: int, **fields: Any) -> Event:
    body = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "status": "completed"}
    return event(f"response.output_item.{type}", number, output_index=0, item=body, **fields)


ROOT = response("r1")
SUB = [of_agent(one, "helper") for one in response("r2")]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([ROOT[0], SUB[0], ROOT[1], *SUB[1:], ROOT[2]], id="interleaved"),
        pytest.param([ROOT[0], ROOT[1], *SUB, ROOT[2], *response("r3")], id="one inside of another"),
        pytest.param([*SUB, REFUSED, *ROOT], id="a refused create between them"),
        pytest.param([ROOT[0], *response("r2"), *ROOT[1:]], id="without the names of agents"),
    ],
)
def test_responses_of_several_agents_run_on_one_lane_at_a_time(events: list[Event]) -> None:
    assert codes(check(events)) == []


def test_each_response_of_several_agents_has_its_own_terminal_and_items() -> None:
    added = of_agent(item("added", 2), "helper")
    found = codes(check([ROOT[0], SUB[0], ROOT[1], SUB[1], added, ROOT[2], SUB[2]]))
    assert found == [("RS113", 6), ("RS409", 6)], "the item of the helper's response is open at its end"
    found = codes(check([ROOT[0], SUB[0], *ROOT[1:], SUB[1], ROOT[1]]))
    assert found == [("RS104", 5), ("RS106", None)]


def test_a_second_terminal_of_one_of_several_responses_is_told_with_its_place_and_response() -> None:
    other = response("r2")
    findings = check([ROOT[0], other[0], ROOT[1], *other[1:], other[2], ROOT[2]])
    assert [(one.event, one.message) for one in findings if one.level is Level.ERROR] == [
        (5, "response r2: response.completed: the response has ended; expected nothing more")
    ]


def test_an_item_belongs_to_the_response_whose_end_lists_it() -> None:
    def with_item(ended: Event, id_: str) -> Event:
        data = json.loads(ended.text)
        data["response"]["output"] = [{**item("done", 0).data["item"], "id": id_}]
        return Event.parse(json.dumps(data))

    def of(id_: str, type: str) -> Event:
        return Event.parse(item(type, 2).text.replace("msg_1", id_))

    a, b = response("r1"), response("r2")
    events = [a[0], b[0], a[1], b[1]]
    for change in ("added", "done"):
        events += [of("msg_a", change), of("msg_b", change)]
    assert codes(check([*events, with_item(a[2], "msg_a"), with_item(b[2], "msg_b")])) == []
