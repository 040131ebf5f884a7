"""Requests to be answered without a recording, modelled on the HTTP tests of the Open Responses suite and on
llm-comply's; and of each which items the answer has."""

from typing import Any

from tests.scripts.improvise.schemas import STRICT

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state"}},
        "required": ["location"],
    },
}
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def user(text: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


CALL = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"location":"Paris"}',
}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "18 degrees and sunny"}

OPEN_RESPONSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "basic text": ({"input": [user("Say hello in exactly 3 words.")]}, ["message"]),
    "streaming": ({"input": [user("Count from 1 to 5.")], "stream": True}, ["message"]),
    "system prompt": (
        {
            "input": [
                {
                    "type": "message",
                    "role": "system",
                    "content": "You are a pirate. Always respond in pirate speak.",
                },
                user("Say hello."),
            ]
        },
        ["message"],
    ),
    "tool calling": (
        {"input": [user("What's the weather like in San Francisco?")], "tools": [WEATHER]},
        ["function_call"],
    ),
    "tool demanded": (
        {"input": [user("Hi")], "tools": [WEATHER], "tool_choice": "required"},
        ["function_call"],
    ),
    "image": (
        {
            "input": [
                user(
                    [
                        {
                            "type": "input_text",
                            "text": "What do you see in this image? Answer in one sentence.",
                        },
                        {"type": "input_image", "image_url": PIXEL},
                    ]
                )
            ]
        },
        ["message"],
    ),
    "multi-turn": (
        {
            "input": [
                user("My name is Alice."),
                {"type": "message", "role": "assistant", "content": "Hello Alice! How can I help you today?"},
                user("What is my name?"),
            ]
        },
        ["message"],
    ),
    "tool output": (
        {"input": [user("What is the weather in Paris?"), CALL, OUTPUT], "tools": [WEATHER]},
        ["message"],
    ),
    "reasoning summary": (
        {"input": "How many r are in strawberry?", "reasoning": {"effort": "low", "summary": "auto"}},
        ["reasoning", "message"],
    ),
    "structured output": (
        {
            "input": "Alice and Bob meet on Friday.",
            "text": {
                "format": {"type": "json_schema", "name": "event", "strict": True, "schema": STRICT["event"]}
            },
        },
        ["message"],
    ),
    "JSON": ({"input": "Answer in JSON.", "text": {"format": {"type": "json_object"}}}, ["message"]),
    "stored input": ({"previous_response_id": "resp_1", "input": [OUTPUT], "tools": [WEATHER]}, ["message"]),
    "no input": ({"prompt": {"id": "pmpt_1"}}, ["message"]),
}
