"""Thirty secrets planted in one exchange are all gone, and nothing else has changed."""

import base64
import json
import os
import stat
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_secrets import (
    ARGUMENTS,
    BODY,
    REQUEST_HEADERS_GIVEN,
    SECRETS,
    TEXT,
    URL,
    leaked,
    made,
    redactor,
    stream,
)

from respool.check import checker
from respool.check.findings import Level
from respool.errors import OptionError
from respool.protocol.events import Event
from respool.record.redaction import (
    RESPONSE_HEADERS,
    Redactor,
    SecretLeft,
    create_private,
    load_hook,
)
from respool.record.secrets import PLACEHOLDER

ROOT = Path(__file__).parents[2]


def joined(texts: Iterable[str], type_: str) -> str:
    return "".join(event["delta"] for event in map(json.loads, texts) if event["type"] == f"{type_}.delta")


def values(texts: Iterable[str], type_: str, name: str) -> list[str]:
    return [event[name] for event in map(json.loads, texts) if event["type"] == type_]


def errors(texts: Iterable[str]) -> list[str]:
    found = checker.check([Event.parse(text) for text in texts])
    return [str(finding) for finding in found if finding.level is Level.ERROR]


def redact_exchange(size: int) -> tuple[Redactor, list[str], list[str]]:
    """The redactor, all texts that it gave but the events, and these."""
    own = redactor()
    texts = [f"{name}: {value}" for name, value in own.headers(REQUEST_HEADERS_GIVEN)]
    headers = [("set-cookie", f"session={SECRETS['cookie']}"), ("x-request-id", "req_1")]
    texts += [f"{name}: {value}" for name, value in own.headers(headers, RESPONSE_HEADERS)]
    texts += [own.url(URL), own.body(json.dumps(BODY))]
    return own, texts, own.events(stream(TEXT, ARGUMENTS, size))


def test_there_are_thirty_secrets_and_they_are_seen_where_nothing_is_redacted() -> None:
    assert len(SECRETS) >= 30
    given = [f"{name}: {value}" for name, value in REQUEST_HEADERS_GIVEN]
    events = stream(TEXT, ARGUMENTS, 5)
    assert leaked([*given, URL, json.dumps(BODY), *events]) == list(SECRETS)


@pytest.mark.parametrize("size", [1, 2, 5, 13, 100, 10_000])
def test_all_planted_secrets_are_gone_and_deltas_still_add_up(size: int) -> None:
    own, texts, events = redact_exchange(size)
    text, arguments = (
        joined(events, f"response.{kind}") for kind in ("output_text", "function_call_arguments")
    )
    assert leaked([*texts, *events, text, arguments]) == []
    assert values(events, "response.output_text.done", "text") == [text]
    assert values(events, "response.function_call_arguments.done", "arguments") == [arguments]
    assert errors(events) == errors(stream(TEXT, ARGUMENTS, size))
    assert own.check("\n".join([*texts, *events])) == []


def test_the_same_secret_has_the_same_placeholder_in_header_body_and_stream() -> None:
    own = Redactor()
    key = SECRETS["openai"]
    own.headers([("authorization", f"Bearer {key}")])
    body = own.body(json.dumps({"input": f"is {key} mine?"}))
    events = own.events(stream(f"It is {key}.", json.dumps({"key": key}), 4))
    placeholder = "REDACTED-openai-key-1"
    assert json.loads(body) == {"input": f"is {placeholder} mine?"}
    assert joined(events, "response.output_text") == f"It is {placeholder}."
    assert json.loads(joined(events, "response.function_call_arguments")) == {"key": placeholder}


def test_other_secrets_have_other_numbers_and_those_in_the_text_are_taken() -> None:
    own = Redactor()
    one, two = made("ghp_", 36), made("ghp_", 37)
    assert own.body(f"REDACTED-github-token-4 {one} {two} {one}") == (
        "REDACTED-github-token-4 REDACTED-github-token-5 REDACTED-github-token-6 REDACTED-github-token-5"
    )


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    key = SECRETS["groq"]
    before = r'{ "a" : "\u00e9\/\ud83d\ude00", "b":1.00, "c":"\n' + key + r'\"" ,"d":[ ]}'
    assert Redactor().body(before) == before.replace(key, "REDACTED-groq-key-1")


