import errno
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from respool.errors import PathError
from respool.recordings import source_files
from respool.recordings.recording import ReadRecording
from respool.recordings.source_files import files_below
from respool.recordings.store import Store

EVENT = '{"type":"response.created"}\n'
STREAM = "event: response.created\ndata: " + EVENT + "\n"
DAMAGED = '{"type":"response.cre'
TURNS = f'{{"respool":1}}\n{EVENT}{{"respool":1}}\n{EVENT}'

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def refusals(store: Store) -> dict[str, str]:
    return {refusal.name: str(refusal.error) for refusal in store.refused}


def deny(path: str) -> bytes:
    raise PermissionError(errno.EACCES, "Permission denied", path)


def test_recordings_are_named_by_their_path_below_the_folder_without_suffix(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.jsonl": EVENT,
            "a/b/c.ndjson": EVENT,
            "a.b/c.chunks.txt": EVENT,
            "no suffix": EVENT,
            "é/😀.sse": STREAM,
            "B.jsonl": EVENT,
            "z.jsonl/inner.sse": STREAM,
        },
    )
    store = Store([tmp_path])
    assert store.names == ["B", "a.b/c.chunks", "a/b/c", "b", "no suffix", "z.jsonl/inner", "é/😀"]
    assert [store.turns(name)[0].name for name in store.names] == store.names
    assert store.refused == []


def test_a_file_given_by_itself_has_its_own_name(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.jsonl": EVENT, "a/c.jsonl": EVENT})
    assert Store([tmp_path / "a/b.jsonl"]).names == ["b"]


def test_paths_may_be_strings_and_several(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.jsonl": EVENT, "two/b.jsonl": EVENT, "two/d/c.sse": STREAM, "three.jsonl": EVENT})
    store = Store([str(tmp_path / "one"), f"{tmp_path / 'two'}/", str(tmp_path / "three.jsonl")])
    assert store.names == ["a", "b", "d/c", "three"]


def test_relative_paths_are_those_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "b/c.jsonl": DAMAGED})
    monkeypatch.chdir(tmp_path)
    store = Store(["."])
    assert store.names == ["a"]
    assert refusals(store) == {"b/c": "b/c.jsonl:1:9: not JSON: unterminated string"}


def test_no_paths_and_an_empty_folder_are_no_recordings(tmp_path: Path) -> None:
    for store in (Store([]), Store([tmp_path])):
        assert (store.names, store.refused, store.nearest("a"), store.get("a")) == ([], [], [], None)


def test_the_only_recording_is_its_first_turn_and_among_several_there_is_none(tmp_path: Path) -> None:
    assert Store([]).only is None
    write(tmp_path, {"a.jsonl": TURNS})
    store = Store([tmp_path])
    assert store.only is store.get("a")
    write(tmp_path, {"b.jsonl": EVENT})
    store.refresh()
    assert store.only is None


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nothing", "no such file or folder"),
        ("a.jsonl/b", "Not a directory"),
        ("a" * 300, "File name too long"),
    ],
    ids=["nothing", "below a file", "too long"],
)
def test_a_path_that_is_not_there_is_an_error(tmp_path: Path, path: str, problem: str) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    with pytest.raises(PathError) as refused:
        Store([tmp_path, tmp_path / path])
    assert str(refused.value) == f"{tmp_path / path}: {problem}"


def test_a_path_with_a_nul_is_an_error_of_ours() -> None:
    with pytest.raises(PathError):
        Store(["a\0b"])


def test_a_file_that_is_reached_by_two_paths_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.jsonl": EVENT, "a/c.jsonl": DAMAGED})
    (tmp_path / "link").symlink_to(tmp_path / "a")
    store = Store(
        [tmp_path / "a", tmp_path, tmp_path / "a/b.jsonl", tmp_path / "link", tmp_path / "link/c.jsonl"]
    )
    assert store.names == ["b"]
    assert list(refusals(store)) == ["c"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {".a.jsonl": EVENT, ".git/b.jsonl": EVENT, "c/.d/e.jsonl": EVENT, "f.jsonl": EVENT})
    store = Store([tmp_path])
    assert store.names == ["f"]
    assert store.refused == []
    assert Store([tmp_path / ".git"]).names == ["b"]
    assert Store([tmp_path / ".a.jsonl"]).names == [".a"]


