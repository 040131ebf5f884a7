import re

import pytest

from respool.record.scan import find_secrets
from respool.record.secrets import PLACEHOLDER, RULES, SecretRule, field_rule

# Texts that look somewhat like secrets, and are none.
HARMLESS = [
    "resp_68f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0",
    "call_AbCdEf1234567890AbCdEf12",
    "msg_68f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0",
    '"token":"call_AbCdEf1234567890AbCdEf12"',
    "chatcmpl-AbCdEf1234567890AbCdEf1234567",
    "5d41402abc4b2a76b9719d911017c592",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "123e4567-e89b-12d3-a456-426614174000",
    "sk-spinner-double-bounce-child2",
    "task-management-system-for-everybody-2",
    "Incorrect API key provided: sk-abcd****wxyz",
    "api_key = os.environ['OPENAI_API_KEY']",
    "api_key=settings.OPENAI_API_KEY_2024",
    "api_key: str = Field(default=None)",
    "Authorization: Bearer $OPENAI_API_KEY",
    "Authorization: Bearer <your-access-token-goes-here-1>",
    "Authorization: Bearer sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "the bearer of this-long-letter-with-hyphens",
    "password: please enter it",
    "password=your_password",
    '{"password": "my-secret-password"}',
    '{"authorization": "Bearer test-key"}',
    '{"Authorization": "Sanitized"}',
    '{"api_key": "[REDACTED]"}',
    '{"token": "base64url", "logprob": -0.1}',
    "https://user:password@example.com",
    "https://${USER}:${PASSWORD}@example.com",
    "https://example.com/?key=value&token=abc&page=2",
    "https://example.com/a?utm_source=openai&code=DE",
    "max_output_tokens=1000000000000000",
    "total_tokens: 12345678901234567890",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "set-cookie: __cf_bm=dOVwLeU7r7aShRQaxTKiYcu2Y1q8ZJiD8OFt516IQkk-1778037182; path=/",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    "begin with -----BEGIN PRIVATE KEY----- and then the key",
    "REDACTED-openai-key-1",
    "Bearer REDACTED-bearer-token-12",
    "basic understanding of things",
]

# What a rule may begin with, again and again: where time is more than linear, it takes minutes.
BEGINNINGS = [
    "-----BEGIN PRIVATE KEY-----", "sk-ant-", "sk-a", "eyJ", "eyJaaaaaaaaa.", "eyJaaaaaaaaa-", "://a:", "://",
    "bearer ", "basic YWFh", "cookie: a=", "&key=&", "?key=a", "secret_key=", "tokentoken", "aws_key=",
    "password=", "AccountKey=", "A", "aA1", "gho_", "password=&&", "x", "not",
    "SG.aaaaaaaaaaaaaaaaaaaa.", "123456789:AA", "\\", '"', '\\"', "{", "[",
    '{"a":', "\n{", "\ndata: {", "%41", "%%4", "gAAAA", "data:image/png;base64,", "REDACTED-user-1", "1Q~",
    "JQQJ99", "\\ud83d", "QUJD\n", "hooks.slack.com/services/",
]  # fmt: skip


# Secrets in the ways in which people write them, with what stays.
WRITTEN = [
    ("export OPENAI_API_KEY=sk-{a}{a}", "export OPENAI_API_KEY="),
    ("authorization: Bearer a1{b}", "authorization: Bearer "),
    ("password: Tr0ub4dor&3, and so on", "password: "),
    ("?password=Tr0ub4dor&page=3", "?password="),
    ("postgres://app:s3cr3tpw@db:5432/x", "postgres://app:"),
    ("https://a.example/b?sv=2022&sig={a}%2B{b}%3D&se=2026", "https://a.example/b?sv=2022&sig="),
    ("AccountName=a;AccountKey={a}{a}{b}==;", "AccountName=a;AccountKey="),
    ("api-key: {b}{b}9", "api-key: "),
    ('{{"headers": [{{"name": "Authorization", "value": "Bearer {a}"}}]}}', None),
    ('{{"password": "correct horse battery staple"}}', '{{"password": "'),
    ('{{"Set-Cookie": ["sid={a}; Path=/; HttpOnly"]}}', None),
    ('{{"tools": [{{"type": "mcp", "authorization": "a-b-c-d"}}]}}', None),
    ('body: "{{\\"key\\": \\"ghp_{a}{a}\\"}}"', None),
    ("hooks.slack.com/services/T0/B0/{a}", "hooks.slack.com/services/"),
]


@pytest.mark.parametrize(("text", "before"), WRITTEN)
def test_secrets_are_found_as_people_write_them(text: str, before: str | None) -> None:
    text = text.format(a="Ab3dE6gH9jK2mN5pQ8rS", b="0a1b2c3d4e5f")
    found = find_secrets(text)
    assert len(found) == 1
    if before is not None:
        assert found[0].column == len(before.replace("{{", "{")) + 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    assert find_secrets(text) == []


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_megabyte_of_beginnings_is_searched_in_linear_time(beginning: str) -> None:
    text = beginning * (1_000_000 // len(beginning))
    find_secrets(text)
    find_secrets('{"password": "' + text[:300_000].replace("\\", "\\\\").replace('"', '\\"') + '"}')


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}-{RULES.index(rule)}")
def test_hints_are_lower_case_and_stand_in_the_pattern(rule: SecretRule) -> None:
    pattern = rule.pattern.pattern.lower().replace("\\", "")
    for hint in rule.hints:
        assert hint == hint.lower()
        words = re.findall(r"[a-z0-9]+", hint)
        assert all(word in pattern or word[:2] in pattern for word in words)


def test_every_name_of_a_rule_fits_into_a_placeholder() -> None:
    for rule in RULES:
        assert PLACEHOLDER.fullmatch(f"REDACTED-{rule.name}-12")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("api_key", "named-secret"),
        ("OPENAI_API_KEY", "named-secret"),
        ("X-API-Key", "named-password"),
        ("Password", "named-password"),
        ("db_password", "named-password"),
        ("clientSecret", "named-password"),
        ("Set-Cookie", "cookie"),
        ("key", None),
        ("prompt_cache_key", None),
        ("max_tokens", None),
        ("text", None),
    ],
)
def test_fields_are_known_by_their_names(name: str, rule: str | None) -> None:
    found = field_rule(name)
    assert (found and found[0]) == rule
