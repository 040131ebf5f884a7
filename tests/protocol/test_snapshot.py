import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES
from respool.protocol.events import TERMINAL_TYPES, Event
from respool.protocol.snapshot import Snapshot, fold
from respool.recordings import formats
from respool.recordings.recording import Recording

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "fixtures", ROOT.parent / "shared" / "recordings"]  # the second is not in the repository

# Streams whose last event does not hold the output that was streamed.
OUTPUT_IS_ELSEWHERE = {
    "tests/cassettes/events/text-only-vllm-gemma4": "vLLM's final response has no output here",
}

# Streams that were cut by hand.
DELTAS_CUT_OUT = {"openai/src/responses/__fixtures__/openai-phase.1.chunks"}

JSON = dict[str, Any]


def event(type: str, **fields: Any) -> Event:
    return Event.parse(json.dumps({"type": type, **fields}))


def created(**fields: Any) -> Event:
    return event(
        "response.created", response={"id": "resp_1", "status": "in_progress", "output": [], **fields}
    )


def added(item: JSON, index: int | None = 0) -> Event:
    return event("response.output_item.added", item=item, **at(index))


def done(item: JSON, index: int | None = 0) -> Event:
    return event("response.output_item.done", item=item, **at(index))


def at(index: int | None) -> JSON:
    return {} if index is None else {"output_index": index}


def child(name: str, **fields: Any) -> Event:
    return event(f"response.{name}", **{"output_index": 0, **fields})


def text(delta: str, **fields: Any) -> Event:
    return child("output_text.delta", **{"content_index": 0, "delta": delta, **fields})


def output_of(*events: Event) -> Any:
    return fold([created(), *events])["output"]


def message(*content: JSON, **fields: Any) -> JSON:
    return {"type": "message", "status": "in_progress", "role": "assistant", "content": [*content], **fields}


def text_part(text: str, **fields: Any) -> JSON:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **fields}


def recordings() -> Iterator[Recording]:
    for folder in FOLDERS:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).with_suffix("").as_posix()
            data = path.read_bytes()
            others = (".md", ".script.yaml", "MANIFEST.json")
            if not path.name.endswith(others) and formats.sniff(data):
                yield from formats.read(data, name, str(path), lambda damage: None)


STREAMS = [turn for turn in recordings() if not turn.plain]
ENDED = [turn for turn in STREAMS if any(timed.event.type in TERMINAL_TYPES for timed in turn.events)]

ended = pytest.mark.parametrize("turn", ENDED, ids=lambda turn: turn.name)


def split(turn: Recording) -> tuple[list[Event], JSON]:
    """The events before the terminal one, and its response."""
    events = [timed.event for timed in turn.events]
    end = next(at for at, event in enumerate(events) if event.type in TERMINAL_TYPES)
    return events[:end], events[end].data["response"]


def without_encrypted(value: Any) -> Any:
    """Reasoning is encrypted anew each time that it is sent."""
    if isinstance(value, dict):
        return {key: without_encrypted(of) for key, of in value.items() if key != "encrypted_content"}
    return [without_encrypted(of) for of in value] if isinstance(value, list) else value


@ended
def test_output_streamed_is_the_output_of_the_final_response(turn: Recording) -> None:
    events, response = split(turn)
    streamed = fold(events)["output"]
    if any(turn.name.endswith(name) for name in OUTPUT_IS_ELSEWHERE):
        assert streamed
        assert not response.get("output")
    else:
        assert without_encrypted(streamed) == without_encrypted(response["output"])


@ended
def test_fold_of_a_whole_stream_is_its_final_response(turn: Recording) -> None:
    _, response = split(turn)
    folded = fold(timed.event for timed in turn.events)
    if any(turn.name.endswith(name) for name in OUTPUT_IS_ELSEWHERE):
        response["output"] = folded["output"]
    assert folded == response


@ended
def test_deltas_alone_give_the_texts_of_the_items(turn: Recording) -> None:
    events = [timed.event for timed in turn.events if timed.event.type not in TERMINAL_TYPES]
    full = fold(events)["output"]
    partial = fold(event for event in events if not event.type.endswith(".done"))["output"]
    if any(turn.name.endswith(name) for name in DELTAS_CUT_OUT):
        assert [_texts(item) for item in partial] != [_texts(item) for item in full]
    else:
        assert [_texts(item) for item in partial] == [_texts(item) for item in full]


def _texts(item: JSON) -> list[str]:
    parts = [*(item.get("content") or []), *(item.get("summary") or []), item]
    return [part.get(field) or "" for part in parts for field in ("text", "refusal", "arguments", "code")]


