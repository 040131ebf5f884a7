"""respool demo"""

from collections.abc import Sequence
from pathlib import Path

import click

import respool
from respool.errors import PathError

# The files of fixtures/ that the quick start needs. pyproject.toml puts the same ones into the wheel.
RECORDINGS = ("text/hello.jsonl", "tools/get_weather.jsonl", "errors/rate_limit.jsonl")


@click.command(
    epilog="""\b
Exit codes: 0 they are written; 2 wrong usage, or a file that is already there.

\b
Examples:
  respool demo                        into the folder fixtures
  respool demo tests/fixtures && respool tests/fixtures
""",
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("fixtures"))
@click.option("--force", is_flag=True, help="Replace files that are already there.")
def demo(folder: Path, force: bool) -> None:
    """Write a few recordings into FOLDER [fixtures], to try things with: a text, a call of a tool, a 429."""
    places = [folder / name for name in RECORDINGS]
    if not force and (there := [str(place) for place in places if place.exists()]):
        raise PathError(f"{there[0]}: is already there; --force replaces it")
    for place, data in zip(places, map(_content, RECORDINGS), strict=True):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except OSError as error:
            raise PathError(f"{place}: {(error.strerror or str(error)).lower()}") from None
    _print_written(folder, places)


def _content(name: str) -> bytes:
    """Return the content of a recording, from the wheel or the repository."""
    package = Path(respool.__file__).parent
    for folder in (package / "demo", package.parents[1] / "fixtures"):
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    raise PathError(f"{package / 'demo' / name}: the installation lacks it; install respool again")


def _print_written(folder: Path, places: Sequence[Path]) -> None:
    for place in places:
        click.echo(f"wrote {place}")
    click.echo(f"try: respool {folder}")
