"""What the openai SDK for Python makes of refusals: wrong requests, wrong keys, and Azure's way of asking."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, AzureOpenAI, BadRequestError, OpenAI

from respool import Pace, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
KEY = "sk-right-0123456789"


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningServer]:
    """A server that wants a key and knows every parameter."""
    with running_server(
        FIXTURES, pace=Pace(speed=math.inf), default="text/hello", validate="strict", api_keys=[KEY]
    ) as running:
        yield running


@pytest.fixture
def client(strict: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=strict.base_url, api_key=KEY) as client:
        yield client


def azure(server: RunningServer, name: str, key: str = KEY) -> AzureOpenAI:
    return AzureOpenAI(azure_endpoint=f"{server.url}/r/{name}", api_key=key, api_version="2025-04-01-preview")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"temperature": 2.5}, "decimal_above_max_value", "temperature"),
        ({"text": {"verbosity": "loud"}}, "invalid_value", "text.verbosity"),
        ({"extra_body": {"seed": 1}}, "unknown_parameter", "seed"),
        ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
    ],
)
def test_a_wrong_request_is_an_error_of_the_sdk_with_code_and_param(
    parameters: dict[str, Any], code: str, param: str, stream: bool, client: OpenAI
) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.responses.create(**{"model": "any", "input": "Hi", "stream": stream, **parameters})
    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.type == "invalid_request_error"
    assert (raised.value.request_id or "").startswith("req_")


def test_a_legal_request_is_answered_at_the_strict_level(client: OpenAI) -> None:
    response = client.responses.create(
        model="any",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        metadata={"run": "1"},
        include=["reasoning.encrypted_content"],
        stream=True,
        stream_options={"include_obfuscation": False},
    )
    assert [event.type for event in response][-1] == "response.completed"


def test_what_was_answered_can_be_sent_back(client: OpenAI) -> None:
    first = client.responses.create(model="any", input="Hi")
    again: Any = [*first.output, {"role": "user", "content": "And then?"}]
    assert client.responses.create(model="any", input=again).status == "completed"


def test_a_wrong_key_is_an_authentication_error_and_not_tried_again(strict: RunningServer) -> None:
    with OpenAI(base_url=strict.base_url, api_key="sk-wrong-0123456789") as client:
        before = len(strict.server.journal)
        with pytest.raises(AuthenticationError) as raised:
            client.responses.create(model="any", input="Hi")
        assert (raised.value.status_code, raised.value.code) == (401, "invalid_api_key")
        assert "sk-wrong*******6789" in raised.value.message
        assert len(strict.server.journal) == before + 1


def test_the_client_for_azure_finds_the_same_by_its_own_path_and_header(strict: RunningServer) -> None:
    with azure(strict, "text/hello") as client:
        assert client.responses.create(model="any", input="Hi").status == "completed"
        events = client.responses.create(model="any", input="Hi", stream=True)
        assert [event.type for event in events][-1] == "response.completed"
    with azure(strict, "text/hello", "sk-wrong-0123456789") as client, pytest.raises(AuthenticationError):
        client.responses.create(model="any", input="Hi")


def test_the_client_finds_it_below_the_newer_path_of_azure(strict: RunningServer) -> None:
    with OpenAI(base_url=f"{strict.url}/openai/v1/", api_key=KEY) as client:
        assert client.responses.create(model="any", input="Hi").status == "completed"