def test_nothing_has_come_yet() -> None:
    assert fold([]) == {}


def test_a_message_grows_event_by_event() -> None:
    whole = text_part("Hello")
    stream = [
        (created(), []),
        (event("response.in_progress", response={"id": "resp_1", "output": []}), []),
        (added(message()), [message()]),
        (child("content_part.added", content_index=0, part=text_part("")), [message(text_part(""))]),
        (text("Hel"), [message(text_part("Hel"))]),
        (text("lo"), [message(text_part("Hello"))]),
        (child("output_text.done", content_index=0, text="Hello"), [message(whole)]),
        (child("content_part.done", content_index=0, part=whole), [message(whole)]),
        (done(message(whole, status="completed")), [message(whole, status="completed")]),
        (
            event("response.completed", response={"id": "resp_1", "output": [message(whole, end=True)]}),
            [message(whole, end=True)],
        ),
    ]
    snapshot = Snapshot()
    for each, output in stream:
        snapshot.receive(each)
        assert snapshot.response["output"] == output


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "arguments": ""}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
SHELL = {"type": "shell_call", "action": {"commands": []}}
OUTPUT = {"type": "shell_call_output", "output": []}
PATCH = {"type": "apply_patch_call", "operation": {"type": "update_file", "diff": ""}}
TOKEN = {"token": "a", "logprob": -0.1}
LINK = {"type": "url_citation", "url": "https://example.com"}


