"""What the checker says of a stream: none of a legal one, and one finding or two for each mistake."""

import itertools
import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from respool.check.checker import SequenceChecker, check
from respool.check.findings import RULES, Finding
from respool.protocol.event_types import EVENT_TYPES
from respool.protocol.events import Event
from respool.recordings.store import Store

Body = dict[str, Any]
Edit = Callable[[list[Body]], object]

ABSENT = ...  # a field with this value is left out

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared/recordings"

# Findings about a file, and about the newest SDK's types: respool.checking and respool.schema make them.
OF_FILES = {"RS001", "RS002", "RS003", "RS004", "RS005", "RS006", "RS651", "RS652"}

CREATED, QUEUED, IN_PROGRESS = "response.created", "response.queued", "response.in_progress"
COMPLETED, INCOMPLETE, FAILED = "response.completed", "response.incomplete", "response.failed"
ADDED, DONE = "response.output_item.added", "response.output_item.done"
PART_ADDED, PART_DONE = "response.content_part.added", "response.content_part.done"
TEXT, TEXT_DONE = "response.output_text.delta", "response.output_text.done"
ANNOTATION = "response.output_text.annotation.added"
SUMMARY_ADDED, SUMMARY_DONE = "response.reasoning_summary_part.added", "response.reasoning_summary_part.done"
SUMMARY, SUMMARY_TEXT = "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done"
LIMITS = "codex.rate_limits"
ARGUMENTS, ARGUMENTS_DONE = "response.function_call_arguments.delta", "response.function_call_arguments.done"

RESPONSE: Body = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "in_progress",
    "background": False,
    "model": "m",
    "output": [],
    "temperature": 1.0,
    "usage": None,
}
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
CITATION = {"type": "url_citation", "url": "https://example.com", "title": "e"}


def event(type_: str, **fields: Any) -> Body:
    return {"type": type_, **deepcopy(fields)}


def head(**fields: Any) -> list[Body]:
    return [event(type_, response={**RESPONSE, **fields}) for type_ in (CREATED, IN_PROGRESS)]


def end(bodies: Iterable[Body], type_: str = COMPLETED, **fields: Any) -> list[Body]:
    """These events, and the terminal event with what they have made."""
    bodies = list(bodies)
    output = [body["item"] for body in bodies if body["type"] == DONE]
    status = type_.removeprefix("response.")
    return [
        *bodies,
        event(type_, response={**RESPONSE, "status": status, "output": output, "usage": USAGE, **fields}),
    ]


def reasoning(index: int = 0, id_: str = "rs_1") -> list[Body]:
    place = {"output_index": index, "item_id": id_, "summary_index": 0}
    item = {"id": id_, "type": "reasoning", "summary": []}
    part = {"type": "summary_text", "text": "Hmm, so"}
    return [
        event(ADDED, output_index=index, item=item),
        event(SUMMARY_ADDED, **place, part={**part, "text": ""}),
        event(SUMMARY, **place, delta="Hmm"),
        event(SUMMARY, **place, delta=", so"),
        event(SUMMARY_TEXT, **place, text="Hmm, so"),
        event(SUMMARY_DONE, **place, part=part),
        event(DONE, output_index=index, item={**item, "summary": [part]}),
    ]


def message(index: int = 0, id_: str = "msg_1") -> list[Body]:
    place = {"output_index": index, "item_id": id_, "content_index": 0}
    item = {"id": id_, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "Hello you", "annotations": [CITATION], "logprobs": []}
    return [
        event(ADDED, output_index=index, item=item),
        event(PART_ADDED, **place, part={**part, "text": "", "annotations": []}),
        event(TEXT, **place, delta="Hello", logprobs=[]),
        event(ANNOTATION, **place, annotation_index=0, annotation=CITATION),
        event(TEXT, **place, delta=" you", logprobs=[]),
        event(TEXT_DONE, **place, text="Hello you", logprobs=[]),
        event(PART_DONE, **place, part=part),
        event(DONE, output_index=index, item={**item, "status": "completed", "content": [part]}),
    ]


def call(index: int = 0, id_: str = "fc_1", call_id: str = "call_1") -> list[Body]:
    place = {"output_index": index, "item_id": id_}
    item = {"id": id_, "type": "function_call", "status": "in_progress", "call_id": call_id, "name": "f"}
    return [
        event(ADDED, output_index=index, item={**item, "arguments": ""}),
        event(ARGUMENTS, **place, delta='{"a"'),
        event(ARGUMENTS, **place, delta=": 1}"),
        event(ARGUMENTS_DONE, **place, arguments='{"a": 1}'),
        event(DONE, output_index=index, item={**item, "status": "completed", "arguments": '{"a": 1}'}),
    ]


def tool(type_: str, *steps: str, index: int = 0, id_: str = "t_1", **fields: Any) -> list[Body]:
    """A tool call with some of its status events, given by their last names."""
    item = {"id": id_, "type": type_, **fields}
    place = {"output_index": index, "item_id": id_}
    return [
        event(ADDED, output_index=index, item={**item, "status": "in_progress"}),
        *(event(f"response.{type_}.{step}", **place) for step in steps),
        event(DONE, output_index=index, item={**item, "status": "completed"}),
    ]


