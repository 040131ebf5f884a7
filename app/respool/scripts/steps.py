"""The steps of a Script as a table, with the fields of each. Names are the API's own: types of items, and
their fields."""

from collections.abc import Mapping
from typing import Any

from respool.option_types import FLAG, choice_type, number_type, whole_type
from respool.protocol.event_types import ITEM_TYPES
from respool.scripts.records import OneKey, Record
from respool.scripts.value_types import (
    Either,
    JsonText,
    ListOf,
    MapOf,
    Object,
    PictureFile,
    Text,
    ValueOf,
    ValueType,
)

DAY = 24 * 3600  # seconds
TEXT = Text()
TEXTS = ListOf(TEXT, single=True)
COUNT = ValueOf(whole_type())
OBJECT = Object()
JSON_TEXT = JsonText(about="A mapping becomes compact JSON; text is taken as it is.")
CALL_ID = Text(about="Made from the seed if it is absent.")


DELTAS = ListOf(COUNT, about="The lengths of all deltas in order; an empty list: there are none.")
# Items whose texts are sent as deltas.
GROWING = (
    "message reasoning function_call custom_tool_call code_interpreter_call mcp_call shell_call "
    "apply_patch_call"
).split()


def _item(type: str, fields: Mapping[str, ValueType], about: str, **options: Any) -> Record:
    item = ITEM_TYPES[type]
    common: dict[str, ValueType] = {"id": Text(about="Made from the seed if it is absent.")}
    if item.call:
        common["call_id"] = CALL_ID
    if item.statuses:
        common["status"] = ValueOf(choice_type(item.statuses))
    if type in GROWING:
        common["deltas"] = DELTAS
    return Record({**fields, **common}, about=about, **options)


ANNOTATION = Record(
    {
        "type": ValueOf(
            choice_type(("url_citation", "file_citation", "container_file_citation", "file_path"))
        ),
        "quote": Text(about="Words of the text that are cited: start_index and end_index (or index) follow."),
        "url": TEXT,
        "title": TEXT,
        "file_id": TEXT,
        "filename": TEXT,
        "container_id": TEXT,
        "index": COUNT,
        "start_index": COUNT,
        "end_index": COUNT,
    },
    required=("type",),
    exclusive=(("quote", "start_index"), ("quote", "index")),
)
_LOGPROB: dict[str, ValueType] = {
    "token": TEXT,
    "logprob": ValueOf(number_type(None, 0)),
    "bytes": ListOf(COUNT),
}
_TOP_LOGPROBS = ListOf(Record(_LOGPROB, required=("token",)))
_TEXT_PART: dict[str, ValueType] = {
    "text": TEXT,
    "annotations": ListOf(ANNOTATION),
    "logprobs": Either(
        (ValueOf(FLAG), ListOf(Record({**_LOGPROB, "top_logprobs": _TOP_LOGPROBS}, required=("token",)))),
        about="true makes them up; a list also says how the text is cut: one delta for each token.",
    ),
}
PART = OneKey(
    {
        "output_text": Record(_TEXT_PART, short="text", required=("text",)),
        "refusal": TEXT,
    },
    what="content part",
)

_NAMED: dict[str, ValueType] = {"name": TEXT, "namespace": TEXT, "caller": OBJECT}
_MCP: dict[str, ValueType] = {"server_label": TEXT, "name": TEXT, "arguments": JSON_TEXT}
_EXEC = Record(
    {
        "command": TEXTS,
        "env": MapOf(TEXT),
        "timeout_ms": COUNT,
        "user": TEXT,
        "working_directory": TEXT,
    },
    short="command",
    required=("command",),
)
_COMMANDS = Record(
    {"commands": TEXTS, "timeout_ms": COUNT, "max_output_length": COUNT},
    short="commands",
    required=("commands",),
)
_SHELL_OUTPUT = Record(
    {"stdout": TEXT, "stderr": TEXT, "outcome": Object(required=("type",))}, short="stdout"
)
_TOOL = Record(
    {"name": TEXT, "description": TEXT, "input_schema": OBJECT, "annotations": OBJECT},
    short="name",
    required=("name",),
)

