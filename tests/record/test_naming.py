import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import OptionError
from respool.record.naming import check_template, name_of, safe

BODY = {"model": "gpt-5.2", "input": "Say hello, Zoë!"}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{model}/{slug}", "gpt-5.2/say-hello-zoe"),
        ("{slug}-{turn}", "say-hello-zoe-1"),
        ("{session}/{slug}", "tests/test_a.py/test_b/say-hello-zoe"),
        ("all", "all"),
    ],
)
def test_a_name_is_made_by_the_template(template: str, name: str) -> None:
    assert name_of(template, BODY, session="tests/test_a.py::test_b") == name


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "unknown/response"),
        ({"model": "openai/gpt-5", "input": "***"}, "openai-gpt-5/response"),
        ({"model": "m", "input": [{"role": "user", "content": "one two"}]}, "m/one-two"),
        ({"model": "m", "input": [{"role": "system", "content": "be nice"}]}, "m/response"),
        ({"model": "m", "input": "x" * 500}, "m/" + "x" * 48),
        ({"model": "m", "input": "key REDACTED-openai-key-1 here"}, "m/key-here"),
        ({"model": ["odd"], "input": 5}, "unknown/response"),
    ],
)
def test_a_name_is_made_of_any_request(body: dict[str, object], name: str) -> None:
    assert name_of("{model}/{slug}", body) == name


@pytest.mark.parametrize("template", ["{other}", "{slug", "{slug:>9}", "{slug!r}", "", "../..", "{0}"])
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(OptionError, match="--name"):
        check_template(template)


@given(st.text())
def test_no_name_leads_elsewhere(text: str) -> None:
    parts = safe(text).split("/")
    assert len(parts) <= 8
    assert all(part == "" or part[0] not in ".~-" for part in parts)
    assert safe(text).isascii()