def legal() -> list[Body]:
    """A stream in which there is a bit of everything, one after the other."""
    return end([*head(), *reasoning(0), *message(1), *call(2)])


def findings_of(bodies: Iterable[Body]) -> list[Finding]:
    """Number the events that have no number, and check them."""
    numbered = ({"sequence_number": number, **body} for number, body in enumerate(bodies))
    sent = [{key: value for key, value in body.items() if value is not ABSENT} for body in numbered]
    return check(Event.from_object(json.dumps(body), body) for body in sent)


def codes(findings: Iterable[Finding]) -> list[str]:
    """The codes, each with the first letter of its level."""
    return [f"{finding.code} {finding.level[0]}" for finding in findings]


def at(bodies: list[Body], type_: str, nth: int = 0) -> int:
    return [number for number, body in enumerate(bodies) if body["type"] == type_][nth]


def drop(type_: str, nth: int = 0) -> Edit:
    return lambda bodies: bodies.pop(at(bodies, type_, nth))


def repeat(type_: str, nth: int = 0) -> Edit:
    return lambda bodies: bodies.insert(at(bodies, type_, nth), bodies[at(bodies, type_, nth)])


def swap(type_: str, nth: int = 0) -> Edit:
    """Let an event and the one after it change places."""

    def edit(bodies: list[Body]) -> None:
        here = at(bodies, type_, nth)
        bodies[here : here + 2] = reversed(bodies[here : here + 2])

    return edit


def put(type_: str, nth: int = 0, **fields: Any) -> Edit:
    """Change fields of an event; a name like item__content__0__text leads inside."""

    def edit(bodies: list[Body]) -> None:
        for path, value in fields.items():
            *way, last = path.split("__")
            place: Any = bodies[at(bodies, type_, nth)]
            for step in way:
                place = place[int(step) if step.isdigit() else step]
            place[last] = value

    return edit


def insert(before: str, body: Body, nth: int = 0) -> Edit:
    return lambda bodies: bodies.insert(at(bodies, before, nth), body)


def everywhere(field: str, value: object = ABSENT) -> Edit:
    return lambda bodies: [body.update({field: value}) for body in bodies if field in body]


def numbers(*numbers: object) -> Edit:
    """Give the first events these numbers."""

    def edit(bodies: list[Body]) -> None:
        for body, number in zip(bodies, numbers, strict=False):
            body["sequence_number"] = number

    return edit


def unnumbered(type_: str) -> Edit:
    """Number all events but those of one type."""

    def edit(bodies: list[Body]) -> None:
        count = itertools.count()
        for body in bodies:
            body["sequence_number"] = ABSENT if body["type"] == type_ else next(count)

    return edit


def all_of(*edits: Edit) -> Edit:
    return lambda bodies: [edit(bodies) for edit in edits]


def instead(bodies: Iterable[Body]) -> Edit:
    """Another stream altogether."""
    new = list(bodies)

    def edit(bodies: list[Body]) -> None:
        bodies[:] = new

    return edit


def from_(type_: str, nth: int = 0) -> Edit:
    """Only the end of the stream, with its numbers."""

    def edit(bodies: list[Body]) -> None:
        numbers(*range(len(bodies)))(bodies)
        del bodies[: at(bodies, type_, nth)]

    return edit


IMAGE = tool("image_generation_call", "in_progress", "generating", "completed")
PREVIEW = event(
    "response.image_generation_call.partial_image",
    output_index=0,
    item_id="t_1",
    partial_image_index=1,
    partial_image_b64="AA==",
)
SEARCH = tool("web_search_call", "in_progress", "searching", "completed")
LISTING = tool("mcp_list_tools", "in_progress", "completed")
WHY = {"error": {"code": "server_error", "message": "no"}}


def custom_call() -> list[Body]:
    """A call of a custom tool: like a function's, but its arguments are its input."""
    text = json.dumps(call()).replace("function_call_arguments", "custom_tool_call_input")
    text = text.replace("function_call", "custom_tool_call").replace('"arguments"', '"input"')
    bodies: list[Body] = json.loads(text)
    return bodies


def commands() -> list[Body]:
    """A shell call of two commands, and what they print."""
    shell = {"id": "sh_1", "type": "shell_call", "status": "in_progress", "call_id": "c"}
    output = {"id": "sho_1", "type": "shell_call_output", "status": "completed", "call_id": "c"}
    printed = [{"stdout": text, "stderr": "", "outcome": {"type": "exit"}} for text in ("a", "b")]
    bodies = [event(ADDED, output_index=0, item={**shell, "action": {"commands": []}})]
    for number, text in enumerate(("ls", "pwd")):
        place = {"output_index": 0, "command_index": number}
        bodies.append(event("response.shell_call_command.added", **place, command=""))
        bodies.append(event("response.shell_call_command.delta", **place, delta=text))
        bodies.append(event("response.shell_call_command.done", **place, command=text))
    shell = {**shell, "status": "completed", "action": {"commands": ["ls", "pwd"]}}
    bodies.append(event(DONE, output_index=0, item=shell))
    bodies.append(event(ADDED, output_index=1, item={**output, "output": []}))
    for number, entry in enumerate(printed):
        place = {"output_index": 1, "item_id": "sho_1", "command_index": number}
        delta = {"stdout": entry["stdout"]}
        bodies.append(event("response.shell_call_output_content.delta", **place, delta=delta))
        bodies.append(event("response.shell_call_output_content.done", **place, output=[entry]))
    return [*bodies, event(DONE, output_index=1, item={**output, "output": printed})]