@pytest.mark.parametrize(
    ("item", "events", "expected"),
    [
        pytest.param(
            CALL,
            [
                child("function_call_arguments.delta", delta='{"a'),
                child("function_call_arguments.delta", delta='":1}'),
            ],
            {**CALL, "arguments": '{"a":1}'},
            id="function arguments",
        ),
        pytest.param(
            CALL,
            [child("function_call_arguments.done", arguments="{}")],
            {**CALL, "arguments": "{}"},
            id="function arguments without deltas, as LM Studio has it",
        ),
        pytest.param(
            {"type": "mcp_call", "arguments": None},
            [child("mcp_call_arguments.delta", delta="{"), child("mcp_call_arguments.delta", delta="}")],
            {"type": "mcp_call", "arguments": "{}"},
            id="MCP arguments that begin as null",
        ),
        pytest.param(
            {"type": "custom_tool_call", "input": ""},
            [
                child("custom_tool_call_input.delta", delta="x"),
                child("custom_tool_call_input.done", input="xy"),
            ],
            {"type": "custom_tool_call", "input": "xy"},
            id="what is done replaces what grew",
        ),
        pytest.param(
            {"type": "code_interpreter_call", "status": "in_progress"},
            [
                child("code_interpreter_call_code.delta", delta="1+"),
                child("code_interpreter_call_code.delta", delta="1"),
                child("code_interpreter_call.interpreting"),
            ],
            {"type": "code_interpreter_call", "status": "interpreting", "code": "1+1"},
            id="code",
        ),
        pytest.param(
            PATCH,
            [
                child("apply_patch_call_operation_diff.delta", delta="+a"),
                child("apply_patch_call_operation_diff.delta", delta="\n"),
            ],
            {**PATCH, "operation": {"type": "update_file", "diff": "+a\n"}},
            id="diff",
        ),
        pytest.param(
            REASONING,
            [
                child(
                    "reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}
                ),
                child("reasoning_summary_text.delta", summary_index=0, delta="a"),
                child("reasoning_summary_text.done", summary_index=0, text="ab"),
                child(
                    "reasoning_summary_part.added", summary_index=1, part={"type": "summary_text", "text": ""}
                ),
                child("reasoning_summary_text.delta", summary_index=1, delta="c"),
            ],
            {
                **REASONING,
                "summary": [{"type": "summary_text", "text": "ab"}, {"type": "summary_text", "text": "c"}],
            },
            id="summary parts",
        ),
        pytest.param(
            REASONING,
            [
                child("reasoning_summary_text.delta", summary_index=0, delta="a"),
                child("reasoning_summary_text.delta", summary_index=0, delta="b"),
            ],
            {**REASONING, "summary": [{"type": "summary_text", "text": "ab"}]},
            id="a summary without part events, as Ollama has it",
        ),
        pytest.param(
            REASONING,
            [
                child("reasoning_part.added", content_index=0, part={"type": "reasoning_text", "text": ""}),
                child("reasoning_text.delta", content_index=0, delta="a"),
                child("reasoning_part.done", content_index=0, part={"type": "reasoning_text", "text": "ab"}),
            ],
            {**REASONING, "content": [{"type": "reasoning_text", "text": "ab"}]},
            id="reasoning text, as vLLM has it",
        ),
        pytest.param(
            REASONING,
            [
                child("reasoning.delta", content_index=0, delta="a"),
                child("reasoning.delta", content_index=0, delta="b"),
            ],
            {**REASONING, "content": [{"type": "reasoning_text", "text": "ab"}]},
            id="reasoning text, as Open Responses has it",
        ),
        pytest.param(
            message(),
            [
                child("refusal.delta", content_index=0, delta="N"),
                child("refusal.delta", content_index=0, delta="o"),
            ],
            message({"type": "refusal", "refusal": "No"}),
            id="refusal",
        ),
        pytest.param(
            message(),
            [text("a", content_index=0), text("b", content_index=1), text("c", content_index=0)],
            message(text_part("ac"), text_part("b")),
            id="parts told apart by their index",
        ),
        pytest.param(
            message(),
            [
                text("a", logprobs=[TOKEN]),
                text("b", logprobs=[]),
                text("c", logprobs=[TOKEN]),
            ],
            message(text_part("abc", logprobs=[TOKEN, TOKEN])),
            id="logprobs add up",
        ),
        pytest.param(
            message(),
            [
                text("a", logprobs=[TOKEN]),
                child("output_text.done", content_index=0, text="a", logprobs=[TOKEN]),
            ],
            message(text_part("a", logprobs=[TOKEN])),
            id="logprobs of the whole text replace the others",
        ),
        pytest.param(
            message(),
            [
                text("a"),
                child("output_text.annotation.added", content_index=0, annotation_index=0, annotation=LINK),
                child("output_text.annotation.added", content_index=0, annotation_index=1, annotation={}),
            ],
            message(text_part("a", annotations=[LINK, {}])),
            id="annotations",
        ),
        pytest.param(
            SHELL,
            [
                child("shell_call_command.added", command_index=0, command=""),
                child("shell_call_command.delta", command_index=0, delta="l"),
                child("shell_call_command.delta", command_index=0, delta="s"),
                child("shell_call_command.done", command_index=0, command="ls"),
                child("shell_call_command.added", command_index=1, command=""),
                child("shell_call_command.delta", command_index=1, delta="pwd"),
            ],
            {**SHELL, "action": {"commands": ["ls", "pwd"]}},
            id="shell commands",
        ),
        pytest.param(
            OUTPUT,
            [
                child("shell_call_output_content.delta", command_index=0, delta={"stdout": "a"}),
                child(
                    "shell_call_output_content.delta", command_index=0, delta={"stdout": "b", "stderr": "c"}
                ),
            ],
            {**OUTPUT, "output": [{"stdout": "ab", "stderr": "c"}]},
            id="shell output grows",
        ),
        pytest.param(
            OUTPUT,
            [
                child("shell_call_output_content.delta", command_index=0, delta={"stdout": "a"}),
                child(
                    "shell_call_output_content.done", command_index=0, output=[{"stdout": "a", "outcome": {}}]
                ),
                child("shell_call_output_content.delta", command_index=1, delta={"stdout": "b"}),
                child(
                    "shell_call_output_content.done", command_index=1, output=[{"stdout": "b", "outcome": {}}]
                ),
            ],
            {**OUTPUT, "output": [{"stdout": "a", "outcome": {}}, {"stdout": "b", "outcome": {}}]},
            id="shell output of each command",
        ),
        pytest.param(
            {"type": "image_generation_call", "status": "in_progress"},
            [child("image_generation_call.partial_image", partial_image_index=0, partial_image_b64="AAAA")],
            {"type": "image_generation_call", "status": "in_progress"},
            id="a partial image is no result",
        ),
        pytest.param(
            {"type": "mcp_list_tools", "tools": []},
            [child("mcp_list_tools.completed")],
            {"type": "mcp_list_tools", "tools": []},
            id="an item without status gets none",
        ),
        pytest.param(SEARCH, [child("code_interpreter_call.completed")], SEARCH, id="another tool's status"),
        pytest.param(SEARCH, [child("web_search_call.new_word")], SEARCH, id="a status that nobody knows"),
        pytest.param(
            message(),
            [child("output_text.new_word", content_index=0, delta="x", text="x")],
            message(),
            id="a change that nobody knows",
        ),
        pytest.param(message(), [text("a", content_index=1)], message(), id="a part that skips an index"),
        pytest.param(
            {**CALL, "arguments": {}},
            [child("function_call_arguments.delta", delta="{}")],
            {**CALL, "arguments": "{}"},
            id="arguments that were no text",
        ),
        pytest.param(
            message(text_part("a", logprobs=1)),
            [text("b", logprobs=[TOKEN])],
            message(text_part("ab", logprobs=[TOKEN])),
            id="logprobs that were no list",
        ),
        pytest.param(
            {**SHELL, "action": {"commands": [None]}},
            [child("shell_call_command.delta", command_index=0, delta="ls")],
            {**SHELL, "action": {"commands": ["ls"]}},
            id="a command that was no text",
        ),
        pytest.param(
            {**OUTPUT, "output": [{"stdout": 1}, None]},
            [
                child("shell_call_output_content.delta", command_index=0, delta={"stdout": "a", "stderr": 2}),
                child("shell_call_output_content.delta", command_index=1, delta={"stdout": "a"}),
            ],
            {**OUTPUT, "output": [{"stdout": "a", "stderr": ""}, None]},
            id="output that was no text",
        ),
        pytest.param(message(), [text("a", output_index=1)], message(), id="an item that was never added"),
    ],
)
def test_item_after_its_events(item: JSON, events: list[Event], expected: JSON) -> None:
    assert output_of(added(item), *events) == [expected]


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (name, change)
        for name, _, change in (row.removeprefix("response.").rpartition(".") for row in EVENT_TYPES)
        if name in ITEM_TYPES
        and change in ("in_progress", "searching", "interpreting", "generating", "completed", "failed")
    ],
)
def test_tool_says_its_status(item: str, status: str) -> None:
    assert output_of(added({"type": item, "status": "x"}), child(f"{item}.{status}")) == [
        {"type": item, "status": status}
    ]


