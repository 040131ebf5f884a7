from collections.abc import Callable

import pytest

from respool.recordings.formats import script as format_
from respool.scripts import Script, ScriptError, plain, read

# A Script made by calls, and what stands in the file that says the same.
CASES: dict[str, tuple[Callable[[Script], Script], object]] = {
    "message": (lambda script: script.message("Hi."), {"text": "Hi."}),
    "fields": (
        lambda script: script.message("Hi.", phase="commentary"),
        {"output": [{"message": {"text": "Hi.", "phase": "commentary"}}]},
    ),
    "several steps": (
        lambda script: script.reasoning(["One.", "Two."]).pause(2).refusal("No."),
        {"output": [{"reasoning": {"summary": ["One.", "Two."]}}, {"pause": 2}, {"refusal": "No."}]},
    ),
    "calls": (
        lambda script: script.function_call("f", {"a": 1}).function_call("g", "{").custom_tool_call("h", "x"),
        {
            "output": [
                {"function_call": {"name": "f", "arguments": {"a": 1}}},
                {"function_call": {"name": "g", "arguments": "{"}},
                {"custom_tool_call": {"name": "h", "input": "x"}},
            ]
        },
    ),
    "any step": (
        lambda script: script.step("web_search_call", {"action": {"type": "search", "query": "x"}}),
        {"output": [{"web_search_call": {"action": {"type": "search", "query": "x"}}}]},
    ),
    "event": (
        lambda script: script.event({"type": "response.custom"}).message("Hi."),
        {"output": [{"event": {"type": "response.custom"}}, {"message": "Hi."}]},
    ),
    "turns": (
        lambda script: script.function_call("f").turn(model="gpt-5").message("Hi."),
        {
            "turns": [
                {"output": [{"function_call": {"name": "f", "arguments": "{}"}}]},
                {"model": "gpt-5", "text": "Hi."},
            ]
        },
    ),
    "incomplete": (lambda script: script.message("Hi.").incomplete(), {"text": "Hi.", "end": "incomplete"}),
    "failed": (
        lambda script: script.message("Hi.").failed("Oh.", code="server_error"),
        {"text": "Hi.", "end": {"failed": {"code": "server_error", "message": "Oh."}}},
    ),
    "cut": (lambda script: script.message("Hi.").cut(), {"text": "Hi.", "end": "cut"}),
    "cut after": (lambda script: script.message("Hi.").cut(3), {"text": "Hi.", "end": {"cut": 3}}),
    "error": (
        lambda script: script.error(429, "Slow down.").message("Hi."),
        {"turns": [{"status": 429, "error": "Slow down."}, {"text": "Hi."}]},
    ),
}


@pytest.mark.parametrize(
    ("build", "data"),
    [case for name, case in CASES.items() if name != "error"],
    ids=[name for name in CASES if name != "error"],
)
def test_a_script_made_by_calls_is_that_of_the_file(build: Callable[[Script], Script], data: object) -> None:
    assert plain(build(Script())) == plain(read(data))


@pytest.mark.parametrize("build", [build for build, _ in CASES.values()], ids=CASES)
def test_each_becomes_recordings(build: Callable[[Script], Script]) -> None:
    text = format_.write(build(Script()))
    assert format_.read(text.encode(), "a", "a.script.yaml")


def test_a_step_after_an_error_begins_a_turn() -> None:
    script = Script().error(429, "Slow down.").message("Hi.")
    assert [turn.status for turn in script.turns] == [429, 200]


def test_calls_leave_the_script_as_it_was() -> None:
    script = Script().message("Hi.")
    script.message("Ho.")
    assert plain(script) == {"text": "Hi."}


def test_items_of_one_script_have_ids_of_their_own() -> None:
    text = format_.write(Script().function_call("f").function_call("f"))
    [recording] = format_.read(text.encode(), "a", "a.script.yaml")
    ids = {line for timed in recording.events for line in [timed.event.text] if "output_item.done" in line}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "build",
    [
        lambda: Script().step("mesage", "Hi."),
        lambda: Script().message("Hi.", phrase="commentary"),
        lambda: Script().pause(-1),
        lambda: Script().turn(modl="gpt-5"),
    ],
    ids=["step", "field", "value", "setting"],
)
def test_what_a_file_may_not_have_is_refused(build: Callable[[], Script]) -> None:
    with pytest.raises(ScriptError):
        build()
