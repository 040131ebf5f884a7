"""The openai package for Python."""

import json
import os
from typing import Any

from driver import QUESTION, answer, main, model_of
from openai import OpenAI

client = OpenAI(max_retries=0)
TOOLS: Any = [
    {"type": "function", "name": name, "strict": False, "parameters": {"type": "object", "properties": {}}}
    for name in ("get_weather", "tide_table")
]


def turn(streamed: list[str], **request: Any) -> Any:
    with client.responses.stream(**request) as stream:
        streamed += [event.delta for event in stream if event.type == "response.output_text.delta"]
        return stream.get_final_response()


def run(kind: str, name: str, calls: list[str]) -> str:
    model, streamed = model_of(name), []
    if kind in ("text", "error"):
        turn(streamed, model=model, input="Say hello")
        return "".join(streamed)
    given: Any = [{"role": "user", "content": QUESTION}]
    more: dict[str, Any] = {}
    always: dict[str, Any] = (
        {"metadata": json.loads(os.environ["RESPOOL_METADATA"])} if "RESPOOL_METADATA" in os.environ else {}
    )
    for _ in range(6):
        response = turn(streamed, model=model, input=given, tools=TOOLS, **always, **more)
        asked = [item for item in response.output if item.type == "function_call"]
        if not asked:
            break
        calls += [item.name for item in asked]
        outputs = [
            {
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": answer(item.name, json.loads(item.arguments)),
            }
            for item in asked
        ]
        if kind == "previous":
            given, more = outputs, {"previous_response_id": response.id}
        else:
            given = [*given, *response.output, *outputs]
    return "".join(streamed)


main(run)
