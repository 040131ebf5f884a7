"""DIALECTS: producers with known deviations, and the errors that are only warnings for them.

Most differences show in the stream itself, as missing sequence numbers do, and the checks handle them. This
table has the differences for which the producer must be known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dialect:
    """A producer's habits: errors that are only warnings in its streams."""

    name: str
    sign: str  # the mark by which it is recognised, for the documentation
    softens: Mapping[str, str]  # code of a rule -> how this producer breaks it


OPENROUTER = Dialect(
    "OpenRouter",
    "the response's id begins with `gen-`",
    {
        "RS305": "gives some items their ids in the final output only",
        "RS408": "adds to items in the final output",
    },
)
VLLM = Dialect(
    "vLLM",
    "the response's id is `resp_` and 16 or 32 hexadecimal digits",
    {
        "RS305": "makes the items of the final output anew, with other ids",
        "RS408": "makes the items of the final output anew, with other call_ids",
    },
)
LLAMA_STACK = Dialect(
    "Llama Stack",
    "the response's id is `resp_` or `resp-` and a UUID with dashes",
    {"RS112": "leaves out response.output_text.done"},
)
LLAMA_CPP = Dialect(
    "llama.cpp",
    "`response.created` has neither a `sequence_number` nor `response.created_at`",
    {
        "RS103": "repeats response.in_progress while it reads the prompt",
        "RS112": "leaves out .done events of texts and arguments",
    },
)

DIALECTS = (OPENROUTER, VLLM, LLAMA_STACK, LLAMA_CPP)

_BY_ID = (
    (re.compile(r"gen-"), OPENROUTER),
    (re.compile(r"resp_(?:[0-9a-f]{16}|[0-9a-f]{32})\Z"), VLLM),
    (re.compile(r"resp[_-][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"), LLAMA_STACK),
)


def recognise(created: Mapping[str, Any], response: Mapping[str, Any]) -> Dialect | None:
    """Return the producer's dialect, from the first event and the response in it; None if it is unknown."""
    if "sequence_number" not in created and "created_at" not in response:
        return LLAMA_CPP
    id_ = response.get("id")
    if not isinstance(id_, str):
        return None
    return next((dialect for pattern, dialect in _BY_ID if pattern.match(id_)), None)
