import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.errors import NoMatchingRecording, RequestError
from respool.play.clock import ManualClock
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.choosing import AskUpstream, decide
from respool.server.conversations import Conversations
from respool.server.history import History
from respool.server.indexes import Indexes, MatchOptions
from respool.server.request import Request
from respool.server.session import Session

GOOD = '{"type":"response.created"}\n'


def served(folder: Path, *names: str, **broken: str) -> Store:
    """A store of recordings with these names; `broken` are files that are refused."""
    for name, text in {**dict.fromkeys(names, GOOD), **broken}.items():
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Store([folder])


def choose(request: Request, store: Store, default: str | None) -> Recording:
    """What answers the first request of a session."""
    session = Session("", ManualClock(), History(), Conversations())
    recording = decide(request, session, 0.0, Indexes(store, MatchOptions(default))).recording
    assert recording
    return recording


def refused(request: Request, store: Store, default: str | None = None) -> NoMatchingRecording:
    with pytest.raises(NoMatchingRecording) as raised:
        choose(request, store, default)
    return raised.value


@pytest.mark.parametrize(
    ("path", "header", "model", "default", "name"),
    [
        ("path", "header", "model", "default", "path"),
        (None, "header", "model", "default", "header"),
        (None, None, "model", "default", "model"),
        (None, None, "gpt-5.2", "default", "default"),
        (None, None, None, "default", "default"),
        ("", "", "", "default", "default"),
        ("text/hello", None, None, None, "text/hello"),
        (None, "text/hello", None, None, "text/hello"),
        (None, None, "text/hello", None, "text/hello"),
    ],
)
def test_the_path_goes_before_the_header_the_model_and_the_default(
    path: str | None, header: str | None, model: str | None, default: str | None, name: str, tmp_path: Path
) -> None:
    store = served(tmp_path, "path", "header", "model", "default", "text/hello")
    assert choose(Request({"model": model}, path, header), store, default).name == name


@pytest.mark.parametrize("model", ["gpt-5.2", "only", None])
@pytest.mark.parametrize("default", [None, "one that has gone"])
def test_the_only_recording_there_is_answers_everything(
    model: str | None, default: str | None, tmp_path: Path
) -> None:
    store = served(tmp_path, "only")
    assert choose(Request({"model": model}), store, default).name == "only"


@pytest.mark.parametrize("where", ["path", "header"])
def test_a_name_that_no_recording_has_is_refused_even_where_there_is_a_default(
    where: str, tmp_path: Path
) -> None:
    error = refused(Request({"model": "a"}, **{f"{where}_name": "b"}), served(tmp_path, "a"), "a")
    place = {"path": "the path", "header": "the header x-respool-play"}[where]
    assert str(error).startswith(f'No recording is named "b", as {place} asks for.')


@pytest.mark.parametrize("model", ["gpt-5.2", None])
def test_a_request_that_nothing_answers_is_told_how_to_name_a_recording(
    model: str | None, tmp_path: Path
) -> None:
    error = refused(Request({"model": model}), served(tmp_path, "text/one", "text/two"))
    cause = 'no recording is named "gpt-5.2"' if model else "the request names none"
    assert str(error) == (
        f"No recording matches: {cause} and there is no default. There are: text/one, text/two. "
        "Name one in the path (/r/NAME/v1/responses), in the header x-respool-play, or as the model."
    )
    assert error.nearest == ()


def test_the_nearest_names_are_told_best_first(tmp_path: Path) -> None:
    error = refused(Request({}, "text/hallo"), served(tmp_path, "zebra", "text/hello", "text/hall"))
    assert error.nearest == ("text/hall", "text/hello")
    assert "Nearest: text/hall, text/hello." in str(error)


def test_of_many_names_the_first_five_are_told(tmp_path: Path) -> None:
    error = refused(Request({}, "q"), served(tmp_path, *"abcdefg"))
    assert "There are: a, b, c, d, e and others" in str(error)