def test_a_secret_within_json_within_json_is_replaced_where_it_stands() -> None:
    key = SECRETS["anthropic"]
    before = json.dumps({"a": json.dumps({"b": json.dumps({"c": f"\n{key}\n"})})})
    assert Redactor().body(before) == before.replace(key, "REDACTED-anthropic-key-1")


def test_an_escape_cannot_hide_a_secret() -> None:
    key = SECRETS["github"]
    hidden = f"\\u0067{key[1:9]}\\u{ord(key[9]):04x}{key[10:]}"
    assert Redactor().body(f'{{"a":"x {hidden} y"}}') == '{"a":"x REDACTED-github-token-1 y"}'


def test_base64_stays_base64() -> None:
    key = SECRETS["stripe"]
    encoded = base64.b64encode(f"STRIPE={key}; and more".encode()).decode()
    redacted = json.loads(Redactor().body(json.dumps({"data": encoded})))["data"]
    assert base64.b64decode(redacted).decode() == "STRIPE=REDACTED-stripe-key-1; and more"


def test_logprobs_that_spell_a_secret_are_emptied_and_others_stay() -> None:
    events = Redactor().events(stream(f"word {SECRETS['npm']} word" + " word" * 10, "{}", 5))
    logprobs = values(events, "response.output_text.delta", "logprobs")
    assert logprobs[0]
    assert logprobs[-1]
    assert [] in logprobs
    assert values(events, "response.output_text.done", "logprobs") == [[]]


def test_deltas_of_other_parts_do_not_add_up_to_a_secret() -> None:
    key = SECRETS["github"]
    texts = [
        json.dumps({"type": "response.output_text.delta", "output_index": index, "delta": half})
        for index, half in enumerate([key[:20], key[20:]])
    ]
    assert "".join(json.loads(text)["delta"] for text in Redactor().events(texts)) == key


def test_a_pointer_names_values_of_any_kind() -> None:
    own = Redactor(pointers=["/metadata/*", "/user", "/input/0/n"])
    body = '{"metadata": {"a": "x", "b": 1}, "user": {"id": [1, 2]}, "input": [{"n": "y", "m": "z"}]}'
    redacted = own.body(body)
    assert json.loads(redacted) == {
        "metadata": {"a": "REDACTED-pointer-1", "b": "REDACTED-pointer-2"},
        "user": "REDACTED-pointer-3",
        "input": [{"n": "REDACTED-pointer-4", "m": "z"}],
    }
    assert own.body(redacted) == redacted


def test_a_group_of_a_pattern_is_the_secret() -> None:
    assert Redactor([r"ticket (\w+)"]).body("see ticket abc; or ticket def") == (
        "see ticket REDACTED-user-1; or ticket REDACTED-user-2"
    )


def test_headers_are_kept_by_a_list_of_names() -> None:
    own = Redactor()
    pairs = [
        ("Accept", "*/*"),
        ("X-Of-Ours", "1"),
        ("Authorization", "Bearer abc"),
        ("OpenAI-Organization", "o"),
    ]
    assert own.headers(pairs) == [("Accept", "*/*")]
    pairs = [("x-ratelimit-limit-tokens", "5"), ("set-cookie", "a=b"), ("Retry-After", "1")]
    assert own.headers(pairs, RESPONSE_HEADERS) == [("x-ratelimit-limit-tokens", "5"), ("Retry-After", "1")]


def test_a_credential_of_no_known_form_is_found_everywhere_once_a_header_had_it() -> None:
    own = Redactor()
    own.headers([("api-key", "local-key-42")])
    assert own.body('{"input": "local-key-42?"}') == '{"input": "REDACTED-header-1?"}'


def test_a_word_in_a_header_is_not_looked_for_everywhere() -> None:
    own = Redactor()
    own.headers([("authorization", "Bearer anything")])
    assert own.body('{"input": "anything"}') == '{"input": "anything"}'