def test_what_nothing_says_to_be_a_recording_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        {
            "README.md": "# Recordings\n\nIn here.\n",
            "stubs.yaml": "- play: a\n",
            "package.json": '{\n  "name": "x"\n}\n',
            "empty.txt": "",
            "notes": DAMAGED,
            "a.jsonl": EVENT,
        },
    )
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jsonl")
        store = Store([tmp_path])
    assert store.names == ["a"]
    assert store.refused == []


def test_a_file_whose_suffix_claims_a_recording_is_refused_when_it_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": "", "b.sse": "hello", "c/d.ndjson": DAMAGED, "e.jsonl": EVENT})
    store = Store([tmp_path])
    assert store.names == ["e"]
    assert refusals(store) == {
        "a": f"{tmp_path}/a.jsonl: empty: expected a header or an event",
        "b": f"{tmp_path}/b.sse: empty: expected a header or an event",
        "c/d": f"{tmp_path}/c/d.ndjson:1:9: not JSON: unterminated string",
    }
    assert [refusal.kept for refusal in store.refused] == [False, False, False]


def test_a_file_given_by_itself_is_refused_when_it_is_no_recording(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "hello"})
    assert "in no format that Respool reads" in refusals(Store([tmp_path / "README.md"]))["README"]
    assert "in no format that Respool reads" in refusals(Store([tmp_path, tmp_path / "README.md"]))["README"]


def test_refusals_tell_the_place_and_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "c.jsonl": EVENT + DAMAGED,
            "a.sse": "hello",
            "b.jsonl": EVENT,
            "b.sse": STREAM,
            "d.jsonl": "[-1,{}]",
            "e.jsonl": EVENT,
        },
    )
    refused = [
        (refusal.error.path, refusal.error.line, refusal.error.column)
        for refusal in Store([tmp_path]).refused
    ]
    assert refused == [
        (f"{tmp_path}/a.sse", None, None),
        (f"{tmp_path}/b.jsonl", None, None),
        (f"{tmp_path}/c.jsonl", 2, 9),
        (f"{tmp_path}/d.jsonl", 1, 2),
    ]


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "MAX_FILE_SIZE", len(EVENT))
    write(tmp_path, {"a.jsonl": EVENT, "b.jsonl": EVENT + "\n"})
    store = Store([tmp_path])
    assert store.names == ["a"]
    assert refusals(store) == {
        "b": f"{tmp_path}/b.jsonl: {len(EVENT) + 1} bytes, expected at most {len(EVENT)}"
    }


def test_a_large_file_that_is_no_recording_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_files, "MAX_FILE_SIZE", len(EVENT))
    write(tmp_path, {"a.jsonl": EVENT, "a.mp4": "x" * 1000})
    store = Store([tmp_path])
    assert store.names == ["a"]
    assert store.refused == []


def test_two_files_of_one_name_are_both_refused(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.jsonl": EVENT, "x/a.sse": STREAM, "y/a.jsonl": EVENT, "y/b.jsonl": EVENT})
    store = Store([tmp_path / "x", tmp_path / "y"])
    assert store.names == ["b"]
    assert store.get("a") is None
    assert refusals(store) == {
        "a": f"{tmp_path}/x/a.jsonl: its name a is also that of {tmp_path}/x/a.sse and {tmp_path}/y/a.jsonl; "
        "rename one, neither is served"
    }


def test_a_file_that_is_no_recording_takes_no_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "a.md": "about a"})
    store = Store([tmp_path])
    assert (store.names, store.refused) == (["a"], [])


def test_a_clash_ends_when_one_of_the_files_goes(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "a.sse": STREAM})
    store = Store([tmp_path])
    (tmp_path / "a.sse").unlink()
    changes = store.refresh()
    assert (changes.changed, changes.removed, changes.refused) == (["a"], [], [])
    assert (store.names, store.refused) == (["a"], [])