def test_a_server_without_recordings_says_so(tmp_path: Path) -> None:
    assert "There are no recordings at all." in str(refused(Request({"model": "a"}), Store([tmp_path])))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_turn_is_named_by_its_number(
    number: int, recording: Callable[..., Recording], store: Callable[..., Store]
) -> None:
    turns = [recording("a", note=f"turn {turn}") for turn in (1, 2, 3)]
    chosen = choose(Request({"model": f"a#{number}"}), store(turns, recording("b")), None)
    assert chosen.header.note == f"turn {number}"


@pytest.mark.parametrize("name", ["a#3", "a#0", "a#-1", "a#٢", "a#9999999999", "a#"])
def test_a_turn_that_there_is_not_is_told_how_many_there_are(
    name: str, recording: Callable[..., Recording], store: Callable[..., Store]
) -> None:
    error = refused(Request({}, name), store([recording("a"), recording("a")], recording("b")))
    assert "The recording has 2 turns." in str(error)


@pytest.mark.parametrize(
    "request_", [Request({}, "bad"), Request({}, None, "bad"), Request({"model": "bad"})]
)
def test_the_name_of_a_refused_file_is_told_the_cause(request_: Request, tmp_path: Path) -> None:
    store = served(tmp_path, "good", "fine", bad="{nope")
    assert f'The recording "bad" was refused: {tmp_path}/bad.jsonl:1:2: not JSON' in str(
        refused(request_, store)
    )


def test_a_turn_of_a_refused_file_is_told_the_cause(tmp_path: Path) -> None:
    error = refused(Request({}, "bad#2"), served(tmp_path, "good", bad="{nope"))
    assert "was refused" in str(error)


def test_a_file_that_broke_while_it_was_served_answers_with_its_last_good_version(tmp_path: Path) -> None:
    store = served(tmp_path, "a", "b")
    (tmp_path / "a.jsonl").write_text("{nope")
    store.refresh()
    assert [refusal.kept for refusal in store.refused] == [True]
    assert choose(Request({}, "a"), store, None).name == "a"


HOSTILE = {
    "long": "x" * 100_000,
    "a line end": "a\nb",
    "CR and LF": "a\r\nset-cookie: b",
    "an escape sequence": "\x1b[31mred\x1b[0m",
    "NUL": "a\0b",
    "quotes": 'a"b\\"c',
    "a backslash": "a\\",
    "long, all escaped": "\n" * 100_000,
    "a path": "../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "braces": "{0} {name} %s %(name)s",
    "HTML": "<script>alert(1)</script>",
}
UNPRINTABLE = {
    "DEL": "a\x7fb",
    "C1": "a\x85b\x9b31mc",
    "a line separator": "a\u2028b\u2029c",
    "a reversal": "a\u202eb",
    "a lone surrogate": "a\ud800b",
}


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, id=kind) for kind, name in HOSTILE.items()),
        *(pytest.param(name, id=kind) for kind, name in UNPRINTABLE.items()),
    ],
)
@pytest.mark.parametrize("where", ["path", "header", "model"])
def test_a_hostile_name_is_quoted_in_one_short_printable_line(where: str, name: str, tmp_path: Path) -> None:
    names = {"path": Request({}, name), "header": Request({}, None, name), "model": Request({"model": name})}
    message = str(refused(names[where], served(tmp_path, "a", "b")))
    assert message.isprintable()
    assert len(message) < 500
    assert message.encode()


