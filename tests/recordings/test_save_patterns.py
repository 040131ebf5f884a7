"""Ways in which programs save a file: at no moment of any is half of it served.

Where a line ends, a recording may end as well, and what is written over another text may look like one: for
these, `--reload` waits until a file has not changed for a moment.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from respool.recordings.store import Store

FIXTURES = Path(__file__).parents[2] / "fixtures"
OLD = (FIXTURES / "text/hello.jsonl").read_bytes()
NEW = (FIXTURES / "tools/parallel_calls.jsonl").read_bytes()

Steps = Callable[[Path], Iterator[None]]  # pauses where another program may look


def in_place(*cuts: int) -> Steps:
    """Truncated and written again, in pieces."""

    def save(path: Path) -> Iterator[None]:
        with path.open("wb", buffering=0) as file:
            yield
            for begin, end in zip((0, *cuts), (*cuts, len(NEW)), strict=True):
                file.write(NEW[begin:end])
                yield

    return save


def beside(name: str, *, cut: int = 0, backup: str = "") -> Steps:
    """Written to another name and renamed, with a copy of the old one or without."""

    def save(path: Path) -> Iterator[None]:
        other = path.with_name(name)
        with other.open("wb", buffering=0) as file:
            yield
            file.write(NEW[:cut])
            yield
            file.write(NEW[cut:])
        yield
        if backup:
            path.rename(path.with_name(backup))
            yield
        other.rename(path)
        yield

    return save


def deleted_first(cut: int) -> Steps:
    def save(path: Path) -> Iterator[None]:
        path.unlink()
        yield
        yield from in_place(cut)(path)

    return save


def moved_away(backup: str, cut: int) -> Steps:
    """As vim does it with a backup: the old one is renamed, and the name written anew."""

    def save(path: Path) -> Iterator[None]:
        path.rename(path.with_name(backup))
        yield
        yield from in_place(cut)(path)

    return save


def linked(path: Path) -> Iterator[None]:
    """As Kubernetes does it: the name is a link, which is replaced by another one."""
    other = path.with_name(".new")
    other.write_bytes(NEW)
    link = path.with_name(".link")
    link.symlink_to(other)
    yield
    os.replace(link, path)
    yield


def within_lines(count: int) -> list[int]:
    """Places spread over the new file, each within a line: where a line ends, a stream may end as well."""
    places = [1 + number * (len(NEW) - 2) // count for number in range(count)]
    return [place + 5 if b"\n" in NEW[place - 1 : place + 1] else place for place in places]


PATTERNS: dict[str, Steps] = {
    **{f"in place, cut at {cut}": in_place(cut) for cut in within_lines(70)},
    **{f"in place, in 4 pieces by {cut}": in_place(cut, cut + 7, cut + 9) for cut in within_lines(20)},
    **{f"deleted first, cut at {cut}": deleted_first(cut) for cut in within_lines(20)},
    **{
        f"{name} with backup {backup or 'none'}, cut at {cut}": beside(name, cut=cut, backup=backup)
        for name in (".a.jsonl.swp", "a.jsonl.tmp", "a.jsonl~", ".tmp123", "a.jsonl.orig")
        for backup in ("", "a.jsonl~", "a.jsonl.bak")
        for cut in within_lines(4)
        if name != backup
    },
    **{
        f"moved to {name}, cut at {cut}": moved_away(name, cut)
        for name in ("a.jsonl~", ".a.bak")
        for cut in within_lines(5)
    },
    "a link that is replaced": linked,
}


def test_there_are_as_many_as_were_tried_by_hand() -> None:
    assert len(PATTERNS) >= 169


@pytest.mark.parametrize("save", PATTERNS.values(), ids=PATTERNS)
def test_what_is_served_is_the_old_file_or_the_new_one(save: Steps, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(NEW)
    new = events_of(Store([tmp_path]))
    path.write_bytes(OLD)
    store = Store([tmp_path])
    old = events_of(store)
    assert old
    assert old != new
    for _ in save(path):
        store.refresh()
        assert events_of(store) in (old, new, None)
        assert store.names in (["a"], []), "no name that a program writes beside it"
    store.refresh()
    assert events_of(store) == new


def events_of(store: Store) -> list[str] | None:
    recording = store.get("a")
    return None if recording is None else [timed.event.text for timed in recording.events]