ITEMS: Mapping[str, Record] = {
    "message": _item(
        "message",
        {
            **_TEXT_PART,
            "content": ListOf(PART, about="Several parts, instead of text."),
            "phase": ValueOf(choice_type(("commentary", "final_answer"))),
        },
        "The model says something.",
        short="text",
        exclusive=(("text", "content"), ("annotations", "content"), ("logprobs", "content")),
    ),
    "reasoning": _item(
        "reasoning",
        {
            "summary": ListOf(TEXT, single=True, about="The parts of the summary."),
            "content": ListOf(TEXT, single=True, about="Raw reasoning, as open models show it."),
            "encrypted_content": Either((ValueOf(FLAG), TEXT), about="true makes it up."),
        },
        "The model reasons. It may be empty, as it is most of the time.",
        short="summary",
        optional=True,
    ),
    "function_call": _item(
        "function_call",
        {**_NAMED, "arguments": JSON_TEXT},
        "The model calls a function.",
        required=("name",),
    ),
    "custom_tool_call": _item(
        "custom_tool_call",
        {**_NAMED, "input": TEXT, "status": TEXT},
        "The model calls a tool whose input is free text.",
        required=("name",),
    ),
    "web_search_call": _item(
        "web_search_call",
        {"query": TEXT, "action": Object(required=("type",))},
        "A search of the web: a query, or an action of the API.",
        short="query",
        exclusive=(("query", "action"),),
    ),
    "file_search_call": _item(
        "file_search_call",
        {"queries": TEXTS, "results": ListOf(OBJECT)},
        "A search of files.",
        short="queries",
        required=("queries",),
    ),
    "code_interpreter_call": _item(
        "code_interpreter_call",
        {
            "code": TEXT,
            "outputs": ListOf(Either((TEXT, OBJECT)), single=True, about="Text is what the code printed."),
            "container_id": TEXT,
        },
        "Code is run.",
        short="code",
        required=("code",),
    ),
    "image_generation_call": _item(
        "image_generation_call",
        {
            "file": PictureFile(about="A PNG, WebP or JPEG file at or below the Script's folder."),
            "result": Text(about="The picture as base64, instead of a file."),
            "partial_images": Either(
                (ValueOf(whole_type(high=3)), ListOf(PictureFile())),
                about="How many previews, or the files with them.",
            ),
            **dict.fromkeys(
                ("revised_prompt", "size", "quality", "background", "output_format", "action"), TEXT
            ),
        },
        "A picture is made; without file and result it is one transparent pixel.",
        short="file",
        exclusive=(("file", "result"),),
        optional=True,
    ),
    "mcp_list_tools": _item(
        "mcp_list_tools",
        {"server_label": TEXT, "tools": ListOf(_TOOL), "error": TEXT},
        "The tools of an MCP server are listed; with an error, that fails.",
        required=("server_label",),
    ),
    "mcp_call": _item(
        "mcp_call",
        {**_MCP, "output": TEXT, "error": Either((TEXT, OBJECT)), "approval_request_id": TEXT},
        "A tool of an MCP server is called; with an error, that fails.",
        required=("server_label", "name"),
        exclusive=(("output", "error"),),
    ),
    "mcp_approval_request": _item(
        "mcp_approval_request",
        _MCP,
        "The model asks whether it may call a tool of an MCP server.",
        required=("server_label", "name"),
    ),
    "computer_call": _item(
        "computer_call",
        {
            "action": Object(required=("type",)),
            "actions": ListOf(Object(required=("type",))),
            "pending_safety_checks": ListOf(OBJECT),
        },
        "The model uses a computer.",
        exclusive=(("action", "actions"),),
    ),
    "local_shell_call": _item(
        "local_shell_call",
        {"action": _EXEC},
        "A command for the client's shell: its words.",
        short="action",
        required=("action",),
    ),
    "shell_call": _item(
        "shell_call",
        {"action": _COMMANDS, "environment": OBJECT, "caller": OBJECT},
        "Commands for a shell.",
        short="action",
        required=("action",),
    ),
    "shell_call_output": _item(
        "shell_call_output",
        {"output": ListOf(_SHELL_OUTPUT, single=True), "max_output_length": COUNT, "caller": OBJECT},
        "What the commands of the shell_call before it printed, one entry each.",
        short="output",
        required=("output",),
    ),
    "apply_patch_call": _item(
        "apply_patch_call",
        {
            "operation": Record(
                {
                    "type": ValueOf(choice_type(("create_file", "update_file", "delete_file"))),
                    "path": TEXT,
                    "diff": TEXT,
                },
                required=("type", "path"),
            ),
            "caller": OBJECT,
        },
        "A file should be changed.",
        required=("operation",),
    ),
    "tool_search_call": _item(
        "tool_search_call",
        {"arguments": OBJECT, "execution": ValueOf(choice_type(("server", "client")))},
        "The model looks for tools.",
        optional=True,
    ),
    "tool_search_output": _item(
        "tool_search_output",
        {"tools": ListOf(OBJECT), "execution": ValueOf(choice_type(("server", "client")))},
        "The tools that were found.",
        required=("tools",),
    ),
    "compaction": _item(
        "compaction",
        {"encrypted_content": TEXT, "compacting": ValueOf(whole_type(high=100), about="How many events.")},
        "The conversation so far is compacted.",
        optional=True,
    ),
    "program": _item(
        "program",
        {"code": TEXT, "fingerprint": TEXT},
        "A program that calls tools.",
        short="code",
        required=("code",),
    ),
    "program_output": _item(
        "program_output",
        {"result": TEXT},
        "What the program before it gave.",
        short="result",
        required=("result",),
    ),
}

STEPS: Mapping[str, ValueType] = {
    **ITEMS,
    "refusal": Text(about="The model refuses: a message with a refusal part."),
    "item": Object(("type",), about="Any output item, literally: added, then done."),
    "event": Object(("type",), about="Any event, literally; sequence_number is filled in if it is absent."),
    "pause": ValueOf(number_type(high=DAY, unit="s"), about="Seconds of silence before what follows."),
}
STEP = OneKey(STEPS, what="step")