def patch() -> list[Body]:
    """A patch: its diff grows."""
    place = {"output_index": 0, "item_id": "apc_1"}
    item = {"id": "apc_1", "type": "apply_patch_call", "call_id": "c"}
    name = "response.apply_patch_call_operation_diff"
    return [
        event(ADDED, output_index=0, item={**item, "operation": {"type": "update_file", "diff": ""}}),
        event(f"{name}.delta", **place, delta="+a"),
        event(f"{name}.done", **place, diff="+a"),
        event(DONE, output_index=0, item={**item, "operation": {"type": "update_file", "diff": "+a"}}),
    ]


MESSAGE_PART = {"output_index": 1, "item_id": "msg_1", "content_index": 0}
REASONING_PART = {"output_index": 0, "item_id": "rs_1", "content_index": 0}
VLLM_PART = {"type": "reasoning_text", "text": "Hmm"}
VLLM_REASONING = [
    event(ADDED, output_index=0, item={"id": "rs_1", "type": "reasoning", "summary": [], "content": []}),
    event("response.reasoning_part.added", **REASONING_PART, part={**VLLM_PART, "text": ""}),
    event("response.reasoning_text.delta", **REASONING_PART, delta="Hmm"),
    event("response.reasoning_text.done", **REASONING_PART, text="Hmm"),
    event("response.reasoning_part.done", **REASONING_PART, part=VLLM_PART),
    event(
        DONE, output_index=0, item={"id": "rs_1", "type": "reasoning", "summary": [], "content": [VLLM_PART]}
    ),
]


def search_of_client() -> list[Body]:
    """A call whose id is known only when it is done."""
    before, after = tool("tool_search_call", call_id=None, arguments={})
    after["item"]["call_id"] = "call_1"
    return [before, after]


LEGAL: list[tuple[str, list[Body]]] = [
    ("of everything", legal()),
    ("of an answer alone", end([*head(), *message()])),
    ("without any item", end(head())),
    (
        "that waits",
        [
            *(event(type_, response={**RESPONSE, "status": "queued"}) for type_ in (CREATED, QUEUED)),
            *end([head()[1], *message()]),
        ],
    ),
    ("with keepalive", [*head(), event("keepalive"), *end(message())]),
    ("of tools", end([*head(), *SEARCH, *tool("compaction", "compacting", index=1, id_="t_2")])),
    ("with a preview", end([*head(), *IMAGE[:3], {**PREVIEW, "partial_image_index": 0}, *IMAGE[3:]])),
    ("of a custom tool", end([*head(), *custom_call()])),
    ("of commands", end([*head(), *commands()])),
    ("of a patch", end([*head(), *patch()])),
    ("of an item without events of its own", end([*head(), *tool("local_shell_call")])),
    ("whose call_id comes late", end([*head(), *search_of_client()])),
    ("that fails", [*head(), event("error", error={"message": "no"}), *end([], FAILED, **WHY)]),
    ("that ends with an error", [*head(), event("error", error={"message": "no"})]),
    ("that was cancelled", end(head(), FAILED, status="cancelled")),
    ("cut off", end([*head(), *message()], INCOMPLETE, incomplete_details={"reason": "max_output_tokens"})),
    ("that a WebSocket refuses", [event("error", error={"message": "no"}, sequence_number=ABSENT)]),
    ("that was steered", [*legal(), event("response.steer.accepted", steer={}, sequence_number=0)]),
]


@pytest.mark.parametrize("bodies", [bodies for _, bodies in LEGAL], ids=[name for name, _ in LEGAL])
def test_nothing_is_said_of_a_legal_stream(bodies: list[Body]) -> None:
    assert findings_of(bodies) == []