@pytest.mark.parametrize("pattern", ["(", "[a"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(OptionError, match="is no regular expression"):
        Redactor([pattern])


def test_a_pointer_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match="is no JSON pointer"):
        Redactor(pointers=["metadata"])


def test_what_still_looks_like_a_secret_is_refused_with_its_place_and_not_shown() -> None:
    key = SECRETS["xai"]
    with pytest.raises(SecretLeft, match=r"^a\.jsonl:2:8: looks like a secret \(xai-key\)") as refused:
        Redactor().refuse(f'{{}}\n{{"a": "{key}"}}', "a.jsonl")
    assert key[10:] not in str(refused.value)
    assert refused.value.findings[0].pointer == "/a"


def test_a_hook_is_named_by_module_and_function() -> None:
    assert load_hook("os.path:split") is os.path.split
    for spec in ("os.path", "os.path:absent", "no.such.module:f", ":f", "os:sep"):
        with pytest.raises(OptionError, match="expected module:function"):
            load_hook(spec)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    create_private(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        create_private(str(path))
    path.chmod(0o644)
    create_private(str(path), overwrite=True).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_example_of_the_documentation_runs() -> None:
    page = (ROOT / "docs/recording.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("### In Python")[2].partition("```python\n")[2].partition("```")[0], names)
    assert names["body"] == '{"input": "is REDACTED-header-1 mine?"}'
    assert names["url"] == "https://example.com/v1/responses?key=REDACTED-header-1"
    assert names["headers"] == []


RECORDINGS = [
    path
    for folder in (ROOT / "fixtures", ROOT.parent / "shared/recordings")
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.suffix not in (".gz", ".png")
]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_recordings_are_left_as_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    own = Redactor()
    assert own.body(text) == text
    assert own.check(text) == []


edges = st.text(
    st.characters(exclude_categories=["Cs", "L", "N"], exclude_characters="-_/+=%\\"), max_size=20
)
KNOWN = {"bearer", "password in url", "basic", "cookie", "query", "sas", "mcp header", "user's", "hook's"}
forms = st.sampled_from(
    [
        secret
        for name, secret in SECRETS.items()
        if name not in KNOWN and "by" not in name and name != "aws secret"
    ]
)


@settings(max_examples=40)
@given(secret=forms, before=edges, after=edges, size=st.integers(1, 40))
def test_a_redacted_stream_never_has_the_secret(secret: str, before: str, after: str, size: int) -> None:
    own = Redactor()
    text = f"{before} {secret} {after}"
    events = own.events(stream(text, json.dumps({"a": text}), size))
    redacted = joined(events, "response.output_text")
    assert secret not in redacted
    assert secret[-8:] not in "".join(map(str, map(json.loads, events)))
    assert values(events, "response.output_text.done", "text") == [redacted]
    assert PLACEHOLDER.search(redacted)
    assert own.events(events) == events
    assert Redactor().events(events) == events


@given(secret=forms, before=edges, after=edges, layers=st.integers(0, 3))
def test_a_redacted_body_never_has_the_secret_and_redacting_it_again_changes_nothing(
    secret: str, before: str, after: str, layers: int
) -> None:
    value: Any = f"{before} {secret} {after}"
    for _ in range(layers):
        value = json.dumps({"a": value})
    body = Redactor().body(value)
    assert secret[-8:] not in body
    assert Redactor().body(body) == body


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4))
)
def test_json_without_secrets_stays_as_it_is(value: Any) -> None:
    text = json.dumps({"input": value})
    assert Redactor().body(text) == text


@given(st.text(max_size=200), st.sampled_from([r"\d+", r"\w+", ".", "RED", r"(.)-", ".*"]))
def test_redacting_by_any_pattern_comes_to_an_end(text: str, pattern: str) -> None:
    own = Redactor([pattern])
    once = own.body(text)
    assert own.body(once) == once


def test_secrets_next_to_each_other_are_all_gone() -> None:
    keys = [made("ghp_", 30 + n) for n in range(20)]
    redacted = Redactor().body(json.dumps(keys))
    assert json.loads(redacted) == [f"REDACTED-github-token-{n}" for n in range(1, 21)]
    assert all(left != right for left, right in pairwise(json.loads(redacted)))