def test_a_clash_begins_when_a_second_file_comes(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    store = Store([tmp_path])
    write(tmp_path, {"a.sse": STREAM})
    changes = store.refresh()
    assert (changes.changed, changes.removed) == ([], ["a"])
    assert [refusal.name for refusal in changes.refused] == ["a"]
    assert store.names == []


@pytest.fixture
def turns(tmp_path: Path) -> Store:
    write(
        tmp_path,
        {"a.jsonl": TURNS, "b#2.jsonl": EVENT, "c.jsonl": TURNS, "c#2.jsonl": TURNS, "d#.jsonl": TURNS},
    )
    return Store([tmp_path])


@pytest.mark.parametrize(
    ("name", "of", "turn"),
    [
        ("a", "a", 0),
        ("a#1", "a", 0),
        ("a#2", "a", 1),
        ("b#2", "b#2", 0),
        ("b#2#1", "b#2", 0),
        ("c#2", "c#2", 0),
        ("c#2#2", "c#2", 1),
        ("d#", "d#", 0),
        ("d##2", "d#", 1),
    ],
)
def test_a_turn_is_found_by_its_number_unless_a_file_has_that_name(
    turns: Store, name: str, of: str, turn: int
) -> None:
    assert turns.get(name) is turns.turns(of)[turn]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a#0",
            "a#3",
            "a#-1",
            "a#+1",
            "a#99999999999",
            "a#" + "9" * 5000,
            "a#",
            "a##1",
            "a#1#1",
            "a# 1",
            "a#1.0",
        ),
        *("a#²", "a#١", "a#x", "b", "b#1", "#1", "#", "", "A", "a.jsonl", "./a", "a/", "/a", "a\0", "a#1\0"),
        *("../../etc/passwd", "/etc/passwd", "..", ".", "\\\\a", "a" * 100_000, "\ud800", "x#1"),
    ],
    ids=lambda name: ascii(name)[:30],
)
def test_a_name_that_no_recording_has_is_not_found(turns: Store, name: str) -> None:
    assert turns.get(name) is None
    assert turns.turns(name) == ()


def test_a_path_outside_is_not_found_though_there_is_such_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"in/a.jsonl": EVENT, "secret.jsonl": EVENT})
    store = Store([tmp_path / "in"])
    for name in ("../secret", "../secret.jsonl", f"{tmp_path}/secret", f"{tmp_path}/in/a", "in/a", "../in/a"):
        assert store.get(name) is None


def test_turns_are_all_of_a_file_under_its_name(turns: Store) -> None:
    assert [turn.name for turn in turns.turns("a")] == ["a", "a#2"]
    assert turns.turns("a#2") == ()
    assert turns.names == ["a", "b#2", "c", "c#2", "d#"]


def test_nearest_are_the_names_most_alike_best_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        {f"{name}.jsonl": EVENT for name in ("text/hello", "text/help", "text/hell", "text/hi", "image")},
    )
    store = Store([tmp_path])
    assert store.nearest("text/hello") == ["text/hello", "text/hell", "text/help"]
    assert store.nearest("hello", limit=1) == ["text/hello"]
    assert store.nearest("xyz") == []
    assert store.nearest("") == []


def test_refresh_finds_what_changed_was_added_and_was_removed(tmp_path: Path) -> None:
    write(tmp_path, {"same.jsonl": EVENT, "edited.jsonl": EVENT, "gone.jsonl": EVENT})
    store = Store([tmp_path])
    same = store.get("same")
    write(tmp_path, {"edited.jsonl": TURNS, "new/one.sse": STREAM})
    (tmp_path / "gone.jsonl").unlink()
    changes = store.refresh()
    assert (changes.changed, changes.removed, changes.refused) == (["edited", "new/one"], ["gone"], [])
    assert store.names == ["edited", "new/one", "same"]
    assert len(store.turns("edited")) == 2
    assert store.get("same") is same


def test_refresh_finds_nothing_where_nothing_happened(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "b.jsonl": DAMAGED, "c.jsonl": EVENT, "c.sse": STREAM, "d.md": "x"})
    store = Store([tmp_path])
    changes = store.refresh()
    assert (changes.changed, changes.removed, changes.refused) == ([], [], [])
    assert list(refusals(store)) == ["b", "c"]


def test_a_file_that_was_renamed_has_another_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    store = Store([tmp_path])
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    changes = store.refresh()
    assert (changes.changed, changes.removed) == (["b"], ["a"])


def test_a_file_that_was_replaced_is_read_again_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "b": EVENT.replace("created", "quieted")})
    store = Store([tmp_path])
    status = (tmp_path / "a.jsonl").stat()
    os.utime(tmp_path / "b", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "b").replace(tmp_path / "a.jsonl")
    assert store.refresh().changed == ["a"]


