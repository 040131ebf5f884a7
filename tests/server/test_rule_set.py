"""Stubs and rules in served folders: read, reloaded, and what is said of mistakes and conflicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.errors import NoMatchingRecording, RequestError
from respool.match.stubs_file import read_stub
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request
from respool.server.rule_set import read_rule_set

Serve = Callable[..., MockServer]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """A server of files, by their paths."""

    def make(stubs: str = "", files: dict[str, str] | None = None, **options: Any) -> MockServer:
        given = {"a.script.yaml": "text: Hi", "b.script.yaml": "text: Ho", **(files or {})}
        if stubs:
            given["stubs.yaml"] = stubs
        for name, text in given.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return MockServer(Store([tmp_path]), clock=ManualClock(1000.0), **options)

    return make


def ask(server: MockServer, text: str = "Hello", session: str = "", **body: Any) -> tuple[str, str]:
    """The text that answers, and why."""
    request = Request({"model": "gpt-5.2", "input": text, **body}, session=session)
    playback, decision, *_ = server.begin(request)
    if playback.recording.plain:
        return str(playback.recording.header.status), decision.line
    assert isinstance(server.clock, ManualClock)
    server.clock.advance(100.0)
    events = playback.events
    return "".join(event.data.get("delta", "") for event in events if "delta" in event.type), decision.line


PLAYED = {
    "a": "Hi",
    "[a, b]": "Hi",
    "b#1": "Ho",
    "b.script.yaml": "Ho",
    "{text: Inline}": "Inline",
    "{status: 503, body: {error: {message: no}}}": "503",
    "improvise": "Improvised answer to: Hello",
}


@pytest.mark.parametrize("play", PLAYED)
def test_a_stub_plays_what_it_says(serve: Serve, play: str) -> None:
    text, why = ask(serve(f"stubs: [{{name: one, play: {play}}}]"))
    assert text == PLAYED[play]
    assert why.startswith(f"{'improvised' if play == 'improvise' else 'stub'}: stub one: any request")


def test_a_list_is_the_turns_of_a_conversation(serve: Serve) -> None:
    server = serve("stubs: [{name: one, play: [a, b]}, {name: two, match: {previous_stub: two}, play: a}]")
    playback = server.start(Request({"model": "m", "input": "x"}))
    assert isinstance(server.clock, ManualClock)
    server.clock.advance(100.0)
    assert ask(server, previous_response_id=playback.id)[0] == "Ho"
    assert ask(server)[0] == "Hi"


def test_a_name_in_the_request_goes_before_stubs(serve: Serve) -> None:
    server = serve("stubs: [{name: all, play: {text: Stub}}]")
    assert ask(server, model="a")[0] == "Hi"
    assert server.start(Request({}, "b")).recording.name == "b"
    assert ask(server)[0] == "Stub"


def test_stubs_go_before_the_default_and_before_recorded_requests(serve: Serve) -> None:
    recorded = (
        '{"respool": 1, "request": {"model": "gpt-5.2", "input": "Hello"}}\n{"type":"response.created"}\n'
    )
    server = serve("stubs: [{match: {last_user_text: Hello}, play: b}]", {"r.jsonl": recorded}, default="a")
    assert ask(server)[0] == "Ho"
    assert ask(server, "Else")[0] == "Hi"


def test_the_lowest_priority_answers_first_and_times_are_counted_in_each_session(serve: Serve) -> None:
    server = serve(
        "stubs:\n"
        "  - {name: late, play: {text: late}}\n"
        "  - {name: soon, priority: 1, times: 2, play: {text: soon}}\n"
    )
    for session in ("one", "two", ""):
        assert [ask(server, session=session)[0] for _ in range(4)] == ["soon", "soon", "late", "late"]
    server.session("one").reset()
    assert ask(server, session="one")[0] == "soon"


SCENARIO = """\
stubs:
  - {match: {last_user_text: log in}, play: {text: Welcome.}, scenario: {name: login, becomes: In}}
  - {match: {last_user_text: who am I}, play: {text: Ann.}, scenario: {name: login, requires: In}}
  - {play: {text: Please log in.}}