def test_items_are_told_apart_by_their_index() -> None:
    other = {**CALL, "id": "fc_2"}
    assert output_of(
        added(CALL, 0),
        added(other, 1),
        child("function_call_arguments.delta", output_index=1, delta="b"),
        child("function_call_arguments.delta", output_index=0, delta="a"),
        done({**other, "status": "completed"}, 1),
    ) == [{**CALL, "arguments": "a"}, {**other, "status": "completed"}]


def test_llama_cpp_gives_no_index_and_closes_items_in_the_end() -> None:
    reasoning = {**REASONING, "content": [{"type": "reasoning_text", "text": "ab"}]}
    call = {"type": "function_call", "call_id": "fc_1", "arguments": ""}
    answer = message(text_part("cd"), id="msg_1")
    whole = {**call, "arguments": "{}"}

    def unplaced(name: str, **fields: Any) -> Event:
        return event(f"response.{name}", **fields)

    growing = [
        added(REASONING, None),
        unplaced("reasoning_text.delta", item_id="rs_1", delta="a"),
        unplaced("reasoning_text.delta", item_id="rs_1", delta="b"),
        added(message(id="msg_1"), None),
        unplaced("content_part.added", item_id="msg_1", part=text_part("")),
        unplaced("output_text.delta", item_id="msg_1", delta="c"),
        unplaced("output_text.delta", item_id="msg_1", delta="d"),
        added(call, None),
        unplaced("function_call_arguments.delta", item_id="fc_1", delta="{}"),
    ]
    closing = [
        done(reasoning, None),
        unplaced("output_text.done", item_id="msg_1", text="cd"),
        unplaced("content_part.done", item_id="msg_1", part=text_part("cd")),
        done(answer, None),
        done(whole, None),
    ]
    assert output_of(*growing) == [reasoning, answer, whole]
    assert output_of(*growing, *closing) == [reasoning, answer, whole]


def test_without_index_and_id_an_event_is_of_the_newest_item() -> None:
    assert output_of(
        added(CALL, None),
        added(message(), None),
        event("response.output_text.delta", delta="a"),
    ) == [CALL, message(text_part("a"))]


def test_ollama_gives_two_items_one_index() -> None:
    answer = message(text_part("Let me see."), id="msg_1")
    assert output_of(
        added(message(id="msg_1")),
        text("Let me see.", item_id="msg_1"),
        added(CALL),
        child("function_call_arguments.delta", item_id="fc_1", delta="{}"),
        done({**CALL, "arguments": "{}"}),
        done({**answer, "status": "completed"}),
    ) == [{**answer, "status": "completed"}, {**CALL, "arguments": "{}"}]


