import tomllib
from pathlib import Path

import pytest

from respool import load
from respool.cli import main
from respool.commands.demo import RECORDINGS

ROOT = Path(__file__).parents[2]


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["demo", *map(str, args)])
    return int(ended.value.code or 0)


def test_it_writes_recordings_and_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a" / "b"
    assert run(folder) == 0
    assert capsys.readouterr().out.endswith(f"try: respool {folder}\n")
    for name in RECORDINGS:
        assert load(folder / name)
        assert (folder / name).read_bytes() == (ROOT / "fixtures" / name).read_bytes()


def test_a_file_that_is_there_stays_unless_it_is_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "hello.jsonl").write_text("mine")
    assert run(tmp_path) == 2
    assert "hello.jsonl: is already there; --force replaces it" in capsys.readouterr().err
    assert not (tmp_path / "tools").exists()
    assert run(tmp_path, "--force") == 0
    assert (tmp_path / "text" / "hello.jsonl").read_text("utf-8") != "mine"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "below") == 2
    assert "not a directory" in capsys.readouterr().err


def test_the_wheel_has_what_it_writes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"fixtures/{name}": f"respool/demo/{name}" for name in RECORDINGS}
