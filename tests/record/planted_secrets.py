"""Secrets of the usual kinds, made at random, and an exchange in which they are planted."""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from respool.record.redaction import Redactor

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


def leaked(texts: Sequence[str]) -> list[str]:
    """The secrets of which any eight characters in a row, a line of a private key's, are still in a text."""
    all_forms = "\n".join(form for text in texts for form in unpacked(text))
    left = []
    for name, secret in SECRETS.items():
        tail = max(secret.split("\n"), key=len)[-8:]
        if secret in all_forms or tail in all_forms:
            left.append(name)
    return left
