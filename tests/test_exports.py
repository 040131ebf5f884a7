import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import respool
import respool.faults

SOURCE = Path(respool.__file__)


def homes_for_type_checkers() -> dict[str, str]:
    """Each name that the package imports for type checkers only, and the module it is from."""
    [block] = [
        node
        for node in ast.parse(SOURCE.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.name: statement.module or ""
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def test_all_is_what_type_checkers_see_and_the_version() -> None:
    assert {*homes_for_type_checkers(), "__version__"} == set(respool.__all__)
    assert len(set(respool.__all__)) == len(respool.__all__)


@pytest.mark.parametrize(("name", "home"), homes_for_type_checkers().items())
def test_a_public_name_is_that_of_its_home(name: str, home: str) -> None:
    assert getattr(respool, name) is getattr(import_module(home), name)


def test_dir_lists_the_public_names_and_no_other_lazy_ones() -> None:
    assert set(respool.__all__) <= set(dir(respool))
    assert set(dir(respool)) - set(vars(respool)) <= set(respool.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'respool' has no attribute 'nothing'$"):
        respool.nothing  # noqa: B018


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `statement`, but not before."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parents[1])}
    command = [sys.executable, "-c", code]
    return set(subprocess.check_output(command, env=environment, text=True).split())


def test_importing_the_package_loads_no_module_of_it() -> None:
    assert {name for name in loaded_by("import respool") if name.startswith("respool")} == {"respool"}


@pytest.mark.parametrize(
    "statement",
    ["import respool", *(f"from respool import {name}" for name in respool.__all__ if name != "create_app")],
)
def test_nothing_but_the_app_loads_another_package(statement: str) -> None:
    packages = {name.partition(".")[0] for name in loaded_by(statement)}
    assert packages - sys.stdlib_module_names == {"respool"}


def test_a_server_loads_the_faults_only_when_one_is_asked_for() -> None:
    loaded = loaded_by("import respool.http, respool.faults")
    categories = ("answer", "events", "wire", "time", "end")
    assert not loaded & {f"respool.faults.{name}" for name in ("table", "syntax", *categories)}


def test_all_faults_are_names_of_the_package() -> None:
    names: dict[str, Any] = {}
    exec("from respool.faults import *", names)
    assert {fault.__name__ for fault in names["FAULTS"].values()} <= set(names)
    assert all(names[fault.__name__] is fault for fault in names["FAULTS"].values())
    assert set(names) - {"__builtins__"} <= set(dir(respool.faults))


def test_a_fault_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'respool.faults' has no attribute 'Nothing'$"):
        respool.faults.Nothing  # noqa: B018


def test_a_server_loads_only_when_it_is_asked_for_what_most_of_them_never_need() -> None:
    create = "from respool.http import create_app; create_app(MockServer(Store([])))"
    names = "from respool.server.mock_server import MockServer; from respool.recordings.store import Store"
    loaded = loaded_by(f"{names}; {create}")
    assert not {name for name in loaded if name.startswith("respool.http.admin")}
    assert not loaded & {"jmespath", "respool.scripts.improvise", "respool.scripts.templates"}
    assert not loaded & {"zstandard", "brotli", "rich", "yaml", "respool.http.schemas", "pydantic.v1"}
