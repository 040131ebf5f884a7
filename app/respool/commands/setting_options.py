"""The settings of a server as options of a command."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from respool.commands.param_types import FaultType, OptionParam, Port
from respool.option_types import FLAG, PORT, TEXT, OptionType
from respool.server.settings import FAULTS, SETTINGS, Setting, misspelt_variables

if TYPE_CHECKING:
    from respool.faults import Fault

MATCHING = ("match", "on_miss", "on_exhausted")

_Command = TypeVar("_Command", bound=Callable[..., Any])


def setting_options(command: _Command) -> _Command:
    """Add all settings of a server to a command, as options."""
    for setting in reversed(SETTINGS):
        command = _option(setting)(command)
    return command


def matching_options(command: _Command) -> _Command:
    """Add the settings of matching to a command. They are not read from the environment."""
    for setting in reversed(SETTINGS):
        if setting.name in MATCHING:
            command = _option(setting, environment=False)(command)
    return command


def warn_of_misspelt_variables(environment: Iterable[str] = os.environ) -> None:
    """Warn on stderr about environment variables with our prefix that are no settings."""
    for line in misspelt_variables(environment):
        click.echo(f"warning: {line}", err=True)


def _option(setting: Setting, *, environment: bool = True) -> Callable[[_Command], _Command]:
    flag = setting.flag
    short = ("-q",) if setting.name == "quiet" else ()
    given: dict[str, Any] = {
        "default": None if setting.many else setting.default,
        "help": setting.help,
        "multiple": setting.many,
        "envvar": setting.variable if environment else None,
        "show_default": setting.show_default,
    }
    if setting.type is FLAG:
        names = f"{flag}/--no-{flag.removeprefix('--')}" if setting.default else flag
        del given["multiple"], given["show_default"]
        return click.option(names, *short, setting.name, is_flag=True, **given)
    if setting.type is FAULTS:
        given["callback"] = _join
    if setting.metavar:
        given["metavar"] = setting.metavar
    return click.option(flag, setting.name, type=_type(setting.type), **given)


def _type(type: OptionType) -> Any:
    if type.name == "choice":
        return click.Choice(type.words)
    if type is FAULTS:
        return FaultType()
    if type is PORT:
        return Port()
    return str if type is TEXT else OptionParam(type)


def _join(context: click.Context, option: click.Parameter, value: Any) -> "tuple[Fault, ...]":
    return tuple(fault for faults in value for fault in faults)
