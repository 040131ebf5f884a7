"""The pytest plugin: the fixtures `respool` and `respool_drill`, the marker `respool`, options.

See docs/pytest.md.

Each run of our users' tests loads this module, whether it needs it or not: so it imports pytest, and all else
when a test uses it.
"""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from respool.drill.cases import Case
    from respool.mock_session import MockSession, ServerPool
    from respool.record.for_tests import RecordPlan

MARKER = "respool"
RECORD_MODES = ("none", "once", "new_episodes", "all")  # as VCR has them
UPSTREAM = "https://api.openai.com/v1"
_SETTINGS = ("script", "speed", "fault", "env", "strict")  # keywords of the marker
_FOLDERS = ("fixtures", "recordings")  # the default folders of recordings
_SESSION: "pytest.StashKey[MockSession]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "respool_fixtures",
        "Folders and files of recordings, relative to this file (default: fixtures or recordings, beside the "
        "test file or above it).",
        type="paths",
        default=[],
    )
    parser.addini("respool_speed", "instant (default), or a factor: 1 is as recorded.", default="instant")
    parser.addini(
        "respool_strict",
        "What fails a test that leaves it behind: off, unmatched (requests; default), or all (also turns "
        "that were never played).",
        default="unmatched",
    )
    parser.addini(
        "respool_env",
        "Set OPENAI_BASE_URL and OPENAI_API_KEY in each test that uses the fixture respool.",
        type="bool",
        default=False,
    )
    parser.addini(
        "respool_record",
        "What --respool-record is where it is not given: none (default; always so in CI), once, new_episodes "
        "or all.",
        default="none",
    )
    parser.addini("respool_upstream", "The base URL to record from.", default=UPSTREAM)
    parser.addini(
        "respool_api_key_env",
        "The variable that holds the upstream's key; empty: what the client sends goes through.",
        default="OPENAI_API_KEY",
    )
    parser.addini("respool_drill", "The cases of respool_drill, as of respool drill --set.", default="quick")
    group = parser.getgroup("respool", "respool: the Responses API from recordings")
    group.addoption(
        "--respool-record",
        choices=RECORD_MODES,
        help="Ask the real service for what is not recorded (default: as the ini file says, else none).",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "respool(name, *, script, speed, fault, env, strict): what the fixture respool plays in this test, "
        "and how; on a test, a class or a module",
    )
    _record_mode(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    mode = _record_mode(config)
    if mode == "none":
        return None
    return f"respool: recording ({mode}) from {config.getini('respool_upstream')}"


def _record_mode(config: pytest.Config) -> str:
    """Return one of RECORD_MODES. In CI the real service is used only if the command line sets a mode."""
    given: str | None = config.getoption("--respool-record")
    if given is not None:
        return given
    mode = str(config.getini("respool_record"))
    if mode not in RECORD_MODES:
        raise pytest.UsageError(f"respool_record is {mode!r}, expected {', '.join(RECORD_MODES)}")
    return "none" if os.environ.get("CI", "").lower() not in ("", "0", "false") else mode


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "respool_drill" not in metafunc.fixturenames:
        return
    from respool.drill.cases import choose
    from respool.errors import OptionError

    sets = str(metafunc.config.getini("respool_drill"))
    try:
        cases = choose(sets)
    except OptionError as error:
        wrong = f"respool_drill: {error}"
    else:
        wrong = ""
    if wrong:
        pytest.fail(wrong, pytrace=False)
    metafunc.parametrize("respool_drill", cases, ids=[case.name for case in cases], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and "respool" not in names and item.get_closest_marker(MARKER):
            names.insert(0, "respool")  # the marker implies the fixture


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test with unmatched requests or unplayed turns (`respool_strict`); add them to the report of a
    test that fails anyway."""
    try:
        result = yield
    except BaseException:
        if complaint := _complaint(item):
            item.add_report_section("call", "respool", complaint)
        raise
    if complaint := _complaint(item):
        pytest.fail(complaint, pytrace=False)
    return result


def _complaint(item: pytest.Item) -> str:
    session = item.stash.get(_SESSION, None)
    return session.complaint(_setting(item, "strict")) if session is not None else ""


@pytest.fixture(scope="session")
def respool_fixtures(request: pytest.FixtureRequest) -> Sequence[Path] | None:
    """Return the folders and files of recordings; None: the nearest folder. A conftest may override it."""
    found: Sequence[Path] = request.config.getini("respool_fixtures")
    return found or None


@pytest.fixture(scope="session")
def _respool_servers() -> "Iterator[ServerPool]":
    from respool.mock_session import ServerPool

    pool = ServerPool()
    yield pool
    pool.close()


@pytest.fixture
def respool(
    request: pytest.FixtureRequest,
    respool_fixtures: Path | str | Sequence[Path | str] | None,
    _respool_servers: "ServerPool",
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[MockSession]":
    """Yield the test's own session at a server that plays recordings: `respool.base_url`."""
    from respool.errors import RespoolError
    from respool.mock_session import read_speed

    node = request.node
    arguments = _marker_arguments(node)
    wrong: RespoolError
    try:
        speed = read_speed(_setting(node, "speed", arguments))
        if isinstance(respool_fixtures, Path | str):
            respool_fixtures = [respool_fixtures]
        paths = _found(node, request.config.rootpath) if respool_fixtures is None else respool_fixtures
        mode = _record_mode(request.config)
        plan = None if mode == "none" else _plan(node, mode, paths)
        if plan is not None and not paths:
            paths = [plan.folder]
        recording = _recording_name(node, plan.folder) if plan else ""
        with _respool_servers.session(paths, speed, node.name, plan, recording) as session:
            for name in arguments.get("names", ()):
                session.play(name)
            if "script" in arguments:
                session.script(arguments["script"])
            if "fault" in arguments:
                session.fault(*_listed(arguments["fault"]))
            if _setting(node, "env", arguments):
                for variable, value in session.env.items():
                    monkeypatch.setenv(variable, value)
            node.stash[_SESSION] = session
            try:
                yield session
            finally:
                del node.stash[_SESSION]
        return
    except RespoolError as error:
        wrong = error
    pytest.fail(f"respool: {wrong}", pytrace=False)  # outside, so that the report has one line


@pytest.fixture
def respool_drill(request: pytest.FixtureRequest, respool: "MockSession") -> "Case":
    """Return a case of the drill, whose faults happen to each answer; the test runs once per case."""
    case: Case = request.param
    respool.fault(*case.faults)
    return case


def _plan(item: pytest.Item, mode: str, paths: Sequence[Path | str]) -> "RecordPlan":
    """Return the plan for recording a test: into the first folder of recordings, or a new one beside the test
    file."""
    from respool.errors import OptionError
    from respool.record.for_tests import RecordPlan

    folder = next((Path(path) for path in paths if Path(path).is_dir()), item.path.parent / _FOLDERS[1])
    upstream, variable = (str(item.config.getini(f"respool_{name}")) for name in ("upstream", "api_key_env"))
    if variable and not os.environ.get(variable, "").strip():
        raise OptionError(
            f"to record from {upstream} needs its key in {variable}, which is not set; the ini setting "
            "respool_api_key_env names another variable, or none"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return RecordPlan(mode, upstream, variable, folder.absolute())


def _recording_name(item: pytest.Item, folder: Path) -> str:
    """Return the name of a test's recording: its file and its own name, below the folder of recordings."""
    file = item.path.with_suffix("")
    beside = folder.absolute().parent
    below = file.relative_to(beside) if file.is_relative_to(beside) else Path(file.name)
    return "/".join([below.as_posix(), *item.nodeid.split("::")[1:]])


def _marker_arguments(item: pytest.Item) -> Mapping[str, Any]:
    """Return the arguments of a test's markers. A marker of the test overrides one of its class, and that one
    of its module."""
    arguments: dict[str, Any] = {}
    for marker in item.iter_markers(MARKER):  # the closest first
        if unknown := set(marker.kwargs) - set(_SETTINGS):
            from difflib import get_close_matches  # late: see the module

            name = min(unknown)
            near = get_close_matches(name, _SETTINGS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(_SETTINGS)}"
            pytest.fail(f"the marker respool takes no {name}; {hint}", pytrace=False)
        if marker.args and not {"names", "script"} & arguments.keys():
            arguments["names"] = marker.args
        for name, value in marker.kwargs.items():
            if name != "script" or not {"names", "script"} & arguments.keys():
                arguments.setdefault(name, value)
    return arguments


def _setting(item: pytest.Item, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """Return a setting of a test, from its markers or else from the ini file."""
    arguments = _marker_arguments(item) if arguments is None else arguments
    value = arguments.get(name, item.config.getini(f"respool_{name}"))
    if name == "strict":
        from respool.mock_session import STRICT

        value = {True: "all", False: "off", "true": "all", "false": "off"}.get(value, value)
        if value not in STRICT:
            pytest.fail(f"respool_strict is {value!r}, expected {', '.join(STRICT)}", pytrace=False)
    return value


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _found(item: pytest.Item, root: Path) -> Sequence[Path]:
    """Return the nearest folder of recordings: beside the test's file, or above it, up to the root."""
    for folder in item.path.parents:
        for name in _FOLDERS:
            if (folder / name).is_dir():
                return [folder / name]
        if folder == root:
            break
    return []
