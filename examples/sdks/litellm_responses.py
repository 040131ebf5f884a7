"""LiteLLM: pip install litellm mcp"""

import json

import litellm

for name in ("text/hello", "tools/get_weather", "errors/rate_limit"):  # else LiteLLM makes a stream up
    litellm.register_model(
        {f"openai/{name}": {"litellm_provider": "openai", "supports_native_streaming": True}}
    )

text = ""
for event in litellm.responses(model="openai/text/hello", input="Say hello", stream=True):
    if event.type == "response.output_text.delta":
        text += event.delta
print("text:", text)

items: list = [{"role": "user", "content": "What is the weather in Paris now?"}]
while True:
    response = litellm.responses(model="openai/tools/get_weather", input=items)
    output = [item if isinstance(item, dict) else item.model_dump() for item in response.output]
    calls = [item for item in output if item["type"] == "function_call"]
    if not calls:
        break
    items += output
    for call in calls:
        items.append({"type": "function_call_output", "call_id": call["call_id"], "output": json.dumps(18)})
print("tool:", output[-1]["content"][0]["text"])

try:
    litellm.responses(model="openai/errors/rate_limit", input="Hi", num_retries=0, max_retries=0)
except litellm.exceptions.RateLimitError as error:
    print("error:", error.status_code)
