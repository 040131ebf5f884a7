import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from respool.commands.serve import serve
from respool.http import create_app
from respool.http.serving import uvicorn_server
from respool.play.pace import Pace
from respool.server.mock_server import MockServer, ServerOptions
from respool.server.settings import SETTINGS, Kind, Part, UpstreamOptions, misspelt_variables

DOCS = Path(__file__).parents[2] / "docs"
BY_PART: dict[Part, Any] = {
    Part.PACE: Pace,
    Part.SERVER: MockServer.__init__,
    Part.APP: create_app,
    Part.PROCESS: uvicorn_server,
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_an_argument_of_its_part_with_the_same_default(setting: Any) -> None:
    if setting.part in (Part.COMMAND, Part.UPSTREAM):
        return
    parameters = inspect.signature(BY_PART[setting.part]).parameters
    assert setting.name in parameters
    default = parameters[setting.name].default
    assert default == setting.default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_an_option_of_serve_and_documented(setting: Any) -> None:
    param = next(param for param in serve.params if param.name == setting.name)
    assert setting.flag in param.opts
    assert param.envvar == setting.variable
    assert f"`{setting.flag}`" in (DOCS / "cli.md").read_text()


def test_what_the_server_takes_is_in_the_table() -> None:
    given_otherwise = {"pace", "clock", "state", "asks_upstream"}
    names = {setting.name for setting in SETTINGS if setting.part is Part.SERVER}
    assert set(ServerOptions.__annotations__) - given_otherwise == names
    assert set(UpstreamOptions.__annotations__) == {
        setting.name for setting in SETTINGS if setting.part is Part.UPSTREAM
    }
    assert {field.name for field in fields(Pace)} == {
        setting.name for setting in SETTINGS if setting.part is Part.PACE
    }


def test_quiet_has_a_letter() -> None:
    assert next(param for param in serve.params if param.name == "quiet").opts == ["--quiet", "-q"]


def test_names_options_and_variables_are_given_once() -> None:
    for values in ([one.name for one in SETTINGS], [one.flag for one in SETTINGS]):
        assert len(set(values)) == len(values)
    assert all(one.choices for one in SETTINGS if one.kind is Kind.CHOICE)


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("RESPOOL_SPEDE", "RESPOOL_SPEDE is no setting; did you mean RESPOOL_SPEED?"),
        ("RESPOOL_FAULTS", "RESPOOL_FAULTS is no setting; did you mean RESPOOL_FAULT?"),
        ("RESPOOL_SPEED", None),
        ("RESPOOL_PATHS", None),
        ("RESPOOL_PORT_8080_TCP", None),
        ("PATH", None),
    ],
)
def test_a_misspelt_variable_is_told_with_the_nearest(variable: str, line: str | None) -> None:
    assert misspelt_variables([variable]) == ([] if line is None else [line])


def test_a_misspelt_variable_is_a_warning_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESPOOL_DEFUALT", "x")
    result = CliRunner().invoke(serve, ["nothing-here", "--port", "0"])
    assert "warning: RESPOOL_DEFUALT is no setting; did you mean RESPOOL_DEFAULT?" in result.output
