import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from respool.commands.serve import serve
from respool.errors import OptionError
from respool.http import create_app
from respool.http.serving import uvicorn_server
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.server_options import ServerOptions, UpstreamOptions, complete
from respool.server.settings import SETTINGS, Part, misspelt_variables

DOCS = Path(__file__).parents[2] / "docs"
BY_PART: dict[Part, Any] = {
    Part.PACE: Pace,
    Part.APP: create_app,
    Part.PROCESS: uvicorn_server,
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_an_argument_of_its_part_with_the_same_default(setting: Any) -> None:
    if setting.part in (Part.COMMAND, Part.UPSTREAM, Part.SERVER):
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
    assert all(one.type.words for one in SETTINGS if one.type.name == "choice")


def test_a_server_reads_its_defaults_from_the_table() -> None:
    given = complete({}, Store([]))
    table = {one.name: one.default for one in SETTINGS if one.part is Part.SERVER}
    assert {name: given.get(name) for name in table} == table


def test_an_unknown_option_of_a_server_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'spede'"):
        MockServer(Store([]), spede=2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ids", "new", "ids is new, expected recorded or fresh"),
        ("session_idle", 0, "session-idle is 0, expected seconds, more than 0"),
        ("keepalive", -1, "keepalive is -1, expected seconds, more than 0"),
        ("replay_window", "long", "replay-window is long, expected seconds, 0 or more"),
        ("clock_mode", "slow", "clock is slow, expected real or frozen or auto"),
        ("max_memory", 1.5, "max-memory is 1.5, expected bytes, as 1000000, 512K or 32M"),
    ],
)
def test_an_option_out_of_range_is_refused_with_what_was_expected(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(OptionError) as raised:
        complete({name: value}, Store([]))  # type: ignore[misc]
    assert str(raised.value) == message


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
