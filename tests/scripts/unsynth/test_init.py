"""A recording made a Script again: which one, and what it gives when it is written out."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from respool.protocol.events import Event
from respool.protocol.snapshot import fold
from respool.recordings import formats
from respool.recordings.formats import script as script_format
from respool.recordings.recording import Recording
from respool.scripts import End, Step, Turn, plain, read
from respool.scripts.synth import Expansion, Written, expand
from respool.scripts.unsynth import UnsynthError, unsynth
from respool.scripts.unsynth.likeness import final_response, same_item, same_response

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared/recordings"
OURS = sorted(ROOT.glob("fixtures/**/*.jsonl"))
SCRIPTS = sorted(ROOT.glob("fixtures/scripts/*.script.yaml"))
PUBLISHED = sorted(path for path in SHARED.rglob("*") if path.suffix in (".txt", ".sse", ".jsonl"))

Events = Sequence[dict[str, Any]]


def expansion(events: Iterable[dict[str, Any]], gaps: Iterable[float] = (), **header: Any) -> Expansion:
    times = iter(gaps)
    texts = (json.dumps(event) for event in events)
    return Expansion(header, tuple(Written(next(times, None), Event.parse(text), ()) for text in texts))


def events_of(data: dict[str, Any], name: str = "a") -> Events:
    """The events of a Script, of its first turn."""
    return [it.event.data for it in expand(read(data), name)[0].events]


def turn_of(events: Events, **header: Any) -> Turn:
    return unsynth([expansion(events, **header)]).turns[0]


def steps(turn: Turn) -> list[str]:
    return [step.type for step in turn.steps]


def assert_comes_back(recordings: Sequence[Recording]) -> list[Turn]:
    """A Script in a file gives what was recorded."""
    turns = [
        Expansion(one.header.fields, tuple(Written(it.gap, it.event, ()) for it in one.events))
        for one in recordings
    ]
    script = unsynth(turns)
    again = script_format.read(script_format.write(script).encode(), "a", "a.script.yaml")
    assert len(again) == len(turns)
    for recorded, made in zip(recordings, again, strict=True):
        assert [it.event.type for it in made.events] == [it.event.type for it in recorded.events]
        response = final_response([it.event for it in made.events])
        assert same_response(response, final_response([it.event for it in recorded.events]))
        assert made.header.body == recorded.header.body
        assert made.header.request == recorded.header.request
        assert made.header.headers == recorded.header.headers
        assert made.header.status == recorded.header.status
        assert made.header.note == recorded.header.note
    return list(script.turns)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_of_our_recordings_comes_back(path: Path) -> None:
    assert_comes_back(formats.read(path.read_bytes(), "a", str(path)))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/recordings")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_each_published_recording_comes_back(path: Path) -> None:
    assert_comes_back(formats.read(path.read_bytes(), "a", str(path)))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_each_script_comes_back_without_literal_events(path: Path) -> None:
    recordings = script_format.read(path.read_bytes(), "a", str(path))
    turns = assert_comes_back(recordings)
    literal = any("event" in steps(turn) for turn in turns)
    assert literal is ("event:" in path.read_text("utf-8"))


# Steps which come back as they are, word for word.
STEPS: list[dict[str, Any]] = [
    {"message": "Hello there!"},
    {"message": ""},
    {"message": {"text": "Hm.", "phase": "commentary"}},
    {"message": {"content": [{"output_text": "One."}, {"refusal": "Two."}]}},
    {"message": {"text": "Cut", "status": "incomplete"}},
    {
        "message": {
            "text": "So it is (a.com).",
            "annotations": [
                {
                    "type": "url_citation",
                    "url": "https://a.com",
                    "title": "A",
                    "start_index": 9,
                    "end_index": 16,
                }
            ],
        }
    },
    {
        "message": {
            "text": "Hi there",
            "logprobs": [
                {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
                {"token": " there", "logprob": 0.0, "bytes": [32, 116, 104, 101, 114, 101]},
            ],
        }
    },
    {"refusal": "I won't."},
    {"reasoning": None},
    {"reasoning": ["One part.", "Another part."]},
    {"reasoning": {"summary": "A part.", "encrypted_content": "gAAAAAB"}},
    {"reasoning": {"content": "Raw thoughts.", "status": "completed"}},
    {"function_call": {"name": "f", "arguments": {"city": "Paris"}, "call_id": "call_1"}},
    {
        "function_call": {
            "name": "f",
            "arguments": '{"city": "Par',
            "call_id": "call_1",
            "status": "incomplete",
        }
    },
    {"custom_tool_call": {"name": "f", "input": "select 1", "call_id": "call_1"}},
    {"local_shell_call": {"action": ["ls", "-a"], "call_id": "call_1"}},
    {"shell_call": {"action": ["ls", "wc -l *"], "call_id": "call_1"}},
    {
        "shell_call_output": {
            "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit"}}],
            "call_id": "c",
        }
    },
    {
        "apply_patch_call": {
            "operation": {"type": "update_file", "path": "a.txt", "diff": "-a\n+b\n"},
            "call_id": "call_1",
        }
    },
    {
        "computer_call": {
            "action": {"type": "wait"},
            "pending_safety_checks": [{"id": "s", "code": "x"}],
            "call_id": "call_1",
        }
    },
    {"web_search_call": "tallest mountain"},
    {"web_search_call": {"action": {"type": "open_page", "url": "https://a.com"}}},
    {
        "web_search_call": {
            "action": {
                "type": "search",
                "query": "a",
                "queries": ["a"],
                "sources": [{"type": "url", "url": "u"}],
            }
        }
    },
    {"file_search_call": {"queries": "glaciers", "results": [{"file_id": "file-1", "score": 0.5}]}},
    {"code_interpreter_call": {"code": "print(42)", "outputs": "42", "container_id": "cntr_1"}},
    {"mcp_call": {"server_label": "docs", "name": "f", "arguments": {"a": 1}, "output": "3"}},
    {"mcp_call": {"server_label": "docs", "name": "f", "arguments": {}, "error": "no such page"}},
    {"mcp_approval_request": {"server_label": "docs", "name": "f", "arguments": {"page": 1}}},
    {"tool_search_output": {"tools": [{"type": "function", "name": "f"}], "execution": "server"}},
    {"compaction": {"encrypted_content": "gAAAAAB", "compacting": 2}},
    {"program": {"code": "text(1)", "call_id": "call_1", "fingerprint": "gAAAAAB"}},
    {"program_output": {"result": "1", "call_id": "call_1"}},
    {"item": {"type": "mcp_approval_response", "id": "mcprr_1", "approval_request_id": "x", "approve": True}},
    {"event": {"type": "keepalive"}},
    {"event": {"type": "keepalive", "sequence_number": 7}},
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: next(iter(step)))
def test_a_step_comes_back_as_it_was(step: dict[str, Any]) -> None:
    script = read({"output": [step, {"message": "So."}]})
    assert plain(unsynth(expand(script, "a")))["output"] == plain(script)["output"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("completed", End()),
        ("incomplete", End(incomplete="max_output_tokens")),
        ({"incomplete": "content_filter"}, End(incomplete="content_filter")),
        (
            "error",
            End(
                error={
                    "type": "server_error",
                    "code": "server_error",
                    "message": "The server had an error while processing your request.",
                    "param": None,
                }
            ),
        ),
        ({"cut": 6}, End(cut=6)),
        ({"cut": 1}, End(cut=1)),
        ({"cut": 2}, End(cut=2)),
    ],
)
def test_an_end_comes_back(end: Any, expected: End) -> None:
    turn = turn_of(events_of({"text": "Once upon a time", "end": end}))
    assert turn.end == expected


@pytest.mark.parametrize(
    "step", [{"message": "Hello there!"}, {"function_call": {"name": "f", "call_id": "c"}}]
)
def test_the_last_item_of_an_incomplete_response_is_incomplete_without_a_word(step: dict[str, Any]) -> None:
    events = events_of({"output": [{"message": "First."}, step], "end": "incomplete"})
    first, last = turn_of(events).steps
    assert first.value == {"text": "First.", "status": "completed"}
    assert "status" not in last.value


@pytest.mark.parametrize("deltas", ["tokens", "words", "whole", 3])
def test_the_way_of_cutting_is_found(deltas: str | int) -> None:
    text = "A sentence of several words, extraordinarily long ones too."
    turn = turn_of(events_of({"text": text, "deltas": deltas}))
    assert (turn.deltas, turn.steps) == (deltas, (Step("message", {"text": text}),))


@pytest.mark.parametrize("padded", [True, False])
def test_padding_is_found(padded: bool) -> None:
    assert turn_of(events_of({"text": "Hello", "obfuscation": padded})).obfuscation is padded


def test_a_model_is_told_only_where_the_request_names_another() -> None:
    events = events_of({"text": "Hi", "model": "a"})
    assert turn_of(events, request={"model": "a"}).model is None
    assert turn_of(events, request={"model": "b"}).model == "a"


def test_tokens_of_hidden_reasoning_are_kept() -> None:
    usage = {"input_tokens": 5, "output_tokens": 99, "output_tokens_details": {"reasoning_tokens": 98}}
    events = events_of({"output": [{"reasoning": None}, {"message": "Hi"}], "usage": usage})
    assert turn_of(events).usage == usage


def test_an_item_that_grows_in_an_unknown_way_is_told_by_its_events() -> None:
    item = {"type": "x:item", "id": "x_1"}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "size": 1}},
    ]
    turn = turn_of(events_of({"output": [{"event": event} for event in events]}))
    assert steps(turn) == ["event", "event"]


def test_another_way_of_cutting_is_told_with_the_step() -> None:
    step = {"message": {"text": "Hello there!", "deltas": [2, 10]}}
    assert plain(unsynth([expansion(events_of({"output": [step]}))]))["output"] == [step]


def test_a_call_without_deltas_says_so() -> None:
    """As LM Studio sends it."""
    step = {"function_call": {"name": "f", "arguments": {"a": 1}, "call_id": "call_1", "deltas": []}}
    assert plain(unsynth([expansion(events_of({"output": [step]}))]))["output"] == [step]


def test_fields_of_the_response_are_told_only_where_the_request_does_not_say_them() -> None:
    data = {
        "model": "gpt-5.2-2025-12-11",
        "request": {"model": "gpt-5.2", "instructions": "Be brief.", "temperature": 0.5},
        "response": {"created_at": 1700000000, "top_p": 0.5},
        "text": "Hi",
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }
    assert plain(unsynth([expansion(events_of(data), request=data["request"])])) == data


@pytest.mark.parametrize("end", ["failed", "error", {"error": "Slow", "failed": None}, {"cut": 5}])
def test_a_response_that_never_had_usage_says_nothing_of_it(end: Any) -> None:
    data = {
        "model": "gpt-5.2",
        "output": [{"reasoning": None}],
        "end": end,
        "response": {"service_tier": "flex"},
    }
    assert "usage" not in plain(unsynth([expansion(events_of(data))]))


def test_usage_has_details_only_where_counting_gives_others() -> None:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 3},
        "output_tokens": 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 6,
    }
    assert turn_of(events_of({"text": "Hi", "usage": usage})).usage == usage
    assert turn_of(events_of({"text": "Hi", "usage": None})).usage is None


def test_an_id_is_kept_if_something_names_it() -> None:
    call = {"function_call": {"name": "f", "id": "fc_1", "call_id": "call_1"}}
    events = events_of(
        {"output": [call, {"message": {"text": "Hi", "id": "msg_1"}}], "response": {"id": "resp_1"}}
    )
    request = {"previous_response_id": "resp_1", "input": [{"type": "item_reference", "id": "fc_1"}]}
    first, _ = unsynth([expansion(events), expansion(events_of({"text": "Hi"}), request=request)]).turns
    assert first.response["id"] == "resp_1"
    assert [step.value.get("id") for step in first.steps] == ["fc_1", None]


def test_what_a_step_cannot_say_is_told_by_its_events() -> None:
    events = events_of({"output": [{"reasoning": "Hm."}, {"message": "Hi"}]})
    number = next(at for at, event in enumerate(events) if event["type"] == "response.output_text.delta")
    keepalive = {"type": "keepalive", "sequence_number": number}
    later = [{**event, "sequence_number": event["sequence_number"] + 1} for event in events[number:]]
    turn = turn_of([*events[:number], keepalive, *later])
    assert steps(turn) == ["reasoning", *["event"] * 7]
    assert all("sequence_number" not in step.value for step in turn.steps)


def test_items_that_are_open_together_are_told_by_their_events() -> None:
    one, two = {"mcp_list_tools": {"server_label": "a"}}, {"mcp_list_tools": {"server_label": "b"}}
    events = list(events_of({"output": [one, two]}))
    events[5], events[6] = events[6], events[5]  # the second is added before the first is done
    assert steps(turn_of(events)) == ["event"] * 8


def test_a_response_that_no_script_has_is_told_by_its_last_event() -> None:
    """The ChatGPT backend's completed response has no output."""
    events = list(events_of({"text": "Hi"}))
    events[-1]["response"]["output"] = []
    turn = turn_of(events)
    assert (steps(turn), turn.end) == (["message", "event"], End(cut=len(events)))
    assert turn.steps[-1].value["response"] == events[-1]["response"]


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        (
            events_of({"text": "Hi"})[1:],
            "event 0 is response.in_progress, but a script's would be response.created",
        ),
        (
            [events_of({"text": "Hi"})[0], *events_of({"text": "Hi"})[2:]],
            "event 1 is response.output_item.added, but a script's would be response.in_progress",
        ),
    ],
)
def test_a_stream_without_its_head_has_no_script(events: Events, problem: str) -> None:
    with pytest.raises(UnsynthError) as raised:
        unsynth([expansion(events_of({"text": "Hi"})), expansion(events)])
    assert str(raised.value) == problem
    assert raised.value.turn == 2


