"""TRANSITIONS: the legal order of events in a Responses stream. Data only; `checker` reads it.

How to think about it
---------------------

A stream is one state machine with many small ones inside: the *response*; in it the output *items*,
several of which may be open at a time; in an item its *parts* (the content parts of a message, the
summary parts of a reasoning item, the commands of a shell call). They are all in one table:

    TRANSITIONS[machine][state][event] -> the next state

`machine` is "response", the type of an item ("message", "web_search_call", ...), or the type of a part
("output_text", "summary_text", ...; "command" for a shell call's).

Rule 1: each event belongs to one machine, and moves only that. `EventType` shows which: the event of a part
has one of the fields PART_INDEXES, the event of an item has an `output_index` and none of those, all others
belong to the response. The events that open and close an item or part belong to that item or part:
`response.output_item.added` is the first step of an item, `response.content_part.done` the last of a part.

Rule 2: the enclosing machine must allow it. In the response, ITEM stands for any event of an item (and AUDIO
for an audio event): so items live only while the response is RUNNING. In an item, PART stands for any event
of a part.

Rule 3: an absent key is the error. The keys that are there were allowed instead, so a message can always name
them.

Rule 4: a machine in a final state (one without transitions) is closed. To close an item its parts must be
closed, to complete a response its items must.

Rule 5: `keepalive`, other events of the connection, and unknown types are in no machine. They change nothing
at any place. (After the end nothing should come at all.)

Rule 6: states are named after what has happened, and there is one for each fact that a later event depends
on. An event that may be repeated leads to the same state.

The table is OpenAI's order. Other producers leave steps out: `check.machines.missing` finds which ones, and
the checker judges that. Facts about other producers are in `check.dialects`.

Sources: the API reference, and streams recorded from OpenAI and Azure. A tool call that was never recorded
(`computer_call`, ...) has no events of its own in the API, so it is added, and done.
"""

from collections.abc import Mapping
from enum import StrEnum

from respool.protocol.event_types import ITEM_TYPES


class MachineState(StrEnum):
    """The state of a machine."""

    START = "start"
    # the response
    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    ERRORED = "errored"
    # an item or a part
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    SEARCHING = "searching"
    INTERPRETING = "interpreting"
    GENERATING = "generating"
    GROWING = "growing"  # deltas have come
    WHOLE = "whole"  # its text is complete
    FINISHED = "finished"  # its tool has completed
    # all of them
    CLOSED = "closed"


ITEM = "an event of an output item"
PART = "an event of a part"
AUDIO = "an audio event"  # typed and never recorded; they name no item

_ADDED = {"response.output_item.added": MachineState.OPEN}
_DONE = {"response.output_item.done": MachineState.CLOSED}

Machine = Mapping[MachineState, Mapping[str, MachineState]]

_RESPONSE: Machine = {
    MachineState.START: {
        "response.created": MachineState.CREATED,
        "error": MachineState.CLOSED,  # a WebSocket refuses a request with it
    },
    MachineState.CREATED: {
        "response.queued": MachineState.QUEUED,
        "response.in_progress": MachineState.RUNNING,
        "response.failed": MachineState.CLOSED,
        "error": MachineState.ERRORED,
    },
    MachineState.QUEUED: {
        "response.in_progress": MachineState.RUNNING,
        "response.failed": MachineState.CLOSED,
        "error": MachineState.ERRORED,
    },
    MachineState.RUNNING: {
        ITEM: MachineState.RUNNING,
        AUDIO: MachineState.RUNNING,
        "response.completed": MachineState.CLOSED,
        "response.incomplete": MachineState.CLOSED,
        "response.failed": MachineState.CLOSED,
        "error": MachineState.ERRORED,
    },
    MachineState.ERRORED: {"response.failed": MachineState.CLOSED},
    MachineState.CLOSED: {},
}

