"""Writers for calls of tools that the service runs itself."""

import base64
from collections.abc import Mapping
from typing import Any

from respool.protocol.events import compact
from respool.scripts import Picture
from respool.scripts.pictures import PIXEL, inspect
from respool.scripts.synth.writer import ItemWriter, Writer

Fields = Mapping[str, Any]


def web_search_call(writer: Writer, given: Fields) -> None:
    action = given.get("action")
    if action is None:
        query = given.get("query", "")
        action = {"type": "search", "queries": [query], "query": query}
    # The service sends the query when the search is done, and only the type before.
    known = {"type": action["type"]} if action["type"] in ("search", "open_page") else action
    item = ItemWriter(writer, "web_search_call", given, status="in_progress", action=known)
    _statuses(item, "web_search_call", "in_progress", "searching")
    writer.spend(compact(action))
    item.done(action=action, status=item.status())


def file_search_call(writer: Writer, given: Fields) -> None:
    item = ItemWriter(writer, "file_search_call", given, status="in_progress", queries=[], results=None)
    _statuses(item, "file_search_call", "in_progress", "searching")
    results = given.get("results")
    queries = list(given["queries"])
    writer.spend(*queries)
    item.done(queries=queries, results=None if results is None else list(results), status=item.status())


def _statuses(item: ItemWriter, prefix: str, *names: str) -> None:
    """Write a tool's events of progress; the last one only if the item ends as completed."""
    for name in names:
        item.event(f"{prefix}.{name}")
    if item.status() == "completed":
        item.event(f"{prefix}.completed")


def code_interpreter_call(writer: Writer, given: Fields) -> None:
    outputs = [
        {"type": "logs", "logs": output} if isinstance(output, str) else output
        for output in given.get("outputs", ())
    ]
    item = ItemWriter(
        writer,
        "code_interpreter_call",
        given,
        status="in_progress",
        code="",
        container_id=given.get("container_id") or writer.ids.new("cntr_"),
        outputs=[] if outputs else None,
    )
    item.event("code_interpreter_call.in_progress")
    item.text("code_interpreter_call_code", "code", given["code"])
    _statuses(item, "code_interpreter_call", "interpreting")
    item.done(code=given["code"], outputs=outputs or None, status=item.status())


def image_generation_call(writer: Writer, given: Fields) -> None:
    picture = _picture(given)
    look = {
        "background": given.get("background", "opaque"),
        "output_format": given.get("output_format", picture.format),
        "quality": given.get("quality", "medium"),
        "size": given.get("size", picture.size),
    }
    previews = given.get("partial_images", 0)
    if isinstance(previews, int):
        previews = [picture] * previews
    item = ItemWriter(writer, "image_generation_call", given, status="in_progress")
    item.event("image_generation_call.in_progress")
    item.event("image_generation_call.generating")
    for number, preview in enumerate(previews):
        item.event(
            "image_generation_call.partial_image",
            partial_image_b64=preview.base64,
            partial_image_index=number,
            **look,
        )
    _statuses(item, "image_generation_call")
    fields = {name: given[name] for name in ("action", "revised_prompt") if name in given}
    item.done(result=picture.base64, status=item.status(), **look, **fields)


def _picture(given: Fields) -> Picture:
    if "result" not in given:
        return given.get("file", PIXEL)  # type: ignore[no-any-return]
    try:
        return Picture("", *inspect(base64.b64decode(given["result"])), given["result"])
    except ValueError:  # a placeholder, most of the time
        return Picture("", "png", 1024, 1024, given["result"])


def mcp_list_tools(writer: Writer, given: Fields) -> None:
    label = given["server_label"]
    item = ItemWriter(writer, "mcp_list_tools", given, server_label=label, tools=[])
    item.event("mcp_list_tools.in_progress")
    item.event("mcp_list_tools.failed" if "error" in given else "mcp_list_tools.completed")
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    usual = {"annotations": None, "description": None, "input_schema": schema}
    changes: dict[str, Any] = {"error": given["error"]} if "error" in given else {}
    item.done(tools=[usual | tool for tool in given.get("tools", ())], **changes)


def mcp_call(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "mcp_call",
        given,
        status="in_progress",
        approval_request_id=given.get("approval_request_id"),
        arguments="",
        error=None,
        name=given["name"],
        output=None,
        server_label=given["server_label"],
    )
    item.event("mcp_call.in_progress")
    arguments = given.get("arguments", "{}")
    item.text("mcp_call_arguments", "arguments", arguments)
    if "error" in given:
        item.event("mcp_call.failed")
        error = given["error"]
        if isinstance(error, str):
            content = [{"type": "text", "text": error}]
            error = {"type": "mcp_tool_execution_error", "content": content}
        item.done(arguments=arguments, error=error, status=item.status("failed"))
    else:
        item.event("mcp_call.completed")
        item.done(arguments=arguments, output=given.get("output", ""), status=item.status())


def mcp_approval_request(writer: Writer, given: Fields) -> None:
    arguments = given.get("arguments", "{}")
    item = ItemWriter(
        writer,
        "mcp_approval_request",
        given,
        arguments=arguments,
        name=given["name"],
        server_label=given["server_label"],
    )
    writer.spend(arguments)
    item.done()
