"""Where a system lacks what only Linux or only POSIX has, every module of Respool can be imported."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"

# What Windows lacks; uvloop is not installed there. What macOS lacks is among them.
HIDDEN = "fcntl grp posix pty pwd resource syslog termios tty uvloop".split()
# Modules of other packages may ask for these; only ours, and what they import first, may not.
PROGRAM = """
import importlib, pkgutil, sys

hidden = set(sys.argv[1].split())

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

def portable():
    # What of the standard library asks for them behind "try" or by the system's name is imported beforehand.
    import asyncio, concurrent.futures, ctypes, multiprocessing, pathlib, shutil, signal, socket, ssl
    import subprocess, tempfile, getpass, asyncio.unix_events

portable()
for name in hidden:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hide())
import os, select, signal, socket
for holder, names in (
    (os, "fork getuid geteuid sched_getaffinity killpg setsid posix_spawn".split()),
    (socket, "AF_UNIX SO_REUSEPORT".split()),
    (signal, "SIGHUP SIGUSR1 SIGUSR2 SIGKILL pthread_sigmask".split()),
    (select, "epoll poll".split()),
):
    for name in names:
        if hasattr(holder, name):
            delattr(holder, name)
import respool
wrong = []
for module in pkgutil.walk_packages(respool.__path__, "respool.", onerror=lambda name: None):
    if module.name.rpartition(".")[2] == "__main__":
        continue
    try:
        importlib.import_module(module.name)
    except Exception as error:
        wrong.append(f"{module.name}: {type(error).__name__}: {error}")
print("\\n".join(wrong))
print(len([name for name in sys.modules if name.startswith("respool")]), "modules")
print("hidden:", *sorted(hidden & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def printed() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, " ".join(HIDDEN)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(APP), "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_module_can_be_imported_without_what_only_linux_has(printed: list[str]) -> None:
    *wrong, count, hidden = printed
    assert [line for line in wrong if line] == []
    assert int(count.split()[0]) >= len(list((APP / "respool").rglob("*.py"))) - 5
    assert hidden == "hidden:"  # none of them came in by another way
