"""TEXTS: the texts that arrive as deltas, and the fields that hold them when they are complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class DeltaText:
    """A text that arrives as ``<name>.delta`` events, until ``<name>.done`` has all of it in `field`.

    `path` is its path in the object that holds it: a part of type `part`, or the item itself. A shell call's
    command is only in the event that opens it, and in no object.
    """

    name: str
    field: str
    path: tuple[str, ...]
    part: str | None = None


_ROWS = (
    DeltaText("response.output_text", "text", ("text",), "output_text"),
    DeltaText("response.refusal", "refusal", ("refusal",), "refusal"),
    DeltaText("response.reasoning_text", "text", ("text",), "reasoning_text"),
    DeltaText("response.reasoning", "text", ("text",), "reasoning_text"),  # Open Responses
    DeltaText("response.reasoning_summary_text", "text", ("text",), "summary_text"),
    DeltaText("response.shell_call_command", "command", ("command",), "command"),
    DeltaText("response.function_call_arguments", "arguments", ("arguments",)),
    DeltaText("response.mcp_call_arguments", "arguments", ("arguments",)),
    DeltaText("response.custom_tool_call_input", "input", ("input",)),
    DeltaText("response.code_interpreter_call_code", "code", ("code",)),
    DeltaText("response.apply_patch_call_operation_diff", "diff", ("operation", "diff")),
)

# By the types of their .delta and .done events.
TEXTS: Mapping[str, DeltaText] = MappingProxyType(
    {f"{text.name}.{ending}": text for text in _ROWS for ending in ("delta", "done")}
)
