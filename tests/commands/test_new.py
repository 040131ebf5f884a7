"""respool new: a script from a few options, never outside of its folder, never over another file."""

import json
from pathlib import Path

import jsonschema
import pytest

from respool import scripts as scripts
from respool.commands.new import new
from respool.errors import PathError, RecordingError
from respool.recordings.formats import script
from respool.scripts import Script, Step, Turn


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> None:
    new.main(list(args), standalone_mode=False)


def message(text: str) -> Step:
    return Step("message", {"text": text})


@pytest.mark.parametrize(
    ("args", "written", "steps"),
    [
        ([], "text: Hello there!\n", (message("Hello there!"),)),
        (["--text", "no"], "text: 'no'\n", (message("no"),)),
        (
            ["--text", "a: b\nc", "--text", "d"],
            "output:\n  - message: |-\n      a: b\n      c\n  - message: d\n",
            (message("a: b\nc"), message("d")),
        ),
        (
            ["--refusal", "I won't.", "--reasoning", "a", "--reasoning", "b"],
            "output:\n  - reasoning:\n      - a\n      - b\n  - refusal: I won't.\n",
            (
                Step("reasoning", {"summary": ("a", "b")}),
                Step("message", {"content": (("refusal", "I won't."),)}),
            ),
        ),
        (
            ["--tool", 'get_weather:{"city":"Paris"}', "--tool", "get_time", "--tool", 'x:{"a": 1}'],
            """output:
  - function_call:
      name: get_weather
      arguments:
        city: Paris
  - function_call:
      name: get_time
      arguments: {}
  - function_call:
      name: x
      arguments: '{"a": 1}'
""",
            (
                Step("function_call", {"name": "get_weather", "arguments": '{"city":"Paris"}'}),
                Step("function_call", {"name": "get_time", "arguments": "{}"}),
                Step("function_call", {"name": "x", "arguments": '{"a": 1}'}),
            ),
        ),
    ],
)
def test_a_script_says_what_the_options_say(
    folder: Path, args: list[str], written: str, steps: tuple[Step, ...]
) -> None:
    run("a", *args)
    path = folder / "a.script.yaml"
    assert path.read_text("utf-8") == written
    assert script.write(Script((Turn(steps),))) == written
    (recording,) = script.read(path.read_bytes(), "a", str(path))
    assert recording.events[-1].event.type == "response.completed"


def test_the_model_is_written(folder: Path) -> None:
    run("a", "--model", "1.10")
    assert (folder / "a.script.yaml").read_text() == "model: '1.10'\ntext: Hello there!\n"


def test_it_prints_the_path_and_what_to_do_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("tools/weather", "--into", "recordings")
    out, err = capsys.readouterr()
    assert out == "recordings/tools/weather.script.yaml\n"
    assert Path(out.strip()).exists()
    assert "respool serve recordings\n" in err
    assert "/r/tools/weather/v1/responses" in err


def test_a_name_may_have_the_suffix_already(folder: Path) -> None:
    run("a.script.yaml")
    assert [path.name for path in folder.iterdir()] == ["a.script.yaml"]


def test_a_file_that_is_there_is_replaced_only_by_force(folder: Path) -> None:
    run("a", "--text", "first")
    with pytest.raises(PathError, match=r"^a\.script\.yaml is already there; --force replaces it$"):
        run("a", "--text", "second")
    assert (folder / "a.script.yaml").read_text() == "text: first\n"
    run("a", "--text", "second", "--force")
    assert (folder / "a.script.yaml").read_text() == "text: second\n"


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_name_that_another_recording_has_is_refused(folder: Path, force: list[str]) -> None:
    (folder / "a.jsonl").touch()
    with pytest.raises(PathError, match=r"^a\.jsonl has that name already; a server would refuse both$"):
        run("a", *force)


@pytest.mark.parametrize(
    "name", ["../a", "/a", "a/../../b", "", "a//b", ".a", "a/.b", "a#2", "C:\\a", "..\\a", "a\0b", "a/", " "]
)
def test_a_name_never_leads_out_of_the_folder_and_can_be_served(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        new.main([name, "--into", "inner"])
    assert ended.value.code == 2
    assert "is no name: expected words parted by /" in capsys.readouterr().err
    assert list(folder.rglob("*.yaml")) == []


def test_a_link_never_leads_out_of_the_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "link").symlink_to(folder)
    with pytest.raises(PathError, match=r"^inner/link/a\.script\.yaml: it leads out of inner$"):
        run("link/a", "--into", "inner")
    (folder / "inner" / "b.script.yaml").symlink_to(folder / "outside")
    with pytest.raises(PathError, match=r"it leads out of inner$"):
        run("b", "--into", "inner", "--force")


def test_a_file_in_the_way_of_a_folder_is_an_error_of_the_path(folder: Path) -> None:
    (folder / "a").touch()
    with pytest.raises(PathError, match=r"^a/b\.script\.yaml: "):
        run("a/b")


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        ("f:{", "the arguments of f are not JSON: Expecting property name"),
        ("f:[]", "'f:[]': expected NAME or NAME:{...}"),
        (":{}", "':{}': expected NAME or NAME:{...}"),
    ],
)
def test_arguments_of_a_tool_are_a_json_object(
    folder: Path, tool: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        new.main(["a", "--tool", tool])
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_text_that_is_no_unicode_is_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(RecordingError, match=r"half a character"):
        run("a", "--text", "\udcff")
    assert list(folder.iterdir()) == []


def test_the_json_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        new.main(["--schema"])
    schema = json.loads(capsys.readouterr().out)
    assert schema == scripts.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
