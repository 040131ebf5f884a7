"""EVENT_TYPES and ITEM_TYPES: every event and every output item of the Responses API, as two tables.

The order of events is in `transitions`. A test compares both tables with the unions of the openai package, to
find the new types of its new releases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class EventKind(StrEnum):
    """The effect of an event."""

    LIFECYCLE = "lifecycle"  # the response as a whole goes on
    TERMINAL = "terminal"  # the response ends
    ERROR = "error"
    ITEM = "item"  # an output item opens or closes
    PART = "part"  # a part of an item opens or closes
    DELTA = "delta"  # a fragment
    DONE = "done"  # all fragments in one
    STATUS = "tool-status"
    CONNECTION = "connection"  # of the connection, not of a response: allowed at any place


class EventOrigin(StrEnum):
    """The sender of an event, and whether SDKs know it."""

    PACKAGE = "openai package"  # in its union of stream events
    WIRE = "OpenAI, in no union"  # on the wire, and unknown to the SDKs
    BETA = "OpenAI beta"
    CODEX = "Codex"
    OPEN_RESPONSES = "Open Responses"
    VLLM = "vLLM"


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event. `required` and `optional` give the JSON type of each field."""

    name: str
    kind: EventKind
    items: frozenset[str]  # the item types with these events; empty: any item, or none
    required: Mapping[str, str]
    optional: Mapping[str, str]
    transports: tuple[str, ...]
    origin: EventOrigin
    # The field that gives the index of the event's part in its item; None: the event is of the item itself.
    index: str | None = field(init=False)
    of_item: bool = field(init=False)  # True if the event is of an item, or of a part of one

    def __post_init__(self) -> None:
        index = next((name for name in PART_INDEXES if name in self.required), None)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "of_item", "output_index" in self.required)


@dataclass(frozen=True, slots=True)
class ItemType:
    """One type of output item. Its events are in `transitions.TRANSITIONS`, by its name."""

    name: str
    prefix: str | None  # the prefix of OpenAI's ids; others choose freely
    statuses: tuple[str, ...]  # as in the openai package; empty: the item has no status
    call: bool = False  # whether it has a call_id


PART_INDEXES = ("content_index", "summary_index", "command_index")

# A field has the same JSON type in all events, except where a row gives its own.
_FIELD_TYPES: Mapping[str, str] = {
    name: json_type
    for json_type, names in {
        "integer": "sequence_number output_index content_index summary_index command_index "
        "annotation_index partial_image_index",
        "string": "type item_id delta text refusal arguments input code diff command message param "
        "status reason response_id partial_image_b64 obfuscation background output_format quality size",
        "object": "response item part annotation steer error rate_limits",
        "array": "logprobs output required_input",
    }.items()
    for name in names.split()
}

_SSE_AND_WS = ("sse", "ws")


def _fields(text: str) -> Mapping[str, str]:
    pairs = (field.partition(":") for field in text.split())
    return MappingProxyType({name: json_type or _FIELD_TYPES[name] for name, _, json_type in pairs})


def _row(
    name: str,
    kind: EventKind,
    items: str = "",
    required: str = "",
    optional: str = "",
    *,
    origin: EventOrigin = EventOrigin.PACKAGE,
    transports: tuple[str, ...] = _SSE_AND_WS,
    numbered: bool = True,
) -> EventType:
    number = "sequence_number" if numbered else ""
    fields = _fields(f"type {number} {required}")
    return EventType(name, kind, frozenset(items.split()), fields, _fields(optional), transports, origin)


_ITEM = "output_index item_id"
_CONTENT = "output_index item_id content_index"
_SUMMARY = "output_index item_id summary_index"
_COMMAND = "output_index command_index"  # without item_id
_DONE, _DELTA, _PART, _STATUS = EventKind.DONE, EventKind.DELTA, EventKind.PART, EventKind.STATUS
_CONNECTION = EventKind.CONNECTION