CASES: list[tuple[str, Edit, list[str]]] = [
    # the order of events
    ("without its first event", drop(CREATED), ["RS101 e"]),
    ("without its first events, in the end", from_(TEXT), ["RS101 e"]),
    ("without response.in_progress", drop(IN_PROGRESS), ["RS102 e"]),
    ("with a second response.created", repeat(CREATED), ["RS103 e"]),
    ("with a second response.in_progress", repeat(IN_PROGRESS), ["RS103 e"]),
    (
        "with response.queued too late",
        insert(TEXT, event(QUEUED, response={**RESPONSE, "status": "queued"})),
        ["RS103 e"],
    ),
    (
        "with an item after an error",
        insert(TEXT, event("error", error={"message": "m"})),
        ["RS103 e"],
    ),
    ("with a second end", repeat(COMPLETED), ["RS104 e"]),
    ("with several events after its end", lambda it: it.extend(message(3)), ["RS104 e"]),
    ("with an unknown event after its end", lambda it: it.append(event("response.tea")), ["RS104 e"]),
    ("with keepalive after its end", lambda it: it.append(event("keepalive")), ["RS105 w"]),
    ("without its end", drop(COMPLETED), ["RS106 e"]),
    ("without anything", lambda it: it.clear(), ["RS106 e"]),
    ("without response.output_item.added", drop(ADDED, 1), ["RS107 e"]),
    ("with an event of a closed item", insert(ADDED, reasoning()[2], 1), ["RS107 e"]),
    ("with an item that is done twice", repeat(DONE, 1), ["RS107 e"]),
    ("with an item that is done before it is added", swap(ADDED, 1), ["RS107 e"]),
    ("without response.content_part.added", drop(PART_ADDED), ["RS108 e"]),
    ("with a delta before its part", swap(PART_ADDED), ["RS108 e"]),
    ("without response.reasoning_summary_part.added", drop(SUMMARY_ADDED), ["RS108 e"]),
    ("with a summary's delta before its part", swap(SUMMARY_ADDED), ["RS108 e"]),
    ("with a delta of a closed part", insert(DONE, message(1)[2], 1), ["RS108 e"]),
    ("with a delta after the whole text", swap(TEXT, 1), ["RS401 e", "RS109 e"]),
    ("with a delta after the whole arguments", swap(ARGUMENTS, 1), ["RS401 e", "RS109 e"]),
    (
        "with a tool's status that goes back",
        instead(end([*head(), *SEARCH[:3], SEARCH[1], *SEARCH[3:]])),
        ["RS109 e"],
    ),
    (
        "with a refusal in a text",
        insert(TEXT, event("response.refusal.delta", **MESSAGE_PART, delta="x")),
        ["RS110 e"],
    ),
    ("with arguments in a message", insert(TEXT, event(ARGUMENTS, **MESSAGE_PART, delta="x")), ["RS110 e"]),
    ("without a tool's status", instead(end([*head(), SEARCH[0], *SEARCH[2:]])), ["RS111 w"]),
    ("without any of a tool's statuses", instead(end([*head(), *tool("mcp_list_tools")])), ["RS111 w"]),
    ("without the whole text", drop(TEXT_DONE), ["RS112 e"]),
    ("without the whole summary", drop(SUMMARY_TEXT), ["RS112 e"]),
    ("without the whole arguments", drop(ARGUMENTS_DONE), ["RS112 e"]),
    (
        "without the whole input of a custom tool",
        instead(end([*head(), *custom_call()[:3], *custom_call()[4:]])),
        ["RS112 w"],
    ),
    ("without response.output_item.done", drop(DONE, 2), ["RS113 e"]),
    (
        "with a listing that is never closed",
        instead(
            end([*head(), *LISTING[:-1], *message(1)], output=[LISTING[-1]["item"], message()[-1]["item"]])
        ),
        ["RS115 i", "RS113 w"],
    ),
    ("that fails in an item", instead(end([*head(), *message()[:3]], FAILED, **WHY)), ["RS113 i"]),
    ("without response.content_part.done", drop(PART_DONE), ["RS114 e"]),
    ("whose items overlap", swap(DONE, 1), ["RS115 i"]),
    (
        "that was resumed",
        all_of(put(COMPLETED, response__background=True), from_(TEXT)),
        ["RS116 i"],
    ),
    (
        "that was resumed between a part and its item",
        all_of(put(COMPLETED, response__background=True), from_(DONE, 1)),
        ["RS116 i"],
    ),
    # numbers
    ("that starts at 3", numbers(3, *range(4, 40)), ["RS201 e"]),
    ("that starts at 1", numbers(*range(1, 40)), ["RS201 w"]),
    ("with a gap", all_of(numbers(*range(40)), drop(TEXT)), ["RS202 e", "RS401 e"]),
    ("with one number out of line", put(TEXT, sequence_number=70), ["RS202 e"]),
    ("with one number twice", put(TEXT, 1, sequence_number=11), ["RS203 e"]),
    ("with events in another order", all_of(numbers(*range(40)), swap(ANNOTATION)), ["RS202 e", "RS203 e"]),
    ("with an event without number", put(TEXT, sequence_number=ABSENT), ["RS204 e"]),
    ("with a first event without number", put(CREATED, sequence_number=ABSENT), ["RS204 e"]),
    ("without numbers", numbers(*[ABSENT] * 40), ["RS205 w"]),
    ("whose second item is at 2", put(ADDED, 1, output_index=2), ["RS206 e"]),
    ("with an item at a place that is taken", put(ADDED, 1, output_index=0), ["RS207 e"]),
    ("with an item that is added twice", repeat(ADDED, 1), ["RS207 e"]),
    ("with an output_index that is another's", put(TEXT, output_index=0), ["RS208 e"]),
    ("with an output_index that is nobody's", put(TEXT, output_index=7), ["RS208 e"]),
    ("whose first part is at 1", put(PART_ADDED, content_index=1), ["RS209 e", "RS209 e"]),
    ("with a delta of another part", put(TEXT, content_index=1), ["RS209 e"]),
    ("with a part that is closed by another number", put(PART_DONE, content_index=1), ["RS209 e"]),
    ("with a part that is added twice", repeat(PART_ADDED), ["RS209 e"]),
    ("with a second annotation at 0", put(ANNOTATION, annotation_index=1), ["RS210 e"]),
    ("without any output_index", everywhere("output_index"), ["RS211 w"]),
    ("without any content_index", everywhere("content_index"), ["RS211 w"]),
    ("with a first preview at 1", instead(end([*head(), *IMAGE[:3], PREVIEW, *IMAGE[3:]])), ["RS212 w"]),
    # ids
    ("with another response.id at its end", put(COMPLETED, response__id="resp_2"), ["RS301 e"]),
    ("with another response.id at its start", put(CREATED, response__id="resp_2"), ["RS301 e"]),
    ("with another item_id", put(TEXT, item_id="msg_2"), ["RS302 e"]),
    ("with another id of the item when it is done", put(DONE, 1, item__id="msg_2"), ["RS303 e", "RS305 e"]),
    ("without the id of the item when it is done", put(DONE, 1, item__id=None), ["RS303 e"]),
    ("with another call_id", put(DONE, 2, item__call_id="call_2"), ["RS304 e", "RS408 e"]),
    ("with another name of the function", put(DONE, 2, item__name="g"), ["RS304 w", "RS408 e"]),
    ("with another id in the final output", put(COMPLETED, response__output__1__id="msg_2"), ["RS305 e"]),
    (
        "whose final output is in another order",
        lambda it: it[-1]["response"]["output"].reverse(),
        ["RS305 e"],
    ),
    ("with one id for two items", instead(end([*head(), *message(), *message(1)])), ["RS307 w"]),
    # contents
    ("without a delta", drop(TEXT), ["RS401 e"]),
    ("with another delta", put(TEXT, delta="hello"), ["RS401 e"]),
    ("with a delta twice", repeat(ARGUMENTS), ["RS401 e"]),
    ("with another text at the end of the text", put(TEXT_DONE, text="Hello You"), ["RS401 e", "RS402 e"]),
    ("with another text in the part", put(PART_DONE, part__text="Hello You"), ["RS402 e", "RS403 e"]),
    (
        "with another text in the item",
        put(DONE, 1, item__content__0__text="Hello You"),
        ["RS403 e", "RS408 e"],
    ),
    (
        "with another annotation in the item",
        put(DONE, 1, item__content__0__annotations=[]),
        ["RS403 w", "RS408 e"],
    ),
    ("with another summary in the item", put(DONE, 0, item__summary__0__text="?"), ["RS403 e", "RS408 e"]),
    ("with other arguments in the item", put(DONE, 2, item__arguments="{}"), ["RS404 e", "RS408 e"]),
    ("with other arguments at their end", put(ARGUMENTS_DONE, arguments="{}"), ["RS401 e", "RS404 e"]),
    (
        "with other commands in the item",
        all_of(instead(end([*head(), *commands()])), put(DONE, item__action__commands=["ls"])),
        ["RS404 e", "RS408 e"],
    ),
    (
        "with other output of a command in the item",
        all_of(instead(end([*head(), *commands()])), put(DONE, 1, item__output__0__stdout="b")),
        ["RS404 e", "RS408 e"],
    ),
    (
        "with another diff in the item",
        all_of(instead(end([*head(), *patch()])), put(DONE, item__operation__diff="-a")),
        ["RS404 e", "RS408 e"],
    ),
    ("without a part in the item", put(DONE, 1, item__content=[]), ["RS405 e", "RS408 e"]),
    (
        "with reasoning that has come without events",
        instead(end([*head(), reasoning()[0], reasoning()[-1]])),
        ["RS405 w"],
    ),
    (
        "with other annotations in the part",
        put(PART_DONE, part__annotations__0__url="?"),
        ["RS406 e", "RS403 w"],
    ),
    ("without annotations in the part", put(PART_DONE, part__annotations=[]), ["RS406 e", "RS403 w"]),
    ("without events of its annotations", drop(ANNOTATION), ["RS406 w"]),
    ("without an item in the final output", lambda it: it[-1]["response"]["output"].pop(0), ["RS407 e"]),
    (
        "with another text in the final output",
        put(COMPLETED, response__output__1__content__0__text="Hello You"),
        ["RS408 e"],
    ),
    ("with less in the final output", put(COMPLETED, response__output__1__role=None), ["RS408 e"]),
    ("with more in the final output", put(COMPLETED, response__output__0__format="x"), ["RS408 w"]),
    ("with an empty final output", put(COMPLETED, response__output=[]), ["RS409 w"]),
    ("without a final output", put(COMPLETED, response__output=None), ["RS409 w"]),
    ("with arguments without deltas", all_of(drop(ARGUMENTS), drop(ARGUMENTS)), ["RS410 w"]),
    ("with a part that begins with text", put(PART_ADDED, part__text="Hello you"), ["RS412 w"]),
    ("with arguments that begin with text", put(ADDED, 2, item__arguments="{"), ["RS412 w"]),
    (
        "with text that began before its deltas",
        all_of(put(PART_ADDED, part__text="Hello"), drop(TEXT)),
        ["RS412 w"],
    ),
    ("with an empty delta", insert(TEXT, event(TEXT, **MESSAGE_PART, delta="", logprobs=[])), ["RS411 i"]),
    # fields of the response and its items
    ("that is completed and says in_progress", put(COMPLETED, response__status="in_progress"), ["RS501 e"]),
    ("that is created and says completed", put(CREATED, response__status="completed"), ["RS501 e"]),
    ("whose settings change", put(IN_PROGRESS, response__temperature=0), ["RS502 w"]),
    ("whose settings change at its end", put(COMPLETED, response__temperature=0), ["RS502 w"]),
    ("whose settings are left out", put(IN_PROGRESS, response__store=True), ["RS502 i"]),
    ("with usage before its end", put(IN_PROGRESS, response__usage=USAGE), ["RS503 w"]),
    ("with output before its end", put(CREATED, response__output=[{}]), ["RS503 w"]),
    ("with another model at its end", put(COMPLETED, response__model="n"), ["RS504 w"]),
    ("with another time at its end", put(COMPLETED, response__created_at=2), ["RS504 w"]),
    ("with an item done in progress", put(DONE, 2, item__status="in_progress"), ["RS505 w", "RS408 e"]),
    ("with an item of an unknown status", put(ADDED, 2, item__status="brewing"), ["RS505 w"]),
    ("with an item that becomes another", put(DONE, 1, item__type="reasoning"), ["RS506 e", "RS408 e"]),
    ("with a part that becomes another", put(PART_DONE, part__type="refusal"), ["RS506 e", "RS403 w"]),
    ("that fails for no reason", instead(end(head(), FAILED)), ["RS507 w"]),
    ("that is incomplete for no reason", instead(end(head(), INCOMPLETE)), ["RS507 w"]),
    ("without usage", put(COMPLETED, response__usage=None), ["RS508 w"]),
    # fields
    ("without an item_id", put(TEXT, item_id=ABSENT), ["RS601 e"]),
    ("without one output_index", put(TEXT, output_index=ABSENT), ["RS601 e"]),
    ("without its first output_index", put(ADDED, output_index=ABSENT), ["RS601 e"]),
    ("without its first content_index", put(PART_ADDED, content_index=ABSENT), ["RS601 e"]),
    ("without a delta's delta", put(TEXT, delta=ABSENT), ["RS601 e", "RS401 e"]),
    ("without the type of an item", put(ADDED, 1, item__type=None), ["RS601 e"]),
    ("without response.id", put(CREATED, response__id=None), ["RS601 e"]),
    (
        "with an error whose code is a number",
        instead([*head(), event("error", error={"message": "no", "code": 429})]),
        ["RS602 w"],
    ),
    ("with an output_index in quotes", put(TEXT, output_index="1"), ["RS602 e"]),
    ("with a null response", put(IN_PROGRESS, response=None), ["RS602 e"]),
    ("with a number that is none", put(TEXT, sequence_number=True), ["RS602 e", "RS204 e"]),
    ("with logprobs that are none", put(TEXT, logprobs={}), ["RS602 e"]),
    ("without logprobs", everywhere("logprobs"), ["RS603 w"]),
    ("with padding of one delta", put(TEXT, obfuscation="x" * 11), ["RS604 w"]),
    (
        "with padding of the wrong length",
        all_of(
            *(put(type_, nth, obfuscation="x" * 9) for type_ in (SUMMARY, TEXT, ARGUMENTS) for nth in (0, 1)),
            put(TEXT, obfuscation="x" * 11),
        ),
        ["RS605 i"],
    ),
    ("with a flat error", instead([*head(), event("error", message="no")]), ["RS606 i"]),
    ("with an error that says nothing", instead([*head(), event("error", error={})]), ["RS601 e"]),
    # what nobody knows
    (
        "with unknown events",
        all_of(insert(TEXT, event("response.tea")), insert(TEXT, event("response.tea"))),
        ["RS901 i"],
    ),
    (
        "with an unknown event without a number",
        all_of(insert(TEXT, event("tea")), unnumbered("tea")),
        ["RS901 i"],
    ),
    ("with an unknown item", instead(end([*head(), *tool("tea_call", "brewing")])), ["RS902 i", "RS901 i"]),
    (
        "with an unknown part",
        all_of(put(PART_ADDED, part__type="tea"), put(PART_DONE, part__type="tea")),
        ["RS903 i"],
    ),
    (
        "with parts of vLLM",
        instead(end([*head(), *VLLM_REASONING])),
        ["RS904 i", "RS904 i"],
    ),
    ("with limits of Codex", all_of(insert(TEXT, event(LIMITS)), unnumbered(LIMITS)), ["RS904 i"]),
]


