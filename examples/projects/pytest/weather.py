"""A client of the Responses API: it streams answers, and calls a tool when the model asks for it."""

import json
from collections.abc import Iterator

from openai import OpenAI

MODEL = "gpt-5.5"
MOST_TURNS = 10
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        },
    }
]


def get_weather(city: str, unit: str = "celsius") -> dict[str, object]:
    """What the tool gives: a real one would ask a service."""
    return {"temperature": 18, "unit": unit, "condition": "light rain"}


def say(text: str, client: OpenAI | None = None) -> Iterator[str]:
    """The model's answer, piece by piece. Raises openai.OpenAIError."""
    client = client or OpenAI()
    for event in client.responses.create(model=MODEL, input=text, stream=True):
        if event.type == "response.output_text.delta":
            yield event.delta


def ask(question: str, client: OpenAI | None = None) -> str:
    """The model's answer, after all calls of tools. Raises RuntimeError for one that never comes."""
    client = client or OpenAI()
    items: list = [{"role": "user", "content": question}]
    for _ in range(MOST_TURNS):
        response = client.responses.create(model=MODEL, input=items, tools=TOOLS)
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text
        items += response.output
        for call in calls:
            result = get_weather(**json.loads(call.arguments))
            output = {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(result)}
            items.append(output)
    raise RuntimeError(f"no answer after {MOST_TURNS} turns")