# fmt: off
_ROWS = (
    _row("response.created", EventKind.LIFECYCLE, required="response"),
    _row("response.queued", EventKind.LIFECYCLE, required="response"),
    _row("response.in_progress", EventKind.LIFECYCLE, required="response"),
    _row("response.completed", EventKind.TERMINAL, required="response"),
    _row("response.incomplete", EventKind.TERMINAL, required="response"),
    _row("response.failed", EventKind.TERMINAL, required="response"),
    # Flat in the package; on the wire its fields are nested under "error".
    _row("error", EventKind.ERROR, required="message", optional="code param error status:integer"),
    _row("response.output_item.added", EventKind.ITEM, required="output_index item"),
    _row("response.output_item.done", EventKind.ITEM, required="output_index item"),

    _row("response.content_part.added", _PART, "message reasoning", f"{_CONTENT} part"),
    _row("response.content_part.done", _PART, "message reasoning", f"{_CONTENT} part"),
    _row("response.output_text.delta", _DELTA, "message", f"{_CONTENT} delta logprobs", "obfuscation"),
    _row("response.output_text.annotation.added", _DELTA, "message",
         f"{_CONTENT} annotation_index", "annotation"),
    _row("response.output_text.done", _DONE, "message", f"{_CONTENT} text logprobs"),
    _row("response.refusal.delta", _DELTA, "message", f"{_CONTENT} delta"),
    _row("response.refusal.done", _DONE, "message", f"{_CONTENT} refusal"),
    _row("response.reasoning_text.delta", _DELTA, "reasoning", f"{_CONTENT} delta"),
    _row("response.reasoning_text.done", _DONE, "reasoning", f"{_CONTENT} text"),
    _row("response.reasoning_summary_part.added", _PART, "reasoning", f"{_SUMMARY} part"),
    _row("response.reasoning_summary_part.done", _PART, "reasoning", f"{_SUMMARY} part", "status"),
    _row("response.reasoning_summary_text.delta", _DELTA, "reasoning", f"{_SUMMARY} delta", "obfuscation"),
    _row("response.reasoning_summary_text.done", _DONE, "reasoning", f"{_SUMMARY} text"),

    _row("response.function_call_arguments.delta", _DELTA, "function_call", f"{_ITEM} delta", "obfuscation"),
    _row("response.function_call_arguments.done", _DONE, "function_call", f"{_ITEM} arguments"),
    _row("response.custom_tool_call_input.delta", _DELTA, "custom_tool_call",
         f"{_ITEM} delta", "obfuscation"),
    _row("response.custom_tool_call_input.done", _DONE, "custom_tool_call", f"{_ITEM} input"),
    _row("response.web_search_call.in_progress", _STATUS, "web_search_call", _ITEM),
    _row("response.web_search_call.searching", _STATUS, "web_search_call", _ITEM),
    _row("response.web_search_call.completed", _STATUS, "web_search_call", _ITEM),
    _row("response.file_search_call.in_progress", _STATUS, "file_search_call", _ITEM),
    _row("response.file_search_call.searching", _STATUS, "file_search_call", _ITEM),
    _row("response.file_search_call.completed", _STATUS, "file_search_call", _ITEM),
    _row("response.code_interpreter_call.in_progress", _STATUS, "code_interpreter_call", _ITEM),
    _row("response.code_interpreter_call_code.delta", _DELTA, "code_interpreter_call",
         f"{_ITEM} delta", "obfuscation"),
    _row("response.code_interpreter_call_code.done", _DONE, "code_interpreter_call", f"{_ITEM} code"),
    _row("response.code_interpreter_call.interpreting", _STATUS, "code_interpreter_call", _ITEM),
    _row("response.code_interpreter_call.completed", _STATUS, "code_interpreter_call", _ITEM),
    _row("response.image_generation_call.in_progress", _STATUS, "image_generation_call", _ITEM),
    _row("response.image_generation_call.generating", _STATUS, "image_generation_call", _ITEM),
    _row("response.image_generation_call.partial_image", _DELTA, "image_generation_call",
         f"{_ITEM} partial_image_index partial_image_b64", "background output_format quality size"),
    _row("response.image_generation_call.completed", _STATUS, "image_generation_call", _ITEM),
    _row("response.mcp_list_tools.in_progress", _STATUS, "mcp_list_tools", _ITEM),
    _row("response.mcp_list_tools.completed", _STATUS, "mcp_list_tools", _ITEM),
    _row("response.mcp_list_tools.failed", _STATUS, "mcp_list_tools", _ITEM),
    _row("response.mcp_call.in_progress", _STATUS, "mcp_call", _ITEM),
    _row("response.mcp_call_arguments.delta", _DELTA, "mcp_call", f"{_ITEM} delta", "obfuscation"),
    _row("response.mcp_call_arguments.done", _DONE, "mcp_call", f"{_ITEM} arguments"),
    _row("response.mcp_call.completed", _STATUS, "mcp_call", _ITEM),
    _row("response.mcp_call.failed", _STATUS, "mcp_call", _ITEM),
    _row("response.shell_call_command.added", _PART, "shell_call", f"{_COMMAND} command"),
    _row("response.shell_call_command.delta", _DELTA, "shell_call", f"{_COMMAND} delta", "obfuscation"),
    _row("response.shell_call_command.done", _DONE, "shell_call", f"{_COMMAND} command"),
    _row("response.shell_call_output_content.delta", _DELTA, "shell_call_output",
         f"{_COMMAND} item_id delta:object"),
    _row("response.shell_call_output_content.done", _DONE, "shell_call_output", f"{_COMMAND} item_id output"),
    _row("response.apply_patch_call_operation_diff.delta", _DELTA, "apply_patch_call",
         f"{_ITEM} delta", "obfuscation", origin=EventOrigin.WIRE),
    _row("response.apply_patch_call_operation_diff.done", _DONE, "apply_patch_call", f"{_ITEM} diff",
         origin=EventOrigin.WIRE),
    _row("response.compaction.compacting", _STATUS, "compaction", _ITEM),

    # Typed, but never seen on the wire: they name no item.
    _row("response.audio.delta", _DELTA, required="delta"),
    _row("response.audio.done", _DONE),
    _row("response.audio.transcript.delta", _DELTA, required="delta"),
    _row("response.audio.transcript.done", _DONE),

    _row("keepalive", _CONNECTION, origin=EventOrigin.WIRE, transports=("sse",)),
    _row("response.steer.accepted", _CONNECTION, required="steer", transports=("ws",)),
    _row("response.steer.pending", _CONNECTION, required="steer reason required_input", transports=("ws",)),
    _row("response.steer.failed", _CONNECTION, required="steer error", transports=("ws",)),
    _row("response.inject.created", _CONNECTION,
         required="response_id", origin=EventOrigin.BETA, transports=("ws",)),
    _row("response.inject.failed", _CONNECTION,
         required="response_id error input:array", origin=EventOrigin.BETA, transports=("ws",)),
    _row("codex.rate_limits", _CONNECTION,
         optional="rate_limits", origin=EventOrigin.CODEX, transports=("ws",), numbered=False),
    _row("codex.response.metadata", _CONNECTION,
         optional="headers:object", origin=EventOrigin.CODEX, transports=("ws",), numbered=False),
    _row("response.metadata", _CONNECTION, origin=EventOrigin.CODEX, transports=("ws",), numbered=False),
    _row("responsesapi.websocket_timing", _CONNECTION,
         optional="timing_metrics:object", origin=EventOrigin.CODEX, transports=("ws",), numbered=False),

    _row("response.reasoning.delta", _DELTA, "reasoning", f"{_CONTENT} delta", "obfuscation",
         origin=EventOrigin.OPEN_RESPONSES),
    _row("response.reasoning.done", _DONE, "reasoning", f"{_CONTENT} text",
         origin=EventOrigin.OPEN_RESPONSES),
    _row("response.reasoning_part.added", _PART, "reasoning", f"{_CONTENT} part", origin=EventOrigin.VLLM),
    _row("response.reasoning_part.done", _PART, "reasoning", f"{_CONTENT} part", origin=EventOrigin.VLLM),
)

