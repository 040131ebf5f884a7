"""TRANSITIONS: what may follow what in a Responses stream. Data only; `checker` reads it.

How to think about it
---------------------

A stream is one state machine with many small ones inside: the *response*; in it the output *items*,
several of which may be open at a time; in an item its *parts* (the content parts of a message, the
summary parts of a reasoning item, the commands of a shell call). They are all in one table:

    TRANSITIONS[machine][state][event] -> the next state

`machine` is "response", the type of an item ("message", "web_search_call", ...), or the type of a part
("output_text", "summary_text", ...; "command" for a shell call's).

Rule 1: each event is of one machine, and moves that one. `EventType` says which: the event of a part has
one of the fields PART_INDEXES, the event of an item has an `output_index` and none of those, all others are
of the response. What opens a thing and what closes it are events of that thing, not of what it is in:
`response.output_item.added` is the first step of an item, `response.content_part.done` the last of a part.

Rule 2: what is outside must allow it. In the response, ITEM stands for any event of an item (and AUDIO for
those of a sound): so items live only while the response is RUNNING. In an item, PART stands for any event of
a part.

Rule 3: an absent key is the error. What was allowed instead are the keys which are there; so a message can
always name them.

Rule 4: a machine that is at its end (a state with no way out) is closed. To close an item its parts must be
closed, to complete a response its items must.

Rule 5: `keepalive` and all that is of the connection, and types that nobody knows, are in no machine. They
change nothing, wherever they come. (After the end nothing should come at all.)

Rule 6: states are named after what has happened, and there is one for each thing that a later event needs to
know. Where an event may be repeated, it leads to the state itself.

The table is what OpenAI does. Others leave steps out: `checks.machines.missing` finds which ones, and the
checker judges that. What is known of other producers stands in `dialects`.

Sources: the API reference, and streams recorded from OpenAI and Azure. A tool call that was never recorded
(`computer_call`, ...) has no events of its own in the API, so it is added, and done.
"""

from collections.abc import Mapping
from enum import StrEnum

from respool.protocol.event_types import ITEM_TYPES


class State(StrEnum):
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
    FINISHED = "finished"  # so its tool says
    # all of them
    CLOSED = "closed"


ITEM = "an event of an output item"
PART = "an event of a part"
AUDIO = "an audio event"  # typed and never recorded; they name no item

_ADDED = {"response.output_item.added": State.OPEN}
_DONE = {"response.output_item.done": State.CLOSED}

Machine = Mapping[State, Mapping[str, State]]

_RESPONSE: Machine = {
    State.START: {
        "response.created": State.CREATED,
        "error": State.CLOSED,  # a WebSocket refuses a request with it
    },
    State.CREATED: {
        "response.queued": State.QUEUED,
        "response.in_progress": State.RUNNING,
        "response.failed": State.CLOSED,
        "error": State.ERRORED,
    },
    State.QUEUED: {
        "response.in_progress": State.RUNNING,
        "response.failed": State.CLOSED,
        "error": State.ERRORED,
    },
    State.RUNNING: {
        ITEM: State.RUNNING,
        AUDIO: State.RUNNING,
        "response.completed": State.CLOSED,
        "response.incomplete": State.CLOSED,
        "response.failed": State.CLOSED,
        "error": State.ERRORED,
    },
    State.ERRORED: {"response.failed": State.CLOSED},
    State.CLOSED: {},
}