def test_copilot_gives_an_item_another_id_in_each_event() -> None:
    assert output_of(
        added(message(id="x1")),
        text("a", item_id="x2"),
        text("b", item_id="x3"),
        done(message(text_part("ab"), id="x4")),
    ) == [message(text_part("ab"), id="x4")]


def test_an_item_that_was_only_done_is_there_too() -> None:
    assert output_of(done(CALL)) == [CALL]


@pytest.mark.parametrize("output", [{}, {"output": None}, {"output": []}], ids=["none", "null", "empty"])
@pytest.mark.parametrize("ending", ["response.completed", "response.incomplete"])
def test_a_final_response_without_output_has_that_of_the_stream(ending: str, output: JSON) -> None:
    response = {"id": "resp_1", "status": ending.removeprefix("response.")}
    folded = fold([created(), added(CALL), event(ending, response={**response, **output})])
    assert folded == {**response, "output": [CALL]}


@pytest.mark.parametrize("response", [{"id": "resp_1"}, {"id": "resp_1", "output": None}])
def test_items_find_a_place_in_a_response_without_output(response: JSON) -> None:
    assert fold([event("response.created", response=response), added(CALL)])["output"] == [CALL]


def test_a_failed_response_is_as_it_says() -> None:
    failed = {"id": "resp_1", "status": "failed", "output": [], "error": {"code": "x", "message": "y"}}
    assert fold([created(), added(message()), event("response.failed", response=failed)]) == failed


@pytest.mark.parametrize(
    "details",
    [
        {"code": "server_error", "message": "It broke."},
        {"error": {"type": "server_error", "code": "server_error", "message": "It broke.", "param": None}},
    ],
    ids=["flat", "nested"],
)
def test_an_error_event_fails_the_response(details: JSON) -> None:
    folded = fold([created(error=None), event("error", **details)])
    assert folded["status"] == "failed"
    assert folded["error"] == {"code": "server_error", "message": "It broke."}


def test_keepalives_and_what_others_call_a_response_change_nothing() -> None:
    events = [created(), added(CALL)]
    strange = [
        event("keepalive", sequence_number=2),
        event("vendor.note", response={"id": "resp_2"}),
        event("response.output_item.moved", item=message(), output_index=0),
    ]
    assert fold([*events, *strange]) == fold(events)


def test_nothing_after_the_end_changes_the_final_response() -> None:
    final = {"id": "resp_1", "output": [message(text_part("a"))]}
    late = [text("b"), child("output_text.done", content_index=0, text="c")]
    assert fold([created(), added(message()), event("response.completed", response=final), *late]) == final


# Events as nobody sends them: any value for any field, with the names that mean something.
NAMES = sorted(
    {name for row in EVENT_TYPES.values() for name in (*row.required, *row.optional)}
    | {"id", "call_id", "content", "summary", "annotations", "commands", "action", "operation", "stdout"}
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
FIRST = {name: 0 for name in NAMES if name.endswith("_index")}
ANY_EVENTS = st.builds(
    lambda name, fields: event(**{**FIRST, **fields, "type": name}),
    st.sampled_from(sorted(EVENT_TYPES)) | st.text(min_size=1),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1) | VALUES, max_size=8),
)


REAL = {timed.event.type: timed.event for turn in STREAMS for timed in turn.events}
REAL_EVENTS = st.sampled_from(sorted(REAL)).map(lambda name: REAL[name])


@st.composite
def mutated_events(draw: st.DrawFn) -> Event:
    """A real event in which one value is another, or gone."""
    original = draw(REAL_EVENTS)
    data = original.data
    holder: Any = data
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(holder[key], dict | list) and draw(st.booleans()):
            holder = holder[key]
            continue
        if draw(st.booleans()):
            holder[key] = draw(VALUES)
        else:
            del holder[key]
        break
    return Event(json.dumps(data), original.type)


STRANGE_STREAMS = st.lists(ANY_EVENTS | mutated_events() | REAL_EVENTS, max_size=12)


@settings(max_examples=3 * settings.default.max_examples)
@given(STRANGE_STREAMS)
def test_malformed_events_never_raise(events: list[Event]) -> None:
    json.dumps(fold(events))


@given(STRANGE_STREAMS, st.data())
def test_a_prefix_and_then_the_rest_is_the_same_as_all(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    snapshot = Snapshot()
    for each in events[:cut]:
        snapshot.receive(each)
    seen = json.dumps(snapshot.response)
    assert seen == json.dumps(fold(events[:cut]))
    for each in events[cut:]:
        snapshot.receive(each)
    assert json.dumps(snapshot.response) == json.dumps(fold(events))
