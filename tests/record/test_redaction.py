"""Thirty secrets planted in one exchange are all gone, and nothing else has changed."""

import base64
import json
import os
import re
import stat
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def made(prefix: str, length: int, alphabet: str = _ALPHANUMERIC) -> str:
    """A key that nobody has, the same for the same prefix and length. It ends with a digit and a letter."""
    rng = Random(f"{prefix}{length}")
    return prefix + "".join(rng.choice(alphabet) for _ in range(length - 2)) + "7" + alphabet[0]


def jwt() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234", "name": "Ada"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, made("", 43)])


def pem() -> str:
    lines = "\n".join(made("MII", 61) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


SECRETS = {
    "openai": made("sk-proj-", 48),
    "openai old": made("sk-", 48),
    "anthropic": made("sk-ant-api03-", 60),
    "openrouter": made("sk-or-v1-", 64, "abcdef0123456789"),
    "google": made("AIza", 35),
    "aws id": made("AKIA", 16, "ABCDEFGHIJKLMNOP234567"),
    "aws secret": made("", 40),
    "azure": f"{made('', 52)}JQQJ99{made('B', 25)}",
    "azure by name": made("", 32, "abcdef0123456789"),
    "github": made("ghp_", 36),
    "github pat": made("github_pat_", 60),
    "gitlab": made("glpat-", 20),
    "slack": made("xoxb-123456789012-", 24),
    "stripe": made("sk_live_", 24),
    "huggingface": made("hf_", 34),
    "npm": made("npm_", 36),
    "pypi": made("pypi-AgEIcHlwaS5vcmc", 60),
    "twilio": made("SK", 32, "abcdef0123456789"),
    "sendgrid": f"{made('SG.', 22)}.{made('', 43)}",
    "xai": made("xai-", 60),
    "groq": made("gsk_", 52),
    "mistral by name": made("m", 31),
    "bearer": made("t", 40),
    "pem": pem(),
    "password in url": made("pw", 10),
    "basic": base64.b64encode(f"ada:{made('pass', 12)}".encode()).decode(),
    "cookie": made("c", 30),
    "jwt": jwt(),
    "query": made("q", 28),
    "sas": urllib.parse.quote(base64.b64encode(bytes(range(100, 132))).decode(), safe=""),
    "mcp header": made("h", 24),
    "user's": "cust-00417733",
    "by pointer": "Ada Lovelace, 12 St James's Square",
    "hook's": "the blue door",
}


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def stream(text: str, arguments: str, size: int) -> list[str]:
    """The events of a response with a message and a call, as the service sends them, in pieces of `size`."""
    response: dict[str, Any] = {"id": "resp_68f1a2b3c4d5e6f7a8b9c0d1e2f3", "object": "response", "output": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    call: dict[str, Any] = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "run"}
    whole = {**part, "text": text}
    done = {**message, "status": "completed", "content": [whole]}
    called = {**call, "status": "completed", "arguments": arguments}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    of = {"item_id": "fc_1", "output_index": 1}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": {**response, "status": "in_progress"}}),
        ("response.in_progress", {"response": {**response, "status": "in_progress"}}),
        ("response.output_item.added", {"output_index": 0, "item": {**message, "status": "in_progress"}}),
        ("response.content_part.added", {**at, "part": part}),
        *[
            (
                "response.output_text.delta",
                {**at, "delta": one, "logprobs": [{"token": one, "logprob": -0.1, "bytes": [*one.encode()]}]},
            )
            for one in cut(text, size)
        ],
        ("response.output_text.done", {**at, "text": text, "logprobs": [{"token": text, "logprob": -0.1}]}),
        ("response.content_part.done", {**at, "part": whole}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
        ("response.output_item.added", {"output_index": 1, "item": {**call, "arguments": ""}}),
        *[("response.function_call_arguments.delta", {**of, "delta": one}) for one in cut(arguments, size)],
        ("response.function_call_arguments.done", {**of, "name": "run", "arguments": arguments}),
        ("response.output_item.done", {"output_index": 1, "item": called}),
        ("response.completed", {"response": {**response, "status": "completed", "output": [done, called]}}),
    ]
    return [
        json.dumps({"type": type_, "sequence_number": number, **body})
        for number, (type_, body) in enumerate(bodies)
    ]


def joined(texts: Iterable[str], type_: str) -> str:
    return "".join(event["delta"] for event in map(json.loads, texts) if event["type"] == f"{type_}.delta")


def values(texts: Iterable[str], type_: str, name: str) -> list[str]:
    return [event[name] for event in map(json.loads, texts) if event["type"] == type_]


def errors(texts: Iterable[str]) -> list[str]:
    found = checker.check([Event.parse(text) for text in texts])
    return [str(finding) for finding in found if finding.level is Level.ERROR]


def unpacked(text: str) -> Iterator[str]:
    """A text, and all that it holds in other forms: joined strings of JSON, and what base64 stands for."""
    yield text
    yield urllib.parse.unquote(text)
    for run in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text):
        try:
            yield base64.b64decode(run).decode()
        except ValueError:
            continue