@pytest.mark.parametrize(
    "broken",
    [EVENT + DAMAGED, "", "hello", EVENT * 2 + "[-1,{}]"],
    ids=["cut", "emptied", "something else", "bad gap"],
)
def test_a_broken_edit_keeps_the_last_good_version_and_says_so(tmp_path: Path, broken: str) -> None:
    write(tmp_path, {"a.txt": EVENT, "b.txt": EVENT})
    store = Store([tmp_path])
    good = store.get("a")
    write(tmp_path, {"a.txt": broken})
    for expected in (["a"], []):  # told once, kept from then on
        changes = store.refresh()
        assert (changes.changed, changes.removed) == ([], [])
        assert [refusal.name for refusal in changes.refused] == expected
        assert store.get("a") is good
        assert [(refusal.name, refusal.kept) for refusal in store.refused] == [("a", True)]
    write(tmp_path, {"a.txt": TURNS})
    changes = store.refresh()
    assert (changes.changed, changes.refused, store.refused) == (["a"], [], [])
    assert len(store.turns("a")) == 2


def test_each_new_damage_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": DAMAGED})
    store = Store([tmp_path])
    write(tmp_path, {"a.jsonl": EVENT + DAMAGED})
    assert [refusal.error.line for refusal in store.refresh().refused] == [2]


def test_a_file_that_was_broken_from_the_start_is_served_once_it_is_repaired(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": DAMAGED})
    store = Store([tmp_path])
    write(tmp_path, {"a.jsonl": EVENT})
    changes = store.refresh()
    assert (changes.changed, changes.refused) == (["a"], [])
    assert (store.names, store.refused) == (["a"], [])


def test_a_broken_file_that_goes_takes_its_last_good_version_with_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    store = Store([tmp_path])
    write(tmp_path, {"a.jsonl": DAMAGED})
    store.refresh()
    (tmp_path / "a.jsonl").unlink()
    assert store.refresh().removed == ["a"]
    assert (store.names, store.refused) == ([], [])


def test_what_was_passed_over_is_taken_up_once_it_is_a_recording(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "hello"})
    store = Store([tmp_path])
    write(tmp_path, {"a.txt": EVENT})
    assert store.refresh().changed == ["a"]


def test_a_folder_may_go_and_come_back(tmp_path: Path) -> None:
    write(tmp_path, {"in/a.jsonl": EVENT, "b.jsonl": EVENT})
    store = Store([tmp_path / "in", tmp_path / "b.jsonl"])
    (tmp_path / "in").rename(tmp_path / "out")
    (tmp_path / "b.jsonl").unlink()
    assert store.refresh().removed == ["a", "b"]
    (tmp_path / "out").rename(tmp_path / "in")
    assert store.refresh().changed == ["a"]


def test_a_file_that_cannot_be_read_is_refused_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    with monkeypatch.context() as patch:
        patch.setattr(source_files, "_content", deny)
        store = Store([tmp_path])
    assert store.names == []
    assert refusals(store) == {"a": f"{tmp_path}/a.jsonl: permission denied"}
    assert store.refresh().changed == ["a"]
    assert store.refused == []


def test_a_file_that_can_no_longer_be_read_keeps_its_last_good_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    store = Store([tmp_path])
    good = store.get("a")
    write(tmp_path, {"a.jsonl": TURNS})
    with monkeypatch.context() as patch:
        patch.setattr(source_files, "_content", deny)
        changes = store.refresh()
    assert ([refusal.kept for refusal in changes.refused], changes.changed) == ([True], [])
    assert store.get("a") is good
    assert store.refresh().changed == ["a"]


def test_a_file_that_nothing_says_to_be_a_recording_takes_no_name_though_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny_keys(path: str) -> bytes:
        return deny(path) if path.endswith(".key") else content(path)

    content = source_files._content
    monkeypatch.setattr(source_files, "_content", deny_keys)
    write(tmp_path, {"a.jsonl": EVENT, "a.key": "secret"})
    store = Store([tmp_path])
    assert store.names == ["a"]


@not_as_root
def test_a_file_that_may_not_be_read_stops_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "b.jsonl": EVENT})
    (tmp_path / "b.jsonl").chmod(0)
    store = Store([tmp_path])
    assert store.names == ["a"]
    assert refusals(store) == {"b": f"{tmp_path}/b.jsonl: Permission denied"}


@not_as_root
def test_a_folder_that_may_not_be_entered_stops_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT, "b/c.jsonl": EVENT})
    (tmp_path / "b").chmod(0o444)
    try:
        assert Store([tmp_path]).names == ["a"]
    finally:
        (tmp_path / "b").chmod(0o755)