_ITEMS: Mapping[str, Machine] = {
    "message": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {PART: MachineState.OPEN, **_DONE},
        MachineState.CLOSED: {},
    },
    "reasoning": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {PART: MachineState.OPEN, **_DONE},
        MachineState.CLOSED: {},
    },
    "function_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {
            "response.function_call_arguments.delta": MachineState.OPEN,
            "response.function_call_arguments.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: _DONE,
        MachineState.CLOSED: {},
    },
    "custom_tool_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {
            "response.custom_tool_call_input.delta": MachineState.OPEN,
            "response.custom_tool_call_input.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: _DONE,
        MachineState.CLOSED: {},
    },
    "web_search_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.web_search_call.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {"response.web_search_call.searching": MachineState.SEARCHING},
        MachineState.SEARCHING: {"response.web_search_call.completed": MachineState.FINISHED},
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "file_search_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.file_search_call.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {"response.file_search_call.searching": MachineState.SEARCHING},
        MachineState.SEARCHING: {"response.file_search_call.completed": MachineState.FINISHED},
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "code_interpreter_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.code_interpreter_call.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {
            "response.code_interpreter_call_code.delta": MachineState.IN_PROGRESS,
            "response.code_interpreter_call_code.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: {"response.code_interpreter_call.interpreting": MachineState.INTERPRETING},
        MachineState.INTERPRETING: {"response.code_interpreter_call.completed": MachineState.FINISHED},
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "image_generation_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.image_generation_call.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {"response.image_generation_call.generating": MachineState.GENERATING},
        MachineState.GENERATING: {
            "response.image_generation_call.partial_image": MachineState.GENERATING,
            "response.image_generation_call.completed": MachineState.FINISHED,
        },
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "mcp_list_tools": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.mcp_list_tools.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {
            "response.mcp_list_tools.completed": MachineState.FINISHED,
            "response.mcp_list_tools.failed": MachineState.FINISHED,
        },
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "mcp_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.mcp_call.in_progress": MachineState.IN_PROGRESS},
        MachineState.IN_PROGRESS: {
            "response.mcp_call.in_progress": MachineState.IN_PROGRESS,  # OpenAI has sent it twice
            "response.mcp_call_arguments.delta": MachineState.IN_PROGRESS,
            "response.mcp_call_arguments.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: {
            "response.mcp_call.completed": MachineState.FINISHED,
            "response.mcp_call.failed": MachineState.FINISHED,
        },
        MachineState.FINISHED: _DONE,
        MachineState.CLOSED: {},
    },
    "shell_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {PART: MachineState.OPEN, **_DONE},
        MachineState.CLOSED: {},
    },
    "shell_call_output": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {PART: MachineState.OPEN, **_DONE},
        MachineState.CLOSED: {},
    },
    "apply_patch_call": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {
            "response.apply_patch_call_operation_diff.delta": MachineState.GROWING,
            "response.apply_patch_call_operation_diff.done": MachineState.WHOLE,
            **_DONE,  # a file that is deleted has no diff
        },
        MachineState.GROWING: {
            "response.apply_patch_call_operation_diff.delta": MachineState.GROWING,
            "response.apply_patch_call_operation_diff.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: _DONE,
        MachineState.CLOSED: {},
    },
    "compaction": {
        MachineState.START: _ADDED,
        MachineState.OPEN: {"response.compaction.compacting": MachineState.OPEN, **_DONE},
        MachineState.CLOSED: {},
    },
}

_WITHOUT_EVENTS: Machine = {MachineState.START: _ADDED, MachineState.OPEN: _DONE, MachineState.CLOSED: {}}

_CONTENT_ADDED = {"response.content_part.added": MachineState.OPEN}
_CONTENT_DONE = {"response.content_part.done": MachineState.CLOSED}

_PARTS: Mapping[str, Machine] = {
    "output_text": {
        MachineState.START: _CONTENT_ADDED,
        MachineState.OPEN: {
            "response.output_text.delta": MachineState.OPEN,
            "response.output_text.annotation.added": MachineState.OPEN,
            "response.output_text.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: _CONTENT_DONE,
        MachineState.CLOSED: {},
    },
    "refusal": {
        MachineState.START: _CONTENT_ADDED,
        MachineState.OPEN: {
            "response.refusal.delta": MachineState.OPEN,
            "response.refusal.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: _CONTENT_DONE,
        MachineState.CLOSED: {},
    },
    "reasoning_text": {
        MachineState.START: {**_CONTENT_ADDED, "response.reasoning_part.added": MachineState.OPEN},
        MachineState.OPEN: {
            "response.reasoning_text.delta": MachineState.OPEN,
            "response.reasoning_text.done": MachineState.WHOLE,
            "response.reasoning.delta": MachineState.OPEN,
            "response.reasoning.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: {**_CONTENT_DONE, "response.reasoning_part.done": MachineState.CLOSED},
        MachineState.CLOSED: {},
    },
    "summary_text": {
        MachineState.START: {"response.reasoning_summary_part.added": MachineState.OPEN},
        MachineState.OPEN: {
            "response.reasoning_summary_text.delta": MachineState.OPEN,
            "response.reasoning_summary_text.done": MachineState.WHOLE,
        },
        MachineState.WHOLE: {"response.reasoning_summary_part.done": MachineState.CLOSED},
        MachineState.CLOSED: {},
    },
    "command": {
        MachineState.START: {"response.shell_call_command.added": MachineState.OPEN},
        MachineState.OPEN: {
            "response.shell_call_command.delta": MachineState.OPEN,
            "response.shell_call_command.done": MachineState.CLOSED,
        },
        MachineState.CLOSED: {},
    },
    "command_output": {
        MachineState.START: {
            "response.shell_call_output_content.delta": MachineState.OPEN,
            "response.shell_call_output_content.done": MachineState.CLOSED,
        },
        MachineState.OPEN: {
            "response.shell_call_output_content.delta": MachineState.OPEN,
            "response.shell_call_output_content.done": MachineState.CLOSED,
        },
        MachineState.CLOSED: {},
    },
}

TRANSITIONS: Mapping[str, Machine] = {
    "response": _RESPONSE,
    **{name: _ITEMS.get(name, _WITHOUT_EVENTS) for name in ITEM_TYPES},
    **_PARTS,
}

PART_TYPES = frozenset(_PARTS)
