"""respool explain"""

import click

from respool.check.findings import RULES
from respool.commands.console import new_console
from respool.errors import OptionError


@click.command(
    epilog="""\b
Examples:
  respool explain RS101      what the code means, with an example and the fix
  respool explain            all codes, one a line
"""
)
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say what the CODE of a finding means. Without one, list them all."""
    console = new_console()
    if code is None:
        for rule in RULES.values():
            console.print(f"[bold]{rule.code}[/] {rule.level:<8}", end="")
            console.print(rule.title, markup=False, soft_wrap=True)
        return
    rule_ = RULES.get(code.upper())
    if rule_ is None:
        raise OptionError(f"no finding has the code {code}; 'respool explain' lists them all")
    console.print(f"[bold]{rule_.code}[/] ({rule_.level})", end=" ")
    console.print(rule_.title, markup=False, soft_wrap=True)
    for heading, text in (("", rule_.explanation), ("Example", rule_.example), ("What to do", rule_.fix)):
        console.print(f"\n[bold]{heading}[/]" if heading else "")
        console.print(text, markup=False)
