import pytest

from respool.recordings.rule_files import is_match_file, is_rule_file, is_stubs_file
from respool.recordings.store import Store


@pytest.mark.parametrize(
    ("name", "stubs", "match"),
    [
        ("stubs.yaml", True, False),
        ("stubs.yml", True, False),
        ("a.stubs.yaml", True, False),
        ("match.yaml", False, True),
        ("match.yml", False, True),
        ("mystubs.yaml", False, False),
        ("rematch.yaml", False, False),
        ("stubs.json", False, False),
        ("a.script.yaml", False, False),
    ],
)
def test_files_of_rules_are_told_by_their_names(name, stubs, match):
    assert (is_stubs_file(name), is_match_file(name)) == (stubs, match)
    assert is_rule_file(f"folder.yaml/{name}") is (stubs or match)


def test_a_store_passes_over_files_of_rules_and_names_them(tmp_path):
    for name in ("stubs.yaml", "b/more.stubs.yaml", "match.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"type":"response.created"}\n')  # which would be a recording elsewhere
    store = Store([tmp_path, tmp_path / "stubs.yaml"])
    assert (store.names, store.refused, store.passed_over) == ([], [], [])
    assert store.rule_files == [
        str(tmp_path / name) for name in ("b/more.stubs.yaml", "match.yaml", "stubs.yaml")
    ]


def test_the_version_of_a_store_changes_with_what_is_served(tmp_path):
    store = Store([tmp_path])
    versions = [store.version]
    for name, text in (("a.jsonl", '{"type":"response.created"}\n'), ("stubs.yaml", "stubs: []"), ("b", "")):
        (tmp_path / name).write_text(text)
        store.refresh()
        versions.append(store.version)
    assert versions == [0, 1, 2, 2]
    store.add("c", store.turns("a"))
    assert store.version == 3
