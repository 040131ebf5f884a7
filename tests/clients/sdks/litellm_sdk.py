"""LiteLLM."""

import json
from typing import Any

import litellm
from driver import QUESTION, answer, main, model_of

TOOLS: Any = [
    {"type": "function", "name": name, "strict": False, "parameters": {"type": "object", "properties": {}}}
    for name in ("get_weather", "tide_table")
]


def turn(streamed: list[str], name: str, **request: Any) -> Any:
    model = f"openai/{model_of(name)}"  # unless it is registered, LiteLLM asks for no stream and makes one up
    litellm.register_model({model: {"litellm_provider": "openai", "supports_native_streaming": True}})
    for event in litellm.responses(model=model, stream=True, num_retries=0, max_retries=0, **request):
        if event.type == "response.output_text.delta":
            streamed.append(event.delta)
        elif event.type == "response.completed":
            return event.response
    raise RuntimeError("the stream has ended without response.completed")


def run(kind: str, name: str, calls: list[str]) -> str:
    streamed: list[str] = []
    if kind in ("text", "error"):
        turn(streamed, name, input="Say hello")
        return "".join(streamed)
    given: Any = [{"role": "user", "content": QUESTION}]
    more: dict[str, Any] = {}
    for _ in range(6):
        response = turn(streamed, name, input=given, tools=TOOLS, **more)
        output = [item if isinstance(item, dict) else item.model_dump() for item in response.output]
        asked = [item for item in output if item["type"] == "function_call"]
        if not asked:
            break
        calls += [item["name"] for item in asked]
        outputs = [
            {
                "type": "function_call_output",
                "call_id": item["call_id"],
                "output": answer(item["name"], json.loads(item["arguments"])),
            }
            for item in asked
        ]
        if kind == "previous":
            given, more = outputs, {"previous_response_id": response.id}
        else:
            given = [*given, *output, *outputs]
    return "".join(streamed)


main(run)
