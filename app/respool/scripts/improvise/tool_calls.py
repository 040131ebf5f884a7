"""The steps that call a tool: one function for each type of tool."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from respool.errors import RequestError
from respool.protocol import parameter_errors
from respool.protocol.events import compact
from respool.scripts import Step
from respool.scripts.improvise.pattern_texts import PatternError, matching
from respool.scripts.improvise.request_reading import Offer
from respool.scripts.improvise.samples import sample
from respool.scripts.improvise.scalars import SampleError

# Texts by the name of their property. Other properties get their name in words.
_PLACES = frozenset("city location place town destination".split())
_QUERIES = frozenset(
    "query question prompt input text message content request q search term topic task".split()
)
_USUAL: Mapping[str, str] = {
    "name": "Ada Lovelace",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "author": "Ada Lovelace",
    "email": "ada@example.com",
    "country": "France",
    "language": "en",
    "currency": "EUR",
    "timezone": "Europe/Paris",
    "date": "2026-01-01",
    "time": "12:30",
    "url": "https://example.com/",
    "phone": "+1 202 555 0123",
    "path": "example.txt",
    "filename": "example.txt",
    "unit": "celsius",
    "id": "1",
}
_PLACE = re.compile(r"\b(?:in|at|of|for|to|near) ([A-ZÀ-Þ]\w+(?: [A-ZÀ-Þ]\w+){0,3})")
_LONGEST = 200  # characters of the user's words in a text


def usual_text(name: str, words: str) -> str:
    """Return a text for the property `name`, where its schema allows any."""
    key = name.lower()
    if key in _PLACES:
        found = _PLACE.search(words)
        return found[1] if found else "Paris"
    if key in _QUERIES and words:
        return words[:_LONGEST]
    return _USUAL.get(key) or name.replace("_", " ").strip() or words[:_LONGEST] or "text"


@dataclass(frozen=True, slots=True)
class Calling:
    """The inputs for the steps of a call."""

    offer: Offer
    words: str
    rng: Random

    @property
    def query(self) -> str:
        return self.words[:_LONGEST] or "Respool"

    def arguments(self, schema: Any, param: str, name: str) -> str:
        """Return arguments as JSON text, valid by the schema. Raise RequestError if there are none."""
        schema = {"type": "object", **schema} if isinstance(schema, dict) else {"type": "object"}
        try:
            found = sample(schema, self.rng, lambda text: usual_text(text, self.words))
        except SampleError as error:
            raise parameter_errors.invalid_function_schema(param, name, in_context(error)) from None
        return compact(found if isinstance(found, dict) else {})


def in_context(error: SampleError) -> str:
    """Describe an error in a schema and its place, as the service does."""
    return f"In context={error.path!r}, {error.problem}" if error.path else f"In context=(), {error.problem}"


def steps(offer: Offer, words: str, rng: Random) -> Sequence[Step]:
    """Return the steps with which the model calls a tool. Raise RequestError."""
    return [Step(name, value) for name, value in _STEPS[offer.type](Calling(offer, words, rng))]


def ends(offer: Offer) -> bool:
    """Return True if the response ends with the call, because its client runs the tool."""
    if offer.type == "mcp":
        return _asks_approval(offer)
    return offer.type not in _RUN_BY_SERVICE and not (offer.type == "shell" and _in_container(offer))


Steps = Sequence[tuple[str, dict[str, Any]]]


def _function(call: Calling) -> Steps:
    offer = call.offer
    arguments = call.arguments(offer.tool.get("parameters"), "tools", offer.name)
    value = {"name": offer.name, "arguments": arguments}
    return [("function_call", value | ({"namespace": offer.namespace} if offer.namespace else {}))]


def _custom(call: Calling) -> Steps:
    match call.offer.tool.get("format"):
        case {"type": "grammar", "syntax": "regex", "definition": str(pattern)}:
            try:
                input_ = matching(pattern, call.rng)
            except PatternError as error:
                raise _grammar(call.offer.name, str(error)) from None
        case {"type": "grammar", "syntax": str(syntax)}:
            raise _grammar(call.offer.name, f"a {syntax} grammar cannot be improvised")
        case _:
            input_ = call.query
    return [("custom_tool_call", {"name": call.offer.name, "input": input_})]


def _grammar(name: str, problem: str) -> RequestError:
    return RequestError(
        f"Invalid grammar for tool '{name}': {problem}.", param="tools", code="invalid_grammar"
    )


def _mcp(call: Calling) -> Steps:
    label, tool = call.offer.name, call.offer.tool
    allowed = tool.get("allowed_tools")
    allowed = allowed.get("tool_names") if isinstance(allowed, dict) else allowed
    names = [one for one in allowed if isinstance(one, str)] if isinstance(allowed, list) else []
    name = names[0] if names else "search"
    called = {"server_label": label, "name": name, "arguments": compact({"query": call.query})}
    listed: tuple[str, dict[str, Any]] = (
        "mcp_list_tools",
        {
            "server_label": label,
            "tools": [{"name": one, "input_schema": {"type": "object"}} for one in names or [name]],
        },
    )
    if _asks_approval(call.offer):
        return [listed, ("mcp_approval_request", called)]
    return [listed, ("mcp_call", {**called, "output": f"Improvised output of {name}"})]


def _asks_approval(offer: Offer) -> bool:
    return bool(offer.tool.get("require_approval", "always") != "never")


def _computer(call: Calling) -> Steps:
    action = {"type": "screenshot"}
    if call.offer.tool.get("type") == "computer":
        return [("computer_call", {"actions": (action,)})]
    return [("computer_call", {"action": action})]


def _in_container(offer: Offer) -> bool:
    environment = offer.tool.get("environment")
    return isinstance(environment, dict) and str(environment.get("type")).startswith("container")


def _shell(call: Calling) -> Steps:
    made: tuple[str, dict[str, Any]] = ("shell_call", {"action": {"commands": ("ls",)}})
    if not _in_container(call.offer):
        return [made]
    return [made, ("shell_call_output", {"output": ({"stdout": "example.txt\n"},)})]


_STEPS: Mapping[str, Callable[[Calling], Steps]] = {
    "function": _function,
    "custom": _custom,
    "web_search": lambda call: [("web_search_call", {"query": call.query})],
    "file_search": lambda call: [("file_search_call", {"queries": (call.query,)})],
    "code_interpreter": lambda call: [
        ("code_interpreter_call", {"code": "print(6 * 7)", "outputs": ("42\n",)})
    ],
    "image_generation": lambda call: [("image_generation_call", {"revised_prompt": call.query})],
    "mcp": _mcp,
    "computer": _computer,
    "local_shell": lambda call: [("local_shell_call", {"action": {"command": ("ls",)}})],
    "shell": _shell,
    "apply_patch": lambda call: [
        (
            "apply_patch_call",
            {"operation": {"type": "create_file", "path": "example.txt", "diff": "+Improvised.\n"}},
        )
    ],
}
_RUN_BY_SERVICE = frozenset({"web_search", "file_search", "code_interpreter", "image_generation"})