_RUN = ("in_progress", "completed", "incomplete")

_ITEM_ROWS = (
    ItemType("message", "msg_", _RUN),
    ItemType("reasoning", "rs_", _RUN),
    ItemType("function_call", "fc_", _RUN, call=True),
    ItemType("function_call_output", None, _RUN, call=True),
    ItemType("custom_tool_call", "ctc_", (), call=True),
    ItemType("custom_tool_call_output", None, _RUN, call=True),
    ItemType("web_search_call", "ws_", (*_RUN, "searching", "failed")),
    ItemType("file_search_call", "fs_", (*_RUN, "searching", "failed")),
    ItemType("code_interpreter_call", "ci_", (*_RUN, "interpreting", "failed")),
    ItemType("image_generation_call", "ig_", ("in_progress", "completed", "generating", "failed")),
    ItemType("mcp_list_tools", "mcpl_", ()),
    ItemType("mcp_call", "mcp_", (*_RUN, "calling", "failed")),
    ItemType("mcp_approval_request", "mcpr_", ()),
    ItemType("mcp_approval_response", None, ()),
    ItemType("shell_call", "sh_", _RUN, call=True),
    ItemType("shell_call_output", "sho_", _RUN, call=True),
    ItemType("local_shell_call", "lsh_", _RUN, call=True),
    ItemType("local_shell_call_output", None, _RUN),
    ItemType("apply_patch_call", "apc_", ("in_progress", "completed"), call=True),
    ItemType("apply_patch_call_output", None, ("completed", "failed"), call=True),
    ItemType("computer_call", None, _RUN, call=True),
    ItemType("computer_call_output", None, (*_RUN, "failed"), call=True),
    ItemType("tool_search_call", "tsc_", _RUN, call=True),
    ItemType("tool_search_output", "tso_", _RUN, call=True),
    ItemType("additional_tools", None, ()),
    ItemType("compaction", "cmp_", ()),
    ItemType("program", "cm_", (), call=True),
    ItemType("program_output", "cmo_", ("completed", "incomplete"), call=True),
)
# fmt: on

EVENT_TYPES: Mapping[str, EventType] = MappingProxyType({row.name: row for row in _ROWS})
ITEM_TYPES: Mapping[str, ItemType] = MappingProxyType({row.name: row for row in _ITEM_ROWS})

# All statuses that an item may have.
STATUSES = frozenset(status for row in _ITEM_ROWS for status in row.statuses)
