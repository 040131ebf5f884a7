"""Closing: checks of a closed item and of the final response against the events before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from respool.check.comparison import difference
from respool.check.findings import Level
from respool.check.json_values import array, at_path, mapping, shown, string
from respool.check.open_items import OpenItem
from respool.check.open_parts import OpenPart, text_of
from respool.check.same_ids import SameIds
from respool.check.verdicts import Verdicts
from respool.protocol.transitions import MachineState

_DONE = "response.output_item.done"

# The final statuses of an item.
_FINAL = frozenset({"completed", "incomplete", "failed"})


class Closing:
    """Closes items, and compares their content with the events and with the final response."""

    def __init__(self, report: Verdicts, ids: SameIds) -> None:
        self._report = report
        self._ids = ids

    def close(self, item: OpenItem, data: Mapping[str, Any]) -> None:
        """Close `item` on its `response.output_item.done`."""
        item.value = value = mapping(data, "item")
        item.state = MachineState.CLOSED
        item.parts.close()
        if self._is_another_type(item, value) or item.type is None:
            return
        self._check_constants(item, value)
        self._check_status(item, value)
        self._compare_text(item, value)
        for index, key in (("content_index", "content"), ("summary_index", "summary")):
            self._compare_parts(item, key, item.parts.of(index), array(value, key))
        self._compare_commands(item, value)

    def _is_another_type(self, item: OpenItem, value: Mapping[str, Any]) -> bool:
        before = item.first.get("type")
        if before is None or value.get("type") == before:
            return False
        self._report.add(
            "RS506", f"{_DONE}: {item.name} is a {shown(value.get('type'))}, but began as {shown(before)}"
        )
        return True

    def _check_constants(self, item: OpenItem, value: Mapping[str, Any]) -> None:
        if string(item.first, "id") and not string(value, "id"):
            self._report.add("RS303", f"{_DONE}: no item.id, expected {item.name}")
        for key, level in (("call_id", None), ("name", Level.WARNING)):
            before, now = item.first.get(key), value.get(key)
            if before and now != before:
                wrong = f"{_DONE}: {key} of {item.name} is {shown(now)}, expected {shown(before)}"
                self._report.add("RS304", wrong, level)

    def _check_status(self, item: OpenItem, value: Mapping[str, Any]) -> None:
        status = value.get("status")
        # A program's call goes on after the response.
        if isinstance(status, str) and status not in _FINAL and not value.get("caller"):
            self._report.add("RS505", f"{_DONE}: {item.name} is closed with status {status}")

    def _compare_text(self, item: OpenItem, value: Mapping[str, Any]) -> None:
        if item.grows is None or not item.from_start:
            return
        place = ".".join(("item", *item.grows.path))
        if differs := difference(place, item.text.text or "", at_path(value, item.grows.path)):
            self._report.add("RS404", f"{_DONE}: {differs} ({item.name})")

    def _compare_parts(self, item: OpenItem, key: str, parts: Sequence[OpenPart], again: list[Any]) -> None:
        if len(again) != len(parts):
            self._wrong_count(item, key, len(parts), len(again))
            return
        for number, (part, then) in enumerate(zip(parts, again, strict=True)):
            self._compare_part(item, f"item.{key}[{number}]", part, then)

    def _wrong_count(self, item: OpenItem, key: str, came: int, has: int) -> None:
        if not item.from_start:
            return
        # Producers differ in how much of its raw text a finished reasoning item repeats.
        level = Level.WARNING if item.type == "reasoning" and (key == "content" or not came) else None
        self._report.add(
            "RS405", f"{_DONE}: {key} of {item.name} has {has} parts, but {came} have come", level
        )

    def _compare_part(self, item: OpenItem, place: str, part: OpenPart, then: object) -> None:
        text = text_of(part)
        if text is None or not part.from_start:
            return
        expected = at_path(part.value, text.path) if part.value is not None else part.text.text
        path = ".".join((place, *text.path))
        if differs := difference(path, expected or "", at_path(then, text.path)):
            self._report.add("RS403", f"{_DONE}: {differs} ({item.name})")
        elif part.value is not None and (differs := difference(place, part.value, then)) and differs.hard:
            self._report.add("RS403", f"{_DONE}: {differs} ({item.name})", Level.WARNING)

    def _compare_commands(self, item: OpenItem, value: Mapping[str, Any]) -> None:
        parts = item.parts.of("command_index")
        if not parts or not item.from_start:
            return
        if item.type == "shell_call":
            key, expected = "action.commands", [part.text.text or "" for part in parts]
        else:
            key, expected = "output", [entry for part in parts for entry in part.output]
        if differs := difference(f"item.{key}", expected, at_path(value, tuple(key.split(".")))):
            self._report.add("RS404", f"{_DONE}: {differs} ({item.name})")

    def check_open(self, event: str, items: Iterable[OpenItem]) -> None:
        """Report the items that are still open at the end of the response."""
        for item in items:
            if item.state is MachineState.CLOSED or item.given_up:
                continue
            if event != "response.completed":
                level = Level.INFO
            elif item.type == "mcp_list_tools":
                level = Level.WARNING
            else:
                level = Level.ERROR
            self._report.add("RS113", f"{event}: {item.name} is still open; expected {_DONE}", level)

    def compare_output(
        self, event: str, items: Sequence[OpenItem], output: object, *, from_start: bool
    ) -> None:
        """Compare the output of the final response with the items of the stream."""
        expected = [item for item in items if not item.given_up]
        absent = output is None
        output = output if isinstance(output, list) else []
        if not output:
            if expected and event != "response.failed":
                how = "absent" if absent else "empty"
                problem = f"{event}: response.output is {how}, but {len(expected)} items have come"
                self._report.add("RS409", problem)
            return
        if from_start and len(output) != len(expected):
            self._report.add(
                "RS407", f"{event}: response.output has {len(output)} items, but {len(expected)} have come"
            )
        self._compare_items(event, expected, output, in_place=from_start and len(output) == len(expected))

    def _compare_items(
        self, event: str, expected: Sequence[OpenItem], output: Sequence[Any], *, in_place: bool
    ) -> None:
        named = {_id_of(item): item for item in expected}
        for number, value in enumerate(output):
            id_ = string(value, "id") if isinstance(value, dict) else None
            item = expected[number] if in_place and _id_of(expected[number]) == id_ else named.get(id_)
            if in_place and expected[number] is not item:
                self._wrong_id(event, number, expected[number], id_)
                item = item or expected[number]
            elif item and id_ is not None:
                self._ids.agree()
            if item and item.value is not None:
                self._compare_item(event, number, item, value)

    def _wrong_id(self, event: str, number: int, item: OpenItem, id_: object) -> None:
        self._ids.differ(
            ("output",),
            "RS305",
            f"{event}: response.output[{number}].id is {shown(id_)}, expected {item.name}",
        )

    def _compare_item(self, event: str, number: int, item: OpenItem, value: object) -> None:
        place = f"response.output[{number}]"
        made_anew = {"id", "fingerprint"} if item.type == "program" else {"id"}
        if differs := difference(place, item.value, value, frozenset(made_anew)):
            message = f"{event}: {differs}, as in {_DONE} ({item.name})"
            self._report.add("RS408", message, None if differs.hard else Level.WARNING)


def _id_of(item: OpenItem) -> str | None:
    return string(item.value or {}, "id") or string(item.first, "id")