SLOW = {"message": "Slow", "type": "requests", "param": None}


def test_json_that_is_nested_too_deeply_has_no_script() -> None:
    deep = Event('{"type":"keepalive","a":' * 100_000 + "}" * 100_000, "keepalive")
    with pytest.raises(UnsynthError, match=r"^its JSON is nested too deeply$"):
        unsynth([Expansion({}, (Written(None, deep, ()),))])


def test_a_stream_whose_items_are_needed_under_their_ids_is_told_by_its_events() -> None:
    events = events_of({"output": [{"message": "Hi"}, {"message": "Ho"}], "end": {"cut": 13}})
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    late = {name: value for name, value in delta.items() if name in ("type", "item_id", "delta")}
    recorded = expansion([*events, late])
    script = unsynth([recorded])
    assert steps(script.turns[0]) == ["event"] * 12
    made = expand(script, "a")[0].events
    assert same_response(fold(it.event for it in made), fold(it.event for it in recorded.events))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"error": {**SLOW, "code": "x"}}, {"message": "Slow", "code": "x"}),
        (429, {"error": {**SLOW, "code": 1}}, None),
        (429, {"error": {"message": "Slow"}}, None),
        (503, "overloaded", None),
        (200, {"id": "resp_1"}, None),
    ],
)
def test_an_answer_that_is_no_stream_comes_back(status: int, body: Any, error: Any) -> None:
    turn = unsynth([Expansion({"status": status, "body": body}, ())]).turns[0]
    assert turn.status == status
    assert (turn.error, turn.body) == ((error, None) if error else (None, body))


