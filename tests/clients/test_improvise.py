"""Improvised answers as the openai SDK for Python reads them: parsed models, streams, loops; and what
llm-comply says of them. No server: the answers are made where the request would leave the client."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import httpx2
import pytest
from llm_comply.config import ComplianceConfig
from llm_comply.test_case import TestCase as Case
from llm_comply.test_case import ValidatorContext
from llm_comply.tests.open_responses import OPEN_RESPONSES_TESTS
from openai import DefaultHttpxClient, OpenAI, pydantic_function_tool
from pydantic import BaseModel, ConfigDict, Field

from respool.scripts.improvise import improvise
from respool.scripts.synth import expand


def improvised(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [written.event.data for written in expand(improvise(body), "improvised")[0].events]


def answer(request: httpx2.Request) -> httpx2.Response:
    body = json.loads(request.content)
    events = improvised(body)
    if not body.get("stream"):
        return httpx2.Response(200, json=events[-1]["response"])
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


@pytest.fixture
def client() -> OpenAI:
    transport = httpx2.MockTransport(answer)
    return OpenAI(api_key="k", base_url="http://test/v1", http_client=DefaultHttpxClient(transport=transport))


class Color(Enum):
    RED = "red"
    GREEN = "green"


class Step(BaseModel):
    explanation: str
    output: str


class MathResponse(BaseModel):
    steps: list[Step]
    final_answer: str


class Node(BaseModel):
    value: float
    children: list["Node"]
    next: Union["Node", None] = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None


class Pet(BaseModel):
    pet: Cat | Dog
    color: Color
    tags: list[Literal["a", "b"]]


class Everything(BaseModel):
    """What pydantic writes of Python's types."""

    model_config = ConfigDict(extra="forbid")
    day: date
    at: datetime
    clock: time
    lasting: timedelta
    id: UUID
    price: Decimal
    code: str = Field(pattern=r"^[A-Z]{3}-\d+$")
    word: str = Field(min_length=3, max_length=8)
    count: int = Field(multiple_of=5, gt=10, lt=20)
    ratio: Annotated[float, Field(ge=0, le=1)]
    some: list[int] = Field(min_length=2, max_length=4)
    maybe: int | None
    nested: dict[str, int] | None = None


PARSED = [MathResponse, Node, Pet, Step, Cat]


@pytest.mark.parametrize("model", PARSED)
def test_a_model_is_parsed_from_a_whole_answer(model: type[BaseModel], client: OpenAI) -> None:
    response = client.responses.parse(model="gpt-5.2", input="Say it.", text_format=model)
    assert isinstance(response.output_parsed, model)


@pytest.mark.parametrize("model", PARSED)
def test_a_model_is_parsed_from_a_stream(model: type[BaseModel], client: OpenAI) -> None:
    with client.responses.stream(model="gpt-5.2", input="Say it.", text_format=model) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, model)
    assert {"response.output_text.delta", "response.completed"} <= kinds


@pytest.mark.parametrize("seed", range(10))
def test_a_model_with_all_types_of_python_is_valid(seed: int) -> None:
    format_ = {"type": "json_schema", "name": "all", "schema": Everything.model_json_schema()}
    body = {"model": "m", "input": f"Number {seed}", "text": {"format": format_}}
    text = improvised(body)[-1]["response"]["output"][0]["content"][0]["text"]
    assert Everything.model_validate_json(text)


def test_a_call_is_parsed(client: OpenAI) -> None:
    class GetWeather(BaseModel):
        city: str
        unit: Literal["c", "f"]

    tool = pydantic_function_tool(GetWeather, name="get_weather")
    response = client.responses.parse(
        model="gpt-5.2",
        input="How is the weather in Paris?",
        tools=[tool],  # type: ignore[list-item]
    )
    (call,) = response.output
    assert call.type == "function_call"
    assert GetWeather.model_validate(call.parsed_arguments).city == "Paris"


def test_a_loop_over_a_tool_ends(client: OpenAI) -> None:
    tools: Any = [
        {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}
    ]
    items: Any = [{"role": "user", "content": "How is the weather?"}]
    for _ in range(5):
        response = client.responses.create(model="gpt-5.2", input=items, tools=tools, tool_choice="required")
        items += response.output
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            break
        items += [
            {"type": "function_call_output", "call_id": call.call_id, "output": "Rain"} for call in calls
        ]
    assert response.output_text == "get_weather returned: Rain"
    assert len(items) == 4


# llm-comply's own bodies and validators, as far as an answer decides what comes of them
CONFIG = ComplianceConfig("http://test/v1", "k", "gpt-5.2")
ANSWERED: list[Case] = [
    case
    for case in OPEN_RESPONSES_TESTS
    if case.endpoint == "/responses" and 200 in case.expected_statuses and "schema" not in case.id
]


def test_llm_comply_has_tests_of_answers() -> None:
    assert len(ANSWERED) >= 9


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.id)
def test_llm_comply_finds_nothing_in_an_improvised_answer(case: Case) -> None:
    events = improvised(case.build_request(CONFIG))
    final = events[-1]["response"]
    context = ValidatorContext(streaming=case.streaming, sse_events=events if case.streaming else None)
    checks: list[Callable[[Any, ValidatorContext], list[str]]] = case.validators
    assert [said for check in checks for said in check(final, context)] == []
