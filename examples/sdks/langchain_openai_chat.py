"""LangChain: pip install langchain-openai"""

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


def chat(recording: str) -> ChatOpenAI:
    return ChatOpenAI(model=recording, use_responses_api=True, max_retries=0)


@tool
def get_weather(city: str, unit: str) -> str:
    """Current weather of a city."""
    return f"18 degrees {unit} in {city}"


print("text:", "".join(str(chunk.text) for chunk in chat("text/hello").stream("Say hello")))

messages = [HumanMessage("What is the weather in Paris now?")]
model = chat("tools/get_weather").bind_tools([get_weather])
while True:
    answer = model.invoke(messages)
    messages.append(answer)
    if not answer.tool_calls:
        break
    messages += [
        ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls
    ]
print("tool:", answer.text)

try:
    chat("errors/rate_limit").invoke("Hi")
except openai.RateLimitError as error:
    print("error:", error.status_code)