def test_times_become_pauses_and_a_pace() -> None:
    events = events_of({"output": [{"reasoning": None}, {"message": "Hello there!"}]})
    #       created      reasoning  message          deltas         done ...       completed
    gaps = [0.2, 0.0, 1.5, 0.01, 0.5, 0.01, 0.08, 0.1, 0.1, 0.0, 0.0, 0.0, 0.25]
    script = unsynth([expansion(events, gaps)], pace=True)
    assert plain(script)["output"] == [
        {"pause": 1.5},
        {"reasoning": None},
        {"pause": 0.5},
        {"message": "Hello there!"},
        {"pause": 0.25},
    ]
    assert plain(script)["pace"] == {"tokens_per_second": 15.0, "ttft": 0.3}
    made = expand(script, "a")[0].events
    assert sum(it.gap or 0.0 for it in made) == pytest.approx(sum(gaps), abs=0.01)


def test_without_times_there_is_no_pace() -> None:
    assert unsynth([expansion(events_of({"text": "Hi"}))], pace=True).turns[0].pace is None


@pytest.mark.parametrize(
    ("made", "recorded", "same"),
    [
        ({"id": "a", "type": "x"}, {"id": "b", "type": "x"}, True),
        ({"type": "x", "caller": None, "content": []}, {"type": "x", "phase": ""}, True),
        ({"type": "x", "content": [{"logprobs": []}]}, {"type": "x", "content": [{}]}, True),
        ({"type": "x", "status": "completed"}, {"type": "x"}, False),
        ({"type": "x"}, {"type": "x", "status": "completed"}, False),
        ({"type": "x", "n": 0}, {"type": "x"}, False),
    ],
)
def test_items_are_the_same_but_for_ids_and_empty_fields(made: Any, recorded: Any, same: bool) -> None:
    assert same_item(made, recorded) is same


@pytest.mark.parametrize(
    ("made", "recorded", "same"),
    [
        ({"id": "a", "completed_at": 1}, {"id": "b", "completed_at": 2}, True),
        ({"status": "completed", "store": True}, {"status": "completed"}, True),
        ({"status": "completed"}, {"status": "completed", "store": True}, False),
        ({"status": "completed"}, {"status": "failed"}, False),
        ({"output": [{"id": "a"}]}, {"output": [{"id": "b"}]}, True),
        ({"output": [{"encrypted_content": "x"}]}, {"output": [{"encrypted_content": "y"}]}, True),
        ({"output": [{"type": "x"}]}, {"output": []}, False),
        ({"output": [{"type": "x"}]}, {"output": [{"type": "x"}, {"type": "y"}]}, False),
        ({"usage": {"a": 1, "b": 0}}, {"usage": {"a": 1}}, True),
    ],
)
def test_a_response_has_all_that_was_recorded_and_maybe_more(made: Any, recorded: Any, same: bool) -> None:
    assert same_response(made, recorded) is same
