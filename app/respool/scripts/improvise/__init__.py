"""Improvise an answer without a recording: a request in, a Script out. See docs/improvise.md.

The answer calls tools that the request demands or names, has the requested format, and ends a loop of calls
by repeating the outputs of the tools.

Pure: the same request gives the same Script.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from random import Random
from typing import Any

from respool.protocol import parameter_errors
from respool.protocol.events import compact
from respool.scripts import End, Script, Step, Turn
from respool.scripts.improvise.request_reading import RequestReading, read_request
from respool.scripts.improvise.samples import sample
from respool.scripts.improvise.scalars import SampleError
from respool.scripts.improvise.tool_calls import ends, in_context, steps, usual_text
from respool.scripts.synth import Scripted

__all__ = ["NAME", "improvise", "scripted"]

NAME = "improvised"  # the note of such a recording
_TRANSPORT_FIELDS = ("stream", "stream_options")  # they do not change the content of the answer
_TOKEN = 4  # characters
MOST_OUTPUT = 2_000  # characters of a tool's output that are repeated


def improvise(body: Mapping[str, Any]) -> Script:
    """Return the Script of an answer to a request.

    Raise RequestError if a schema has no value, or only very large ones, or if the demanded tool is not
    offered.
    """
    seed = _seed(body)
    reading = read_request(body)
    made = [*_reasoning(body, reading)]
    for number, offer in enumerate(reading.calls):
        made += steps(offer, reading.words, Random(f"{seed}:call:{number}"))
    end = End()
    if not any(map(ends, reading.calls)):
        text = _text(body, reading, Random(f"{seed}:text"))
        most = body.get("max_output_tokens")
        if type(most) is int and 0 < most * _TOKEN < len(text):
            text, end = text[: most * _TOKEN], End(incomplete="max_output_tokens")
        made.append(Step("message", {"text": text, **_logprobs(body)}))
    return Script((Turn(tuple(made), end, request=dict(body)),), seed)


def scripted(body: Mapping[str, Any]) -> Scripted:
    """Return the improvised answer as the origin of a recording. Raise RequestError."""
    script = improvise(body)
    return Scripted(script.turns[0], NAME, script.seed)


def _seed(body: Mapping[str, Any]) -> int:
    fields = {name: value for name, value in body.items() if name not in _TRANSPORT_FIELDS}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(sha256(canonical.encode()).digest()[:6])


def _reasoning(body: Mapping[str, Any], reading: RequestReading) -> Iterator[Step]:
    """Yield a reasoning item, if the request sets an effort or asks for a summary."""
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        return
    summary = reasoning.get("summary") or reasoning.get("generate_summary")
    if reasoning.get("effort") in (None, "none") and not summary:
        return
    value: dict[str, Any] = {}
    if summary:
        value["summary"] = (f"The request asks for {_purpose(reading)}.",)
    if "reasoning.encrypted_content" in _included(body):
        value["encrypted_content"] = True
    yield Step("reasoning", value)


def _purpose(reading: RequestReading) -> str:
    if reading.calls:
        return " and ".join(offer.name for offer in reading.calls)
    if reading.outputs:
        return "an answer, and the tools have returned"
    return "an answer"


def _included(body: Mapping[str, Any]) -> list[Any]:
    included = body.get("include")
    return included if isinstance(included, list) else []


def _logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
    requested = "message.output_text.logprobs" in _included(body) or body.get("top_logprobs")
    return {"logprobs": True} if requested else {}


def _text(body: Mapping[str, Any], reading: RequestReading, rng: Random) -> str:
    """Return the text of the message, in the requested format."""
    answer = _answer(reading)
    text = body.get("text")
    match text.get("format") if isinstance(text, dict) else None:
        case {"type": "json_schema", "schema": schema, **others}:
            try:
                return compact(sample(schema, rng, lambda name: usual_text(name, reading.words)))
            except SampleError as error:
                raise parameter_errors.invalid_format_schema(
                    str(others.get("name")), in_context(error)
                ) from None
        case {"type": "json_object"}:
            return compact({"answer": answer})
        case _:
            return answer


def _answer(reading: RequestReading) -> str:
    if reading.outputs:
        return "\n".join(f"{output.name} returned: {output.text[:MOST_OUTPUT]}" for output in reading.outputs)
    return f"Improvised answer to: {reading.words[:400]}" if reading.words else "Improvised answer."
