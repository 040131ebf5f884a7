"""ITEMS: the function that writes each type of output item, from added to done."""

from collections.abc import Callable, Mapping
from typing import Any

from respool.protocol.event_types import ITEM_TYPES
from respool.scripts.synth import client_tools, hosted, messages
from respool.scripts.synth.writer import Writer


def item(writer: Writer, given: Mapping[str, Any]) -> None:
    """Write a literal item: added, then done."""
    known = ITEM_TYPES.get(given["type"])
    item = {"id": writer.ids.new((known and known.prefix) or "item_"), **given}
    index = writer.next_index()
    writer.event("response.output_item.added", item=item, output_index=index)
    writer.output.append(item)
    writer.event("response.output_item.done", item=item, output_index=index)


ITEMS: Mapping[str, Callable[[Writer, Any], None]] = {
    "message": messages.message,
    "reasoning": messages.reasoning,
    "function_call": client_tools.function_call,
    "custom_tool_call": client_tools.custom_tool_call,
    "web_search_call": hosted.web_search_call,
    "file_search_call": hosted.file_search_call,
    "code_interpreter_call": hosted.code_interpreter_call,
    "image_generation_call": hosted.image_generation_call,
    "mcp_list_tools": hosted.mcp_list_tools,
    "mcp_call": hosted.mcp_call,
    "mcp_approval_request": hosted.mcp_approval_request,
    "computer_call": client_tools.computer_call,
    "local_shell_call": client_tools.local_shell_call,
    "shell_call": client_tools.shell_call,
    "shell_call_output": client_tools.shell_call_output,
    "apply_patch_call": client_tools.apply_patch_call,
    "tool_search_call": client_tools.tool_search_call,
    "tool_search_output": client_tools.tool_search_output,
    "compaction": messages.compaction,
    "program": client_tools.program,
    "program_output": client_tools.program_output,
    "item": item,
    "event": Writer.literal,
    "pause": Writer.pause,
}
