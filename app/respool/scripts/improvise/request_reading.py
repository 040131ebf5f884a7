"""Reading of a request without a model: the user's words, the outputs of tools since the model's last
message, and the tools to call."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from respool.errors import RequestError, printable
from respool.protocol.events import compact

Body = Mapping[str, Any]

MOST_WORDS = 4_000  # characters of the user's words that are searched
UNKNOWN_TOOL = "The tool"


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """The output of a tool. `name` is the tool's, if its call is in the request."""

    name: str
    text: str
    call_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that may be called. `name` is its own, else the label of its server, else its type."""

    type: str
    name: str
    tool: Mapping[str, Any]
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class RequestReading:
    """The reading of a request. `calls` are the tools to call now; empty: an answer is due."""

    words: str
    outputs: tuple[ToolOutput, ...] = ()
    calls: tuple[Offer, ...] = field(default=())


def read_request(body: Body) -> RequestReading:
    """Read a request. Raise RequestError if it demands a tool that it does not offer."""
    items = request_items(body)
    words, outputs = last_words(items)[:MOST_WORDS], tuple(tool_outputs(items, since=_answered(items)))
    return RequestReading(words, outputs, tuple(_calls(body, words, outputs)))


def request_items(body: Body) -> Sequence[Mapping[str, Any]]:
    """Return the input's items. A text is one message of the user."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def last_words(items: Sequence[Mapping[str, Any]]) -> str:
    """Return the last text of the user."""
    messages = (texts(item.get("content")) for item in reversed(items) if item.get("role") == "user")
    return next((text.strip() for text in messages if text.strip()), "")


def texts(value: Any) -> str:
    """Return the text of a content or a tool's output; the texts of several parts are joined."""
    match value:
        case str():
            return value
        case {"text": str(text)}:
            return text
        case {"stdout": str(out)}:
            return out
        case list():
            return "\n".join(filter(None, map(texts, value)))
        case {"type": str(type)}:
            return f"({type.replace('_', ' ')})" if type == "computer_screenshot" else ""
        case _:
            return ""


def _answered(items: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of items up to the model's last message."""
    places = (place for place, item in enumerate(items, start=1) if item.get("role") == "assistant")
    return max(places, default=0)


def tool_outputs(items: Sequence[Mapping[str, Any]], since: int = 0) -> Iterator[ToolOutput]:
    """Yield the outputs of tools, in order, from the item `since` on. Later messages of the user do not hide
    them."""
    names = {
        str(item[key]): str(item.get("name") or item.get("type"))
        for item in items
        for key in ("call_id", "id")
        if item.get(key) and (str(item.get("type")).endswith("_call") or item.get("type") in _REQUESTS)
    }
    for item in items[since:]:
        kind = str(item.get("type"))
        if kind == "mcp_approval_response":
            name = names.get(str(item.get("approval_request_id")), UNKNOWN_TOOL)
            text = "approved" if item.get("approve") else "not approved"
            yield ToolOutput(name, text, str(item.get("approval_request_id") or ""))
        elif kind.endswith("_output"):
            output = item.get("output", item.get("tools"))
            text = texts(output) or (compact(output) if output else "")
            usual = UNKNOWN_TOOL if kind in _NAMED else kind.removesuffix("_output")
            yield ToolOutput(names.get(str(item.get("call_id")), usual), text, str(item.get("call_id") or ""))


_REQUESTS = ("mcp_approval_request",)
_NAMED = ("function_call_output", "custom_tool_call_output")


# The tools to call


def _calls(body: Body, words: str, outputs: Sequence[ToolOutput]) -> Sequence[Offer]:
    offers, choice = list(_offers(body.get("tools"))), body.get("tool_choice", "auto")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed, choice = choice.get("tools"), choice.get("mode", "auto")
        offers = [
            offer
            for offer in offers
            if isinstance(allowed, list) and any(_is(offer, one) for one in allowed if isinstance(one, dict))
        ]
    if choice == "none":
        return ()
    forced = isinstance(choice, dict) or choice == "required"
    if isinstance(choice, dict):
        offers = [offer for offer in offers if _is(offer, choice)]
    if forced and not offers:
        name = choice.get("name", choice.get("type")) if isinstance(choice, dict) else choice
        raise RequestError(
            f"Tool choice '{printable(str(name))}' not found in 'tools' parameter.", param="tool_choice"
        )
    if any(output.name == UNKNOWN_TOOL for output in outputs):
        return ()  # its call is in an earlier response, so the loop ends here
    called = {output.name for output in outputs}
    # A demand is met by one call. Otherwise a client that repeats it in each request would never finish.
    left = [offer for offer in offers if not called & {offer.name, f"{offer.type}_call"}]
    found = [offer for offer in left if _named(offer, words)]
    if not found and forced and (choice == "required" or not called):
        found = left[:1]
    return found[:1] if body.get("parallel_tool_calls") is False else found


def _offers(tools: Any, namespace: str | None = None) -> Iterator[Offer]:
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        kind = str(tool.get("type", "function"))
        if kind == "namespace" and namespace is None:
            yield from _offers(tool.get("tools"), str(tool.get("name")))
        elif kind in ("function", "custom"):
            if isinstance(name := tool.get("name"), str):
                yield Offer(kind, name, tool, namespace)
        else:
            plain = next((name for name in _HOSTED if kind == name or kind.startswith(f"{name}_")), kind)
            if plain in _HOSTED:
                yield Offer(plain, str(tool.get("server_label", plain)), tool)


def _is(offer: Offer, choice: Mapping[str, Any]) -> bool:
    """Return True if a ``tool_choice`` means this tool."""
    kind = str(choice.get("type", "function"))
    if offer.type == "mcp":
        return kind == "mcp" and choice.get("server_label", offer.name) == offer.name
    if offer.type in ("function", "custom"):
        return kind == offer.type and choice.get("name") == offer.name
    return kind == offer.type or kind.startswith(f"{offer.type}_")


# Tools without a name of their own, and the words that ask for them: all words of one of these.
_HOSTED: Mapping[str, Sequence[str]] = {
    "web_search": ("web search", "search web"),
    "file_search": ("file search", "search file", "search document"),
    "code_interpreter": ("code interpreter", "run code", "run python"),
    "image_generation": ("image generation", "generate image", "draw"),
    "mcp": ("mcp",),
    "computer": ("computer", "screenshot"),
    "local_shell": ("shell",),
    "shell": ("shell",),
    "apply_patch": ("patch",),
}

# Insignificant words in a tool's name: "weather" alone asks for get_weather.
_INSIGNIFICANT = frozenset(
    "a an and by call check compute create current do execute fetch find for from function generate get in "
    "is list lookup look make my new of on query read retrieve run search send set show the to tool up "
    "update use with write".split()
)


def _named(offer: Offer, words: str) -> bool:
    """Return True if the user's words name the tool: its identifier, or all significant words of it."""
    stems = _stems(words)
    if offer.type in ("function", "custom", "mcp"):
        if re.search(rf"(?<!\w){re.escape(offer.name)}(?!\w)", words, re.IGNORECASE):
            return True
        named = _stems(offer.name)
        significant = named - _INSIGNIFICANT
        return bool(named) and (significant or named) <= stems
    return any(_stems(way) <= stems for way in _HOSTED[offer.type])


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")


def _stems(text: str) -> frozenset[str]:
    """Return the words of a text or an identifier, in lower case and without a plural's s."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word[:-1] if len(word) > 3 and word[-1] == "s" else word for word in words)
