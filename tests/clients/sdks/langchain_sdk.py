"""langchain-openai."""

from typing import Any

from driver import QUESTION, answer, main, model_of
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def get_weather(city: str, unit: str) -> str:
    """Current weather of a city."""
    return answer("get_weather", {"city": city, "unit": unit})


@tool
def tide_table(port: str) -> str:
    """When the tide is high."""
    return answer("tide_table", {"port": port})


TOOLS = {"get_weather": get_weather, "tide_table": tide_table}


def run(kind: str, name: str, calls: list[str]) -> str:
    chat: Any = ChatOpenAI(
        model=model_of(name),
        use_responses_api=True,
        max_retries=0,
        use_previous_response_id=kind == "previous",
        store=kind == "previous" or None,
    )
    if kind in ("text", "error"):
        return "".join(str(chunk.text) for chunk in chat.stream("Say hello"))
    messages: list[Any] = [HumanMessage(QUESTION)]
    chat, text = chat.bind_tools(list(TOOLS.values())), ""
    for _ in range(6):
        whole: AIMessageChunk | None = None
        for chunk in chat.stream(messages):
            text += str(chunk.text)
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        messages.append(whole)
        if not whole.tool_calls:
            break
        for call in whole.tool_calls:
            calls.append(call["name"])
            messages.append(ToolMessage(TOOLS[call["name"]].invoke(call["args"]), tool_call_id=call["id"]))
    return text


main(run)
