"""``--reload``: take up changes of the recordings' files while the server runs."""

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import watchfiles

from respool.errors import escaped
from respool.recordings.store import Store

logger = logging.getLogger("respool")

LOOK = 1.0  # seconds between two looks at whether a folder is still the one that is watched

_Identity = tuple[int, int] | None


async def watch(store: Store) -> None:
    """Refresh `store` when its files change, and log what has, until this is cancelled.

    A folder that is deleted and made again, or replaced by another one, is watched anew. What the operating
    system cannot watch is looked at every second, and the log says so.
    """
    folders = {path for path in store.paths if path.is_dir()}
    # A file is watched by its folder: many editors replace it, and a watch would stay with the old one.
    parents = {path.parent for path in store.paths if not path.is_dir()}
    async with asyncio.TaskGroup() as group:
        for paths, recursive in ((folders, True), (parents, False)):
            if paths:
                group.create_task(_follow(store, paths, recursive))


async def _follow(store: Store, paths: Collection[Path], recursive: bool) -> None:
    reported = ""
    while True:
        watched = {path: _identity(path) for path in paths}
        replaced = asyncio.Event()
        looking = asyncio.create_task(_look(watched, replaced))
        try:
            if missing := [str(path) for path, identity in watched.items() if identity is None]:
                raise FileNotFoundError(2, "no such folder", missing[0])
            await _refresh(store)  # what has changed before, or between two watches
            watched_already = False
            async for changes in watchfiles.awatch(
                *paths,
                recursive=recursive,
                watch_filter=None,
                step=50,
                debounce=200,
                stop_event=replaced,
                rust_timeout=int(LOOK * 1000),
                yield_on_timeout=True,
            ):
                # The first time also without changes: some may have come just before the watch began.
                if changes or not watched_already:
                    await _refresh(store)
                watched_already = True
        except Exception as error:  # a folder that has gone or may not be read, no more watches, ...
            problem = escaped(" ".join(str(error).split()))
            if problem != reported:
                logger.warning("changes are looked for every second, since watching fails: %s", problem)
                reported = problem
            await _refresh(store)
            await asyncio.sleep(LOOK)
        finally:
            looking.cancel()


async def _look(watched: Mapping[Path, _Identity], replaced: asyncio.Event) -> None:
    while all(_identity(path) == identity for path, identity in watched.items()):
        await asyncio.sleep(LOOK)
    replaced.set()


def _identity(path: Path) -> _Identity:
    """Return what identifies a folder in the file system; None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def _refresh(store: Store) -> None:
    changes = await asyncio.to_thread(store.refresh)
    for name in changes.changed:
        logger.info("reloaded %s", escaped(name))
    for name in changes.removed:
        logger.info("removed %s", escaped(name))
    for refusal in changes.refused:
        kept = "; its last good version is still served" if refusal.kept else ""
        logger.warning("refused %s%s", escaped(str(refusal.error)), kept)