@pytest.mark.parametrize(("edit", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_is_found_and_nothing_else(edit: Edit, expected: list[str]) -> None:
    bodies = legal()
    edit(bodies)
    assert codes(findings_of(bodies)) == expected


def test_each_rule_has_a_case() -> None:
    found = {code.split()[0] for _, _, expected in CASES for code in expected}
    assert found == set(RULES) - OF_FILES - {"RS306"}  # which is a dialect's


def uniquely_named() -> list[Body]:
    """A stream whose ids are others in every event, as GitHub Copilot's are."""
    bodies, ids = legal(), itertools.count()

    def rename(value: Any) -> None:
        if isinstance(value, dict):
            value.update({key: f"opaque{next(ids)}" for key in ("id", "item_id") if key in value})
            for member in value.values():
                rename(member)
        elif isinstance(value, list):
            for member in value:
                rename(member)

    rename(bodies)
    return bodies


def without_parts(bodies: list[Body]) -> list[Body]:
    return [body for body in bodies if body["type"] not in (SUMMARY_ADDED, SUMMARY_DONE)]


def of_ollama() -> list[Body]:
    """A message that is never closed gives its output_index to a call; the time is taken anew."""
    bodies = end([*head(), *without_parts(reasoning()), *message(1)[:3], *call(1)])
    bodies[-1]["response"]["created_at"] = 2
    return bodies


def of_llama_cpp() -> list[Body]:
    """No numbers and no indexes, items closed only at the end, and few .done events."""
    minimal = {"id": "resp_1", "object": "response", "status": "in_progress"}
    start = [event(type_, response=minimal) for type_ in (CREATED, IN_PROGRESS, IN_PROGRESS)]
    thought = {**VLLM_REASONING[-1]["item"], "status": "completed", "encrypted_content": ""}
    opening = [
        event(ADDED, item={**thought, "content": []}),
        event("response.reasoning_text.delta", item_id="rs_1", delta="Hmm"),
        *message()[:3],
        message()[4],
        *call()[:3],
    ]
    part = {"type": "output_text", "text": "Hello you", "annotations": []}
    closing = [
        event(DONE, item=thought),
        event(TEXT_DONE, item_id="msg_1", text="Hello you"),
        event(PART_DONE, item_id="msg_1", part=part),
        event(DONE, item={**message()[-1]["item"], "content": [part]}),
        call()[-1],
    ]
    bodies = end([*start, *opening, *closing])
    for field in ("output_index", "content_index", "logprobs", "annotations"):
        everywhere(field)(bodies)
    numbers(*[ABSENT] * len(bodies))(bodies)
    return bodies


def of_gateway() -> list[Body]:
    """vLLM behind a gateway: reasoning without parts, a final output with fewer fields."""
    thought = {"id": "rs_1", "type": "reasoning", "summary": [], "content": [VLLM_PART]}
    bodies = end(
        [
            *head(),
            VLLM_REASONING[0],
            *VLLM_REASONING[2:4],
            event(DONE, output_index=0, item=thought),
            *message(1),
        ]
    )
    bodies[-1] = deepcopy(bodies[-1])
    final = bodies[-1]["response"]
    final["created_at"] = 4
    final["output"][0].update(encrypted_content=None, status=None)
    del final["output"][1]["content"][0]["logprobs"]
    return bodies


def of_openrouter() -> list[Body]:
    """Some items get their ids only in the final output."""
    bodies = deepcopy(end([*head(id="gen-1-a"), *reasoning(0, "rs_tmp_1"), *message(1)], id="gen-1-a"))
    bodies[-1]["response"]["output"][0].update(id="rs_9", format="openai-responses-v1")
    return bodies


def of_vllm() -> list[Body]:
    """The parts of reasoning are opened as those of a message; the final output is made anew."""
    id_ = "resp_0123456789abcdef"
    bodies = deepcopy(end([*head(id=id_), *VLLM_REASONING, *call(1)], id=id_))
    for body, step in zip(bodies[3:7:3], ("added", "done"), strict=True):
        body["type"] = f"response.content_part.{step}"
    bodies[3]["part"]["type"] = "output_text"
    bodies[-1]["response"]["output"][1].update(id="fc_9", call_id="call_9")
    return bodies


def of_llama_stack() -> list[Body]:
    id_ = "resp_0ea1b2c3-0000-4000-8000-0123456789ab"
    bodies = [body for body in message() if body["type"] != TEXT_DONE]
    return end([*head(id=id_), *bodies], id=id_)


def of_early_openai() -> list[Body]:
    bodies = legal()
    everywhere("logprobs")(bodies)
    numbers(*[ABSENT] * len(bodies))(bodies)
    return bodies


def of_xai() -> list[Body]:
    calls = [call(number, f"fc_{number}", f"call_{number}") for number in range(3)]
    return end([*head(), *(body for step in zip(*calls, strict=True) for body in step)])


DIALECTS: list[tuple[str, list[Body], list[str]]] = [
    ("OpenAI in early 2025", of_early_openai(), ["RS205 w", "RS603 w"]),
    ("Azure", end([*head(), *SEARCH[:3], *tool("web_search_call")[1:]]), ["RS111 w"]),
    ("Codex", end(legal()[:-1], output=[]), ["RS409 w"]),
    ("GitHub Copilot", uniquely_named(), ["RS306 w"]),
    ("xAI", of_xai(), ["RS115 i"]),
    ("OpenRouter", of_openrouter(), ["RS305 w", "RS408 w"]),
    ("LM Studio", end([*head(), call()[0], *call()[3:]]), ["RS410 w"]),
    ("Ollama", of_ollama(), ["RS108 w", "RS115 i", "RS207 w", "RS504 w"]),
    (
        "llama.cpp",
        of_llama_cpp(),
        ["RS103 w", "RS115 i", "RS108 w", "RS112 w", "RS205 w", "RS211 w", "RS211 w", "RS603 w"],
    ),
    ("vLLM behind a gateway", of_gateway(), ["RS108 w", "RS504 w", "RS408 w"]),
    ("vLLM", of_vllm(), ["RS110 w", "RS305 w", "RS408 w"]),
    ("Llama Stack", of_llama_stack(), ["RS112 w"]),
]


@pytest.mark.parametrize(
    ("bodies", "expected"), [case[1:] for case in DIALECTS], ids=[case[0] for case in DIALECTS]
)
def test_what_real_producers_do_is_never_an_error(bodies: list[Body], expected: list[str]) -> None:
    assert codes(findings_of(bodies)) == expected


def test_a_dialect_is_named_in_the_message() -> None:
    *_, finding = findings_of(of_llama_stack())
    assert finding.message == (
        "response.content_part.done: content part 0 of msg_1 has come without response.output_text.done "
        "(Llama Stack leaves out response.output_text.done)"
    )


def test_a_mistake_in_a_dialect_is_still_an_error() -> None:
    bodies = of_ollama()
    put(SUMMARY, delta="?")(bodies)
    assert "RS401 e" in codes(findings_of(bodies))


MESSAGES: list[tuple[Edit, str, str]] = [
    (drop(CREATED), IN_PROGRESS, "the stream has not begun; expected response.created"),
    (drop(IN_PROGRESS), ADDED, "expected response.in_progress before it"),
    (
        repeat(CREATED),
        CREATED,
        "the response is created; expected response.queued, response.in_progress, response.failed or error",
    ),
    (
        drop(COMPLETED),
        "the stream ends without a terminal event",
        "expected response.completed, response.incomplete or response.failed",
    ),
    (drop(PART_ADDED), TEXT, "content part 0 of msg_1 is not open; expected response.content_part.added"),
    (drop(ADDED, 1), PART_ADDED, "no item at output_index 1 is open; expected response.output_item.added"),
    (swap(TEXT, 1), TEXT_DONE, 'text has " you" after 5 characters, expected its end, as the deltas have it'),
    (drop(PART_DONE), DONE, "content part 0 of msg_1 is still open; expected response.content_part.done"),
    (put(TEXT, sequence_number=70), TEXT, "sequence_number is 70, expected 11"),
    (
        put(DONE, 2, item__arguments='{"a": 2}'),
        DONE,
        'item.arguments has "2}" after 6 characters, expected "1}" (fc_1)',
    ),
    (
        put(COMPLETED, response__output__1__role=None),
        COMPLETED,
        'response.output[1].role is missing, expected "assistant", as in response.output_item.done (msg_1)',
    ),
    (put(TEXT, output_index="1"), TEXT, "output_index is a string, expected an integer"),
]


@pytest.mark.parametrize(("edit", "what", "message"), MESSAGES)
def test_a_message_says_what_happened_and_what_was_expected(edit: Edit, what: str, message: str) -> None:
    bodies = legal()
    edit(bodies)
    ends = ": " if what in EVENT_TYPES else "; "
    assert f"{what}{ends}{message}" in [finding.message for finding in findings_of(bodies)]


def test_a_finding_comes_with_the_event_that_shows_it() -> None:
    bodies = legal()
    put(TEXT, delta="hello")(bodies)
    checker = SequenceChecker()
    given = {}
    for number, body in enumerate(bodies):
        body["sequence_number"] = number
        for finding in checker.receive(Event.from_object(json.dumps(body), body)):
            given[number] = finding
    assert checker.finish() == []
    where = at(bodies, TEXT_DONE)
    assert list(given) == [where]
    assert given[where].event == where


def test_a_finding_that_needs_later_evidence_is_about_the_earlier_event() -> None:
    bodies = legal()
    drop(SUMMARY_ADDED)(bodies)
    (finding,) = findings_of(bodies)
    assert finding.event == at(bodies, SUMMARY)


def test_findings_are_in_the_order_of_events_and_those_of_the_stream_are_last() -> None:
    bodies = legal()
    everywhere("logprobs")(bodies)
    put(ADDED, output_index=ABSENT)(bodies)
    put(TEXT, delta="?")(bodies)
    found = findings_of(bodies)
    assert [finding.event for finding in found] == [at(bodies, ADDED), at(bodies, TEXT_DONE), None]


def test_an_event_without_a_type_in_its_text_is_known_by_its_name() -> None:
    bodies = legal()
    texts = [json.dumps({"sequence_number": number, **body}) for number, body in enumerate(bodies)]
    nameless = json.loads(texts[0])
    del nameless["type"]
    first = Event.parse(json.dumps(nameless), CREATED)
    found = check([first, *(Event.parse(text) for text in texts[1:])])
    assert codes(found) == ["RS601 e"]


def streams_in(folder: Path) -> list[Any]:
    store = Store([folder]) if folder.is_dir() else None
    turns = [turn for name in store.names for turn in store.turns(name)] if store else []
    return [pytest.param(turn, id=turn.name) for turn in turns if not turn.plain]


@pytest.mark.parametrize("turn", streams_in(ROOT / "fixtures"))
def test_nothing_is_said_of_our_own_recordings_unless_they_are_cut_on_purpose(turn: Any) -> None:
    expected = ["RS106 e"] if turn.name == "scripts/cut" else []
    assert codes(check(timed.event for timed in turn.events)) == expected


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no ../shared/recordings")
@pytest.mark.parametrize("turn", streams_in(PUBLISHED))
def test_published_recordings_have_no_errors(turn: Any) -> None:
    findings = check(timed.event for timed in turn.events)
    assert [finding for finding in findings if finding.level == "error"] == []


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no ../shared/recordings")
def test_a_recording_that_was_cut_by_hand_is_told_so_in_warnings() -> None:
    (name,) = [name for name in Store([PUBLISHED]).names if name.endswith("openai-phase.1.chunks")]
    (turn,) = Store([PUBLISHED]).turns(name)
    found = set(codes(check(timed.event for timed in turn.events)))
    assert found == {"RS202 w", "RS206 w", "RS401 w", "RS603 w"}
