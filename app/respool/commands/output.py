"""What several commands print."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from respool.store import Store


def new_console() -> "Console":
    from rich.console import Console

    # What is piped into a file or a command is not folded to the width of a terminal.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_refused(store: "Store", console: "Console") -> None:
    for refusal in store.refused:
        console.print("[red]refused[/]", end=" ")
        console.print(str(refusal.error), markup=False, soft_wrap=True)