REQUEST_HEADERS_GIVEN = [
    ("Content-Type", "application/json"),
    ("Authorization", f"Bearer {SECRETS['openai']}"),
    ("Proxy-Authorization", f"Basic {SECRETS['basic']}"),
    ("Cookie", f"theme=dark; session={SECRETS['cookie']}"),
    ("X-Api-Key", SECRETS["azure by name"]),
    ("X-Stainless-Lang", "python"),
]
URL = (
    f"https://ada:{SECRETS['password in url']}@example.com/v1/responses?api-version=1&key={SECRETS['query']}"
    f"&sig={SECRETS['sas']}"
)
BODY = {
    "model": "gpt-5.2",
    "input": [
        {"role": "user", "content": f"My key is {SECRETS['openai old']}.\nIs {SECRETS['anthropic']}, too?"},
        {"role": "user", "content": f"OPENROUTER={SECRETS['openrouter']}\n{SECRETS['pem']}\n"},
        {"role": "user", "content": f"curl -H 'Authorization: Bearer {SECRETS['bearer']}' {URL}"},
        {"role": "user", "content": f"Cookie: theme=dark; session={SECRETS['cookie']}"},
        {"type": "function_call_output", "call_id": "call_1", "output": json.dumps({"jwt": SECRETS["jwt"]})},
        {
            "type": "input_file",
            "file_data": "data:text/plain;base64,"
            + base64.b64encode(f"AZURE={SECRETS['azure']}\nGCP={SECRETS['google']}".encode()).decode(),
        },
        {"type": "reasoning", "encrypted_content": "gAAAAABo" + made("", 400, _ALPHANUMERIC + "-_")},
    ],
    "tools": [{"type": "mcp", "server_label": "a", "headers": {"X-Of-Ours": SECRETS["mcp header"]}}],
    "metadata": {"customer": SECRETS["user's"], "name": SECRETS["by pointer"]},
}
TEXT = (
    f"I found {SECRETS['github']} and {SECRETS['github pat']}, {SECRETS['gitlab']}; {SECRETS['slack']}, "
    f"a key of yours: {SECRETS['openai']} 🗝 {SECRETS['stripe']}\n{SECRETS['huggingface']} {SECRETS['npm']} "
    f"behind the blue door. MISTRAL_API_KEY={SECRETS['mistral by name']}"
)
ARGUMENTS = json.dumps(
    {
        "pypi": SECRETS["pypi"],
        "env": f"TWILIO={SECRETS['twilio']}\n{SECRETS['sendgrid']}\t{SECRETS['xai']}",
        "aws": {"aws_access_key_id": SECRETS["aws id"], "aws_secret_access_key": SECRETS["aws secret"]},
        "groq": base64.b64encode(f"export GROQ={SECRETS['groq']}".encode()).decode(),
        "pem": SECRETS["pem"],
    }
)


def redactor() -> Redactor:
    return Redactor(
        ["cust-[0-9]{8}"],
        ["/metadata/name"],
        lambda text: [SECRETS["hook's"]] if SECRETS["hook's"] in text else [],
    )


def redact_exchange(size: int) -> tuple[Redactor, list[str], list[str]]:
    """The redactor, all texts that it gave but the events, and these."""
    own = redactor()
    texts = [f"{name}: {value}" for name, value in own.headers(REQUEST_HEADERS_GIVEN)]
    headers = [("set-cookie", f"session={SECRETS['cookie']}"), ("x-request-id", "req_1")]
    texts += [f"{name}: {value}" for name, value in own.headers(headers, RESPONSE_HEADERS)]
    texts += [own.url(URL), own.body(json.dumps(BODY))]
    return own, texts, own.events(stream(TEXT, ARGUMENTS, size))


def leaked(texts: Sequence[str]) -> list[str]:
    """The secrets of which any eight characters in a row, a line of a private key's, are still in a text."""
    all_forms = "\n".join(form for text in texts for form in unpacked(text))
    left = []
    for name, secret in SECRETS.items():
        tail = max(secret.split("\n"), key=len)[-8:]
        if secret in all_forms or tail in all_forms:
            left.append(name)
    return left


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
    exec(page.partition("```python\n")[2].partition("```")[0], names)
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
    told = joined(events, "response.output_text")
    assert secret not in told
    assert secret[-8:] not in "".join(map(str, map(json.loads, events)))
    assert values(events, "response.output_text.done", "text") == [told]
    assert PLACEHOLDER.search(told)
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
