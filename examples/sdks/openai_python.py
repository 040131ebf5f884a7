"""The openai package."""

import json

import openai

client = openai.OpenAI(max_retries=0)

with client.responses.stream(model="text/hello", input="Say hello") as stream:
    text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
print("text:", text)

items: list = [{"role": "user", "content": "What is the weather in Paris now?"}]
while True:
    response = client.responses.create(model="tools/get_weather", input=items)
    calls = [item for item in response.output if item.type == "function_call"]
    if not calls:
        break
    items += response.output
    for call in calls:
        output = json.dumps({"temperature": 18, "asked": json.loads(call.arguments)})
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
print("tool:", response.output_text)

try:
    client.responses.create(model="errors/rate_limit", input="Hi")
except openai.RateLimitError as error:
    print("error:", error.status_code)
