from pathlib import Path

import pytest

from respool.cli import main
from respool.recordings import formats

HELLO = Path(__file__).parents[2] / "fixtures/text/hello.jsonl"


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["convert", *(str(arg) for arg in args)])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.sse", "a.har", "a.yaml"])
def test_the_suffix_says_the_format_and_the_events_stay_the_same(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    assert run(HELLO, out) == 0
    [before], [after] = (formats.read(path.read_bytes(), "a", str(path)) for path in (HELLO, out))
    assert [one.event for one in after.events] == [one.event for one in before.events]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("options", [("a.script.yaml",), ("a.yaml", "--to", "script")])
def test_a_script_makes_the_same_events_again(options: tuple[str, ...], tmp_path: Path) -> None:
    name, *more = options
    out = tmp_path / name
    assert run(HELLO, out, *more) == 0
    [before], [after] = (
        formats.read(HELLO.read_bytes(), "a", "a"),
        formats.read(out.read_bytes(), "a", "a.script.yaml"),
    )
    assert [one.event.type for one in after.events] == [one.event.type for one in before.events]
    assert out.stat().st_size < HELLO.stat().st_size / 5


def test_a_file_is_replaced_only_when_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.har"
    out.write_text("mine")
    assert run(HELLO, out) == 2
    assert out.read_text() == "mine"
    assert "is there already; expected a new file, or --overwrite" in capsys.readouterr().err
    assert run(HELLO, out, "--overwrite") == 0
    assert out.read_text() != "mine"


def test_what_is_no_recording_is_not_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.json"
    source.write_text('{"a": 1}')
    assert run(source, tmp_path / "b.jsonl") == 1
    assert capsys.readouterr().err == f"respool: {source}: in no format that Respool reads\n"