def test_a_very_long_name_costs_little(tmp_path: Path) -> None:
    store = served(tmp_path, "a", "b")
    request = Request({"model": "ab" * 50_000})
    tracemalloc.start()
    try:
        refused(request, store)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("param", "value", "expected", "got"),
    [
        ("model", 1, "a string", "an integer"),
        ("model", 1.5, "a string", "a decimal number"),
        ("model", True, "a string", "a boolean"),
        ("model", ["a"], "a string", "an array"),
        ("model", {"name": "a"}, "a string", "an object"),
        ("stream", "true", "a boolean", "a string"),
        ("stream", 1, "a boolean", "an integer"),
        ("stream", 0, "a boolean", "an integer"),
        ("stream", [], "a boolean", "an array"),
        ("stream", {}, "a boolean", "an object"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_refused(param: str, value: Any, expected: str, got: str) -> None:
    with pytest.raises(RequestError) as raised:
        Request({"model": "a", param: value}, "a").check()
    error = raised.value
    assert str(error) == f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    assert (error.status, error.code, error.param) == (400, "invalid_type", param)


@pytest.mark.parametrize("body", [{}, {"model": None}, {"prompt": None}, {"prompt": {}}])
def test_a_request_without_a_model_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"^Missing required parameter: 'model'\.$") as raised:
        Request(body).check()
    error = raised.value
    assert (error.status, error.code, error.param) == (400, "missing_required_parameter", "model")


@pytest.mark.parametrize(
    "request_",
    [
        Request({"model": "anything"}),
        Request({"prompt": {"id": "pmpt_1"}}),
        Request({}, "a"),
        Request({}, None, "a"),
        Request({"model": "a", "input": [{"type": "of the future"}], "tools": None, "unknown": {}}),
        Request({"model": "a", "stream": None}),
    ],
)
def test_a_request_that_names_what_it_wants_is_taken_whatever_else_it_holds(request_: Request) -> None:
    request_.check()


@pytest.mark.parametrize(
    ("body", "stream"),
    [({}, False), ({"stream": None}, False), ({"stream": False}, False), ({"stream": True}, True)],
)
def test_a_stream_is_asked_for_by_true_alone(body: dict[str, Any], stream: bool) -> None:
    assert Request(body).stream is stream


@pytest.mark.parametrize(
    ("asks", "names", "request_", "found"),
    [
        ("misses", ["a"], {"model": "a"}, "a"),
        ("misses", ["a"], {"model": "b"}, "upstream"),  # the only recording does not answer everything
        ("misses", [], {"model": "b"}, "upstream"),
        ("always", ["a", "b"], {"model": "b", "input": "x"}, "b"),  # it names a recording
        ("always", ["a", "b"], {"model": "c", "input": "x"}, "upstream"),
        ("recorded", ["a"], {"model": "b"}, "miss"),
        ("stubs", ["a"], {"model": "b"}, "a"),
        ("never", ["a"], {"model": "b"}, "a"),
    ],
)
def test_an_upstream_is_asked_for_what_the_setting_says(
    asks: str, names: list[str], request_: dict[str, Any], found: str, tmp_path: Path
) -> None:
    session = Session("", ManualClock(), History(), Conversations())
    indexes = Indexes(served(tmp_path, *names), MatchOptions(asks_upstream=asks))

    def answers() -> str:
        try:
            recording = decide(Request(request_), session, 0.0, indexes).recording
        except AskUpstream as error:
            return error.decision.tier.replace("relayed", "upstream")
        except NoMatchingRecording:
            return "miss"
        return recording.name if recording else "improvised"

    assert answers() == found


def test_a_session_may_ask_an_upstream_although_the_server_does_not(tmp_path: Path) -> None:
    session = Session("", ManualClock(), History(), Conversations())
    session.asks_upstream = "misses"
    session.reset()
    with pytest.raises(AskUpstream):
        decide(Request({"model": "b"}), session, 0.0, Indexes(served(tmp_path, "a"), MatchOptions()))


def test_a_recording_that_was_refused_is_not_asked_for_upstream(tmp_path: Path) -> None:
    session = Session("", ManualClock(), History(), Conversations())
    indexes = Indexes(served(tmp_path, broken="{"), MatchOptions(asks_upstream="misses"))
    with pytest.raises(NoMatchingRecording, match="was refused") as raised:
        decide(Request({}, path_name="broken"), session, 0.0, indexes)
    assert not isinstance(raised.value, AskUpstream)
