from pathlib import Path
from typing import Any

import pytest
from openai.types.responses import Response
from pydantic import ValidationError

from respool.protocol.response_defaults import lacking
from respool.recordings.store import Store

ROOT = Path(__file__).parents[2]
FOLDERS = [folder for folder in (ROOT / "fixtures", ROOT.parent / "shared/recordings") if folder.is_dir()]

# Every Response object in the events of our recordings.
RESPONSES = [
    pytest.param(response, id=f"{turn.name}-{place}")
    for store in map(Store, ([folder] for folder in FOLDERS))
    for name in store.names
    for turn in store.turns(name)
    for place, timed in enumerate(turn.events)
    if isinstance(response := timed.event.data.get("response"), dict)
]


def missing(response: dict[str, Any]) -> list[Any]:
    """The places at which a Response has not what the types require."""
    try:
        Response.model_validate(response)
    except ValidationError as error:
        return [one["loc"] for one in error.errors() if one["type"] == "missing"]
    return []


@pytest.mark.parametrize("response", [{"id": "resp_1"}, {"id": "resp_1", "usage": {"input_tokens": 3}}])
def test_of_next_to_nothing_a_response_becomes_one_of_the_strict_types(response: dict[str, Any]) -> None:
    whole = Response.model_validate({**response, **lacking(response)})
    assert whole.usage is None or whole.usage.total_tokens == 3


@pytest.mark.parametrize("response", RESPONSES)
def test_no_field_is_missing_from_a_recorded_response(response: dict[str, Any]) -> None:
    assert missing({**response, **lacking(response)}) == []


@pytest.mark.parametrize("response", RESPONSES)
def test_what_a_response_has_stays_as_it_is(response: dict[str, Any]) -> None:
    assert {name for name in lacking(response) if name in response} <= {"usage"}
    whole = lacking(response).get("usage")
    if whole:
        for name, value in response["usage"].items():
            assert value == whole[name] or value.items() <= whole[name].items()


def test_a_response_that_lacks_nothing_gets_nothing() -> None:
    response = {"id": "resp_1", "usage": {"input_tokens": 3, "output_tokens": 4}}
    assert not lacking({**response, **lacking(response)})


def test_a_total_is_added_up_and_no_detail_is_lost() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2, "more": 1}}
    assert lacking({"usage": usage})["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 2, "more": 1},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }


def test_how_far_a_response_is_is_not_guessed() -> None:
    assert "status" not in lacking({})


@pytest.mark.parametrize("usage", [None, "many", {"input_tokens": "many", "output_tokens_details": 3}])
def test_a_usage_of_the_wrong_type_is_left_alone(usage: Any) -> None:
    found = lacking({"usage": usage})
    assert not isinstance(usage, str | None) or "usage" not in found
    assert not isinstance(usage, dict) or usage.items() <= found["usage"].items()
