import gzip
import io
import re
import sys
from pathlib import Path

import pytest

from respool.cli import main

ROOT = Path(__file__).parents[2]
KEY = "gsk_" + "aB3dE6gH9jK2" * 4


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["scan", *map(str, args)])
    return int(ended.value.code or 0)


def test_fixtures_have_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ROOT / "fixtures") == 0
    assert re.fullmatch(r"\d+ files, 0 secrets\n", capsys.readouterr().out)


def test_a_secret_is_told_with_its_place_and_masked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text(f'{{}}\n{{"input": "is {KEY} mine?"}}\n')
    Path("b.txt").write_text("nothing")
    assert run(".") == 1
    assert capsys.readouterr().out == (
        "a.jsonl:2:15: groq-key: gsk_aB*** (52 characters) at /input\n2 files, 1 secret\n"
    )


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml.gz"
    path.write_bytes(gzip.compress(f"a: {KEY}\n".encode()))
    assert run(path) == 1


def test_damaged_gzip_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a" * 1000)[:20])
    assert run(path) == 2
    assert capsys.readouterr().err.startswith(f"respool: {path}: ")


def test_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"+{KEY}\n".encode())))
    assert run("-") == 1
    assert capsys.readouterr().out.startswith("<stdin>:1:2: groq-key: ")


def test_options_say_what_else_is_found_and_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"cust-00417733 {KEY}\n")
    assert run(path, "--allow", "gsk_.*", "--redact", "cust-[0-9]{8}", "-q") == 1
    out = capsys.readouterr().out
    assert f"{path}:1:1: user: " in out
    assert "groq" not in out
    assert run(path, "--allow", "gsk_.*", "-q") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "missing argument"),
        (("absent",), "absent: no such file or folder"),
        ((".", "--redact", "("), "--redact '(' is no regular expression"),
        ((".", "--allow", "("), "--allow '(' is no regular expression"),
    ],
)
def test_wrong_usage(args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*args) == 2
    assert message in capsys.readouterr().err


def test_a_hook_for_pre_commit_runs_this_command() -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: respool scan\n" in hooks