@not_as_root
def test_a_path_that_may_not_be_looked_at_is_an_error_of_ours(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.jsonl": EVENT})
    (tmp_path / "a").chmod(0o444)
    try:
        with pytest.raises(PathError):
            Store([tmp_path / "a/b.jsonl"])
    finally:
        (tmp_path / "a").chmod(0o755)


@linux
def test_the_refusal_of_a_file_whose_name_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jsonl")).write_text(DAMAGED)
    [refusal] = Store([tmp_path]).refused
    assert str(refusal.error).encode()


@linux
def test_a_file_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    (tmp_path / os.fsdecode(b"\xff.jsonl")).write_text(EVENT)
    store = Store([tmp_path])
    assert store.names == ["a"]
    assert len(store.refused) == 1


def test_a_refusal_keeps_nothing_of_the_file_in_memory(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": DAMAGED})
    [refusal] = Store([tmp_path]).refused
    assert (refusal.error.__traceback__, refusal.error.__context__) == (None, None)


def test_a_link_gives_a_file_another_name(tmp_path: Path) -> None:
    write(tmp_path, {"run.jsonl": EVENT})
    (tmp_path / "latest.jsonl").symlink_to(tmp_path / "run.jsonl")
    assert Store(tmp_path).names == ["latest", "run"]


def test_what_an_editor_leaves_behind_is_passed_over(tmp_path: Path) -> None:
    behind = ("a.jsonl~", "a.jsonl.bak", "a.jsonl.orig", "a.jsonl.tmp", "a.swp")
    write(tmp_path, {"a.jsonl": EVENT, **dict.fromkeys(behind, EVENT)})
    assert Store(tmp_path).names == ["a"]


def test_files_come_in_the_order_of_their_paths_part_by_part(tmp_path: Path) -> None:
    names = ["b/c.jsonl", "b.jsonl", "b-c.jsonl", "b/a/z.jsonl", "a/b.jsonl", "b/a.jsonl", "a!/a.jsonl"]
    write(tmp_path, dict.fromkeys(names, EVENT))
    assert files_below(str(tmp_path)) == [str(path) for path in sorted(tmp_path / name for name in names)]


def test_files_of_the_working_folder_have_no_dot_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"a.jsonl": EVENT, "b/c.jsonl": EVENT})
    assert files_below(".") == ["a.jsonl", "b/c.jsonl"]
    assert Store(".").names == Store("./").names == Store(Path()).names == ["a", "b/c"]


def test_links_that_lead_nowhere_to_themselves_or_to_a_folder_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"b/c.jsonl": EVENT})
    (tmp_path / "nowhere.jsonl").symlink_to(tmp_path / "x")
    (tmp_path / "itself.jsonl").symlink_to(tmp_path / "itself.jsonl")
    (tmp_path / "folder").symlink_to(tmp_path / "b")
    (tmp_path / "above").symlink_to(tmp_path)
    assert Store(tmp_path).names == ["b/c"]


def test_no_events_are_made_before_somebody_asks_for_them(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": EVENT})
    recording = Store(tmp_path).get("a")
    assert isinstance(recording, ReadRecording)
    assert "events" not in vars(recording)
    assert len(recording.events) == 1


def test_what_is_passed_over_is_named_for_what_it_is(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "hello.yaml": "text: hi\n",
            "README.md": "# Hi\n",
            "page.md": f"Like so:\n```\n{STREAM}```\n",
            "chat.txt": 'data: {"object":"chat.completion.chunk"}\n\n',
        },
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    store = Store([tmp_path])
    assert {Path(one.path).name: one.why for one in store.passed_over} == {
        "hello.yaml": "YAML, did you mean hello.script.yaml?",
        "README.md": "no recording",
        "page.md": "a text that shows a stream",
        "chat.txt": "a chat-completions stream: no event of the Responses API in it",
        "a.png": "an image",
    }
    assert store.names == []
    assert store.refused == []


def test_a_capture_with_damage_is_used_and_its_damage_noted(tmp_path: Path) -> None:
    write(tmp_path, {"a.sse": f"{STREAM}data: <html>\n\n"})
    store = Store([tmp_path])
    assert store.names == ["a"]
    assert [(note.line, note.column) for note in store.notes] == [(4, 7)]
