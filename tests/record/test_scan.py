import io
import json
import re

import pytest

from respool.record import scan
from respool.record.scan import SecretFinding, find_secrets, masked, scan_stream
from respool.record.search import Search

KEY = "gsk_" + "aB3dE6gH9jK2" * 4
PEM = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 3 + "-----END PRIVATE KEY-----"


def places(findings: list[SecretFinding]) -> list[tuple[str, str, str]]:
    return [(found.place, found.rule, found.pointer) for found in findings]


@pytest.mark.parametrize(
    ("text", "place", "pointer"),
    [
        (f"a\nkey {KEY} b", "2:5", ""),
        (f'{{"a": [0, {{"b/c": "{KEY}"}}]}}', "1:20", "/a/1/b~1c"),
        (f'{{}}\n[0.5, {{"type": "x", "text": "é {KEY}"}}]', "2:32", "/1/text"),
        (f'event: x\ndata: {{"a": "{KEY}"}}\n\n', "2:14", "/a"),
        (json.dumps({"body": f'data: {{"a": "{KEY}"}}\n\n'}), "1:27", "/body"),
        (f"a:\r\n  - {KEY}\r\n", "2:5", ""),
        (f"{{{KEY}", "1:2", ""),
    ],
)
def test_a_finding_tells_line_column_and_pointer(text: str, place: str, pointer: str) -> None:
    assert places(find_secrets(text)) == [(place, "groq-key", pointer)]


def test_a_secret_that_is_cut_across_deltas_is_one_finding_at_its_first_part() -> None:
    lines = [
        json.dumps({"type": "response.output_text.delta", "output_index": 0, "delta": KEY[at : at + 7]})
        for at in range(0, len(KEY), 7)
    ]
    assert places(find_secrets("\n".join(lines))) == [
        (f"1:{lines[0].index(KEY[:7]) + 1}", "groq-key", "/delta")
    ]
    body = json.dumps({"body": "".join(f"data: {line}\n\n" for line in lines)})
    assert [found.rule for found in find_secrets(body)] == ["groq-key"]


def test_deltas_of_two_responses_do_not_add_up() -> None:
    delta = '{{"type": "response.output_text.delta", "delta": "{}"}}'
    created = '{"type": "response.created"}'
    text = "\n".join([created, delta.format(KEY[:20]), created, delta.format(KEY[20:])])
    assert find_secrets(text) == []


def test_a_finding_never_shows_the_secret() -> None:
    assert masked(KEY) == "gsk_aB*** (52 characters)"
    assert masked("short1") == "*** (6 characters)"
    assert masked("\x1b[31m" * 20) == "?[31m?*** (100 characters)"
    for found in find_secrets(f"{KEY} password=hunter2x"):
        assert len(found.masked.partition("*")[0]) <= 6


def test_what_is_allowed_is_no_finding() -> None:
    search = Search(allowed=[re.compile("gsk_.*")])
    assert find_secrets(f'{{"api_key": "{KEY}"}}', search) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_several_encodings_are_read(encoding: str) -> None:
    file = io.BytesIO(f"é\n{KEY}\n".encode(encoding))
    assert [(found.rule, found.place) for found in scan_stream(file)] == [("groq-key", "2:1")]


def test_bytes_that_are_no_text_are_passed_over() -> None:
    file = io.BytesIO(bytes(range(256)) * 10 + f"\n{KEY}\n".encode() + b"\xff\xfe\x00")
    assert [found.rule for found in scan_stream(file)] == ["groq-key"]


def test_a_large_file_is_read_in_blocks_and_each_secret_is_found_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "".join(f"line {n} {KEY if n % 50 == 7 else ''}\n" for n in range(400)) + PEM + "\n"
    expected = find_secrets(text)
    assert len(expected) == 9
    monkeypatch.setattr(scan, "_OVERLAP", 200)
    for size in (301, 512, 1024, 10_000):
        monkeypatch.setattr(scan, "BLOCK", size)
        assert list(scan_stream(io.BytesIO(text.encode()))) == expected


def test_a_line_without_end_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "BLOCK", 1000)
    text = "x " * 700 + KEY + " y" * 2000
    assert [found.rule for found in scan_stream(io.BytesIO(text.encode()))] == ["groq-key"]