"""


def test_a_scenario_is_of_each_session(serve: Serve) -> None:
    server = serve(SCENARIO)
    assert [ask(server, text, "one")[0] for text in ("who am I", "log in", "who am I")] == [
        "Please log in.",
        "Welcome.",
        "Ann.",
    ]
    assert ask(server, "who am I", "two")[0] == "Please log in."
    assert server.session("one").scenarios == {"login": "In"}
    assert server.session("two").scenarios == {}


def test_a_refused_request_changes_no_scenario(serve: Serve) -> None:
    server = serve(SCENARIO)
    broken = [{"type": "function_call_output", "call_id": "call_x", "output": ""}]
    with pytest.raises(RequestError, match="No tool call found"):
        server.start(Request({"model": "m", "input": [{"role": "user", "content": "log in"}, *broken]}))
    assert server.session().scenarios == {}


def test_a_stub_has_a_pace_and_ids_of_its_own(serve: Serve) -> None:
    server = serve(
        "stubs: [{match: {last_user_text: slow}, pace: {ttft: 9}, ids: fresh, play: a}, {play: a}]",
        pace=Pace(max_gap=20.0),
    )
    slow = [server.start(Request({"model": "m", "input": "slow"})) for _ in range(2)]
    usual = [server.start(Request({"model": "m", "input": "x"})) for _ in range(2)]
    assert slow[0].schedule.end > 9 > usual[0].schedule.end
    assert slow[0].id != slow[1].id
    assert usual[0].id == usual[1].id


def test_the_stubs_of_a_session_are_asked_before_those_of_files_and_no_other_session_has_them(
    serve: Serve,
) -> None:
    server = serve("stubs: [{priority: 1, play: {text: file}}]")
    session = server.session("one")
    session.stubs.append(read_stub({"play": {"text": "mine"}, "times": 1}, "mine"))
    assert ask(server, session="one") == ("mine", "stub: stub mine: any request")
    assert ask(server, session="one")[0] == "file"
    assert ask(server)[0] == "file"
    session.stubs.append(read_stub({"play": {"text": "again"}}, "again"))
    assert ask(server, session="one")[0] == "again"


MISTAKES = {
    "stubs: [{play: a, tmes: 1}]": ["1:19: tmes is not known here, did you mean times?"],
    "stubs: [{match: {last_user_text: {regex: '('}}, play: a}]": ["1:42:"],
    "stubs: [{name: x, play: a}, {name: x, play: b}]": ["1:36: the name x is also that of the stub at"],
    "stubs: 1": ["1:8:"],
    "a: [": ["1:5: not YAML"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_told_with_their_places(serve: Serve, tmp_path: Path, text: str) -> None:
    problems = [str(one) for one in read_rule_set(serve(text).store).problems]
    assert len(problems) == len(MISTAKES[text])
    for problem, start in zip(problems, MISTAKES[text], strict=True):
        assert problem.startswith(f"{tmp_path}/stubs.yaml:{start}"), problem


@pytest.mark.parametrize(
    ("stubs", "warning"),
    [
        ("stubs: [{name: x, play: nope}]", "stub x: no recording is named nope"),
        ("stubs: [{name: x, play: aa}]", "stub x: no recording is named aa; nearest: a"),
        ("stubs: [{name: x, play: c.script.yaml}]", "stub x: the Script file c.script.yaml: no such file"),
        ("stubs: [{name: x, play: ../c.script.yaml}]", "is outside of the stub's folder"),
        ("stubs: [{name: x, play: a}, {name: y, play: b}]", "stub y ("),
    ],
)
def test_what_a_stub_cannot_do_is_a_warning(serve: Serve, stubs: str, warning: str) -> None:
    server = serve(stubs)
    (line,) = server.indexes.rule_set.warnings
    assert warning in line


def test_a_stub_that_plays_what_is_not_there_says_so(serve: Serve) -> None:
    with pytest.raises(NoMatchingRecording, match=r"stub x: no recording is named nope"):
        ask(serve("stubs: [{name: x, play: nope}]"))
    with pytest.raises(NoMatchingRecording, match="no --upstream"):
        ask(serve("stubs: [{name: x, play: proxy}]"))


def test_files_of_stubs_are_taken_up_anew(serve: Serve, tmp_path: Path) -> None:
    server = serve("stubs: [{play: {text: before}}]")
    assert ask(server)[0] == "before"
    (tmp_path / "stubs.yaml").write_text("stubs: [{play: {text: after}}]")
    (tmp_path / "more.stubs.yaml").write_text("stubs: [{priority: 1, play: {text: more}, times: 1}]")
    server.store.refresh()
    assert [ask(server)[0] for _ in range(2)] == ["more", "after"]


def test_one_match_file_holds_for_all(serve: Serve, tmp_path: Path) -> None:
    server = serve(files={"match.yaml": "strictness: strict", "z/match.yaml": "strictness: loose"})
    assert server.indexes.rule_set.rules.strictness == "strict"
    assert [str(one) for one in server.indexes.rule_set.problems] == [
        f"{tmp_path}/z/match.yaml: not read: {tmp_path}/match.yaml holds for all recordings"
    ]


RECORDED = """\
{"respool": 1, "request": {"model": "gpt-5.2", "input": "Order ORD-1, please."}}
{"type":"response.created","response":{"id":"resp_1"}}
{"type":"response.output_text.delta","delta":"Done"}
"""
MATCHED = [
    ("", "Order ORD-1, please.", {}, "exact"),
    ("", "Order ORD-1, please.", {"temperature": 1, "metadata": {"a": "b"}, "stream": True}, "exact"),
    ("masks: {order: 'ORD-[0-9]+'}", "Order ORD-77, please.", {}, "masked"),
    ("exclude: [/temperature]", "Order ORD-1, please.", {"temperature": 0.5}, "pointers"),
    ("", "Order ORD-1, please.", {"temperature": 0.5}, "skeleton"),
    ("strictness: loose", "Something else", {}, "order"),
]


@pytest.mark.parametrize(("rules", "text", "more", "tier"), MATCHED)
def test_a_recorded_request_finds_its_recording(
    serve: Serve, rules: str, text: str, more: dict[str, Any], tier: str
) -> None:
    server = serve(files={"r.jsonl": RECORDED, **({"match.yaml": rules} if rules else {})})
    answer, why = ask(server, text, **more)
    assert answer == "Done"
    assert why.startswith(f"{tier}: r, since ")


@pytest.mark.parametrize(("match", "found"), [("strict", False), ("normal", True), (None, True)])
def test_how_far_a_request_may_differ_is_an_option(serve: Serve, match: str | None, found: bool) -> None:
    server = serve(files={"r.jsonl": RECORDED}, match=match, on_miss="improvise")
    assert (ask(server, "Order ORD-1, please.", temperature=0.5)[0] == "Done") is found


def test_the_index_of_recorded_requests_follows_the_files(serve: Serve, tmp_path: Path) -> None:
    server = serve(on_miss="improvise")
    assert ask(server, "Order ORD-1, please.")[1] == "improvised"
    (tmp_path / "r.jsonl").write_text(RECORDED)
    server.store.refresh()
    assert ask(server, "Order ORD-1, please.")[1].startswith("exact: r")


def test_a_stub_that_is_never_held_or_steers_to_nothing_is_a_warning(serve: Serve) -> None:
    server = serve(
        "stubs:\n"
        "- {name: one, match: {model: a}, play: [a, b], hold: [after=1, after=response.failed]}\n"
        "- {name: two, match: {model: b}, play: a, steer: {successor: c}}\n"
    )
    never, nowhere = read_rule_set(server.store).warnings
    assert never.startswith("stub one (")
    assert never.endswith(" is never held after=response.failed: it plays nothing that has such an event")
    assert nowhere.startswith("stub two (")
    assert ": steer: no recording is named c" in nowhere