_ITEMS: Mapping[str, Machine] = {
    "message": {
        State.START: _ADDED,
        State.OPEN: {PART: State.OPEN, **_DONE},
        State.CLOSED: {},
    },
    "reasoning": {
        State.START: _ADDED,
        State.OPEN: {PART: State.OPEN, **_DONE},
        State.CLOSED: {},
    },
    "function_call": {
        State.START: _ADDED,
        State.OPEN: {
            "response.function_call_arguments.delta": State.OPEN,
            "response.function_call_arguments.done": State.WHOLE,
        },
        State.WHOLE: _DONE,
        State.CLOSED: {},
    },
    "custom_tool_call": {
        State.START: _ADDED,
        State.OPEN: {
            "response.custom_tool_call_input.delta": State.OPEN,
            "response.custom_tool_call_input.done": State.WHOLE,
        },
        State.WHOLE: _DONE,
        State.CLOSED: {},
    },
    "web_search_call": {
        State.START: _ADDED,
        State.OPEN: {"response.web_search_call.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {"response.web_search_call.searching": State.SEARCHING},
        State.SEARCHING: {"response.web_search_call.completed": State.FINISHED},
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "file_search_call": {
        State.START: _ADDED,
        State.OPEN: {"response.file_search_call.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {"response.file_search_call.searching": State.SEARCHING},
        State.SEARCHING: {"response.file_search_call.completed": State.FINISHED},
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "code_interpreter_call": {
        State.START: _ADDED,
        State.OPEN: {"response.code_interpreter_call.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {
            "response.code_interpreter_call_code.delta": State.IN_PROGRESS,
            "response.code_interpreter_call_code.done": State.WHOLE,
        },
        State.WHOLE: {"response.code_interpreter_call.interpreting": State.INTERPRETING},
        State.INTERPRETING: {"response.code_interpreter_call.completed": State.FINISHED},
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "image_generation_call": {
        State.START: _ADDED,
        State.OPEN: {"response.image_generation_call.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {"response.image_generation_call.generating": State.GENERATING},
        State.GENERATING: {
            "response.image_generation_call.partial_image": State.GENERATING,
            "response.image_generation_call.completed": State.FINISHED,
        },
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "mcp_list_tools": {
        State.START: _ADDED,
        State.OPEN: {"response.mcp_list_tools.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {
            "response.mcp_list_tools.completed": State.FINISHED,
            "response.mcp_list_tools.failed": State.FINISHED,
        },
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "mcp_call": {
        State.START: _ADDED,
        State.OPEN: {"response.mcp_call.in_progress": State.IN_PROGRESS},
        State.IN_PROGRESS: {
            "response.mcp_call.in_progress": State.IN_PROGRESS,  # OpenAI has sent it twice
            "response.mcp_call_arguments.delta": State.IN_PROGRESS,
            "response.mcp_call_arguments.done": State.WHOLE,
        },
        State.WHOLE: {
            "response.mcp_call.completed": State.FINISHED,
            "response.mcp_call.failed": State.FINISHED,
        },
        State.FINISHED: _DONE,
        State.CLOSED: {},
    },
    "shell_call": {
        State.START: _ADDED,
        State.OPEN: {PART: State.OPEN, **_DONE},
        State.CLOSED: {},
    },
    "shell_call_output": {
        State.START: _ADDED,
        State.OPEN: {PART: State.OPEN, **_DONE},
        State.CLOSED: {},
    },
    "apply_patch_call": {
        State.START: _ADDED,
        State.OPEN: {
            "response.apply_patch_call_operation_diff.delta": State.GROWING,
            "response.apply_patch_call_operation_diff.done": State.WHOLE,
            **_DONE,  # a file that is deleted has no diff
        },
        State.GROWING: {
            "response.apply_patch_call_operation_diff.delta": State.GROWING,
            "response.apply_patch_call_operation_diff.done": State.WHOLE,
        },
        State.WHOLE: _DONE,
        State.CLOSED: {},
    },
    "compaction": {
        State.START: _ADDED,
        State.OPEN: {"response.compaction.compacting": State.OPEN, **_DONE},
        State.CLOSED: {},
    },
}

_WITHOUT_EVENTS: Machine = {State.START: _ADDED, State.OPEN: _DONE, State.CLOSED: {}}

_CONTENT_ADDED = {"response.content_part.added": State.OPEN}
_CONTENT_DONE = {"response.content_part.done": State.CLOSED}

_PARTS: Mapping[str, Machine] = {
    "output_text": {
        State.START: _CONTENT_ADDED,
        State.OPEN: {
            "response.output_text.delta": State.OPEN,
            "response.output_text.annotation.added": State.OPEN,
            "response.output_text.done": State.WHOLE,
        },
        State.WHOLE: _CONTENT_DONE,
        State.CLOSED: {},
    },
    "refusal": {
        State.START: _CONTENT_ADDED,
        State.OPEN: {"response.refusal.delta": State.OPEN, "response.refusal.done": State.WHOLE},
        State.WHOLE: _CONTENT_DONE,
        State.CLOSED: {},
    },
    "reasoning_text": {
        State.START: {**_CONTENT_ADDED, "response.reasoning_part.added": State.OPEN},
        State.OPEN: {
            "response.reasoning_text.delta": State.OPEN,
            "response.reasoning_text.done": State.WHOLE,
            "response.reasoning.delta": State.OPEN,
            "response.reasoning.done": State.WHOLE,
        },
        State.WHOLE: {**_CONTENT_DONE, "response.reasoning_part.done": State.CLOSED},
        State.CLOSED: {},
    },
    "summary_text": {
        State.START: {"response.reasoning_summary_part.added": State.OPEN},
        State.OPEN: {
            "response.reasoning_summary_text.delta": State.OPEN,
            "response.reasoning_summary_text.done": State.WHOLE,
        },
        State.WHOLE: {"response.reasoning_summary_part.done": State.CLOSED},
        State.CLOSED: {},
    },
    "command": {
        State.START: {"response.shell_call_command.added": State.OPEN},
        State.OPEN: {
            "response.shell_call_command.delta": State.OPEN,
            "response.shell_call_command.done": State.CLOSED,
        },
        State.CLOSED: {},
    },
    "command_output": {
        State.START: {
            "response.shell_call_output_content.delta": State.OPEN,
            "response.shell_call_output_content.done": State.CLOSED,
        },
        State.OPEN: {
            "response.shell_call_output_content.delta": State.OPEN,
            "response.shell_call_output_content.done": State.CLOSED,
        },
        State.CLOSED: {},
    },
}

TRANSITIONS: Mapping[str, Machine] = {
    "response": _RESPONSE,
    **{name: _ITEMS.get(name, _WITHOUT_EVENTS) for name in ITEM_TYPES},
    **_PARTS,
}

PART_TYPES = frozenset(_PARTS)
