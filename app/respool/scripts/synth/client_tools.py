"""Writers for calls of tools that the client runs, and for calls of programs."""

from collections.abc import Mapping
from typing import Any

from respool.protocol.events import compact
from respool.scripts.synth.writer import ItemWriter, Writer

Fields = Mapping[str, Any]


def function_call(writer: Writer, given: Fields) -> None:
    caller = given.get("caller", ...)
    item = ItemWriter(
        writer,
        "function_call",
        given,
        status="in_progress",
        arguments="",
        call_id=_call_id(writer, given, "function_call"),
        caller=caller,
        name=given["name"],
        namespace=given.get("namespace", ...),
    )
    arguments = given.get("arguments", "{}")
    item.text("function_call_arguments", "arguments", arguments)
    by_program = isinstance(caller, dict) and caller.get("type") == "program"
    item.done(arguments=arguments, status=item.status("in_progress" if by_program else "completed"))


def custom_tool_call(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "custom_tool_call",
        given,
        status="in_progress",
        call_id=_call_id(writer, given, "custom_tool_call"),
        caller=given.get("caller", ...),
        input="",
        name=given["name"],
        namespace=given.get("namespace", ...),
    )
    input_ = given.get("input", "")
    item.text("custom_tool_call_input", "input", input_)
    item.done(input=input_, status=item.status())


def computer_call(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "computer_call",
        given,
        status="in_progress",
        action=given.get("action", ...),
        actions=list(given["actions"]) if "actions" in given else ...,
        call_id=_call_id(writer, given, "computer_call"),
        pending_safety_checks=list(given.get("pending_safety_checks", ())),
    )
    writer.spend(compact(given.get("action", item.item.get("actions"))))
    item.done(status=item.status())


def local_shell_call(writer: Writer, given: Fields) -> None:
    action = {"type": "exec", "env": {}, **given["action"], "command": list(given["action"]["command"])}
    item = ItemWriter(
        writer,
        "local_shell_call",
        given,
        status="in_progress",
        action={"type": "exec", "command": [], "env": {}},
        call_id=_call_id(writer, given, "local_shell_call"),
    )
    writer.spend(*action["command"])
    item.done(action=action, status=item.status())


def shell_call(writer: Writer, given: Fields) -> None:
    commands = given["action"]["commands"]
    action = {"commands": [], "max_output_length": None, "timeout_ms": None, **given["action"]}
    item = ItemWriter(
        writer,
        "shell_call",
        given,
        status="in_progress",
        action={**action, "commands": []},
        call_id=_call_id(writer, given, "shell_call"),
        caller=given.get("caller", ...),
        environment=given.get("environment", ...),
    )
    for number, command in enumerate(commands):
        # Only these events do not name their item.
        where = {"command_index": number, "output_index": item.index}
        writer.event("response.shell_call_command.added", command="", **where)
        for piece in writer.pieces(command):
            writer.delta("response.shell_call_command.delta", piece, **where)
        writer.event("response.shell_call_command.done", command=command, **where)
    writer.spend(*commands)
    item.done(action={**action, "commands": list(commands)}, status=item.status())


def shell_call_output(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "shell_call_output",
        given,
        status="completed",
        call_id=_call_id(writer, given, "shell_call_output", of="shell_call"),
        caller=given.get("caller", ...),
        max_output_length=given.get("max_output_length"),
        output=[],
    )
    output = []
    for number, entry in enumerate(given["output"]):
        full = {"outcome": {"type": "exit", "exit_code": 0}, "stderr": "", "stdout": "", **entry}
        for stream in ("stdout", "stderr"):
            if full[stream]:
                delta = {stream: full[stream]}
                item.event("shell_call_output_content.delta", command_index=number, delta=delta)
        item.event("shell_call_output_content.done", command_index=number, output=[full])
        output.append(full)
    item.done(output=output, status=item.status())


def apply_patch_call(writer: Writer, given: Fields) -> None:
    operation = dict(given["operation"])
    if operation["type"] != "delete_file":
        operation.setdefault("diff", "")
    item = ItemWriter(
        writer,
        "apply_patch_call",
        given,
        status="in_progress",
        call_id=_call_id(writer, given, "apply_patch_call"),
        caller=given.get("caller", ...),
        operation=operation | ({"diff": ""} if "diff" in operation else {}),
    )
    if "diff" in operation:
        item.text("apply_patch_call_operation_diff", "diff", operation["diff"])
    item.done(operation=operation, status=item.status())


def tool_search_call(writer: Writer, given: Fields) -> None:
    arguments = given.get("arguments", {})
    item = ItemWriter(
        writer,
        "tool_search_call",
        given,
        status="in_progress",
        arguments={},
        call_id=_search_id(writer, given, None),
        execution=given.get("execution", "server"),
    )
    writer.spend(compact(arguments))
    item.done(arguments=arguments, status=item.status())


def tool_search_output(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "tool_search_output",
        given,
        status="in_progress",
        call_id=_search_id(writer, given, "tool_search_call"),
        execution=given.get("execution", "server"),
        tools=list(given["tools"]),
    )
    item.done(status=item.status())


def _search_id(writer: Writer, given: Fields, of: str | None) -> str | None:
    """Return the call_id of a search. Only a search by the client has one."""
    if given.get("execution") == "client" or "call_id" in given:
        return _call_id(writer, given, "tool_search_call", of)
    return None


def program(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "program",
        given,
        call_id=_call_id(writer, given, "program"),
        code="",
        fingerprint=writer.ciphertext(),
    )
    writer.spend(given["code"])
    item.done(code=given["code"], fingerprint=given.get("fingerprint") or writer.ciphertext())


def program_output(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "program_output",
        given,
        status="completed",
        call_id=_call_id(writer, given, "program_output", of="program"),
        result="",
    )
    item.done(result=given["result"], status=item.status())


def _call_id(writer: Writer, given: Fields, type: str, of: str | None = None) -> str:
    """Return the given call_id, else the one of the last call of type `of`, else a new one."""
    call_id: str = given.get("call_id") or (of and writer.last_call.get(of)) or writer.ids.call()
    writer.last_call[type] = call_id
    return call_id
