import pytest

from respool.recordings.formats import yaml_file
from respool.recordings.formats.yaml_file import YamlFile
from respool.scripts import ScriptError


def load(data, most=100):
    found = []
    return yaml_file.load(data, "a.yaml", found.append, most, "a Script"), [str(damage) for damage in found]


def test_a_document_is_read_with_its_places():
    document, damages = load(b"\xef\xbb\xbfa:\n  b: 1")
    assert (document.data, document.place(("a", "b")), damages) == ({"a": {"b": 1}}, (2, 6), [])


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (b"a" * 101, "a.yaml: 101 bytes, expected at most 100 in a Script"),
        (b"a: 1\nb: \xff", "a.yaml:2:4: byte 0xff is not UTF-8"),
        (b"", "a.yaml:1:1: empty"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(data, damage):
    assert load(data) == (None, [damage])


def test_a_mistake_is_told_at_its_key_or_its_value():
    found = []
    document, _ = load(b"a:\n  b: 1")
    file = YamlFile(document, "a.yaml", found.append)
    file.damage(ScriptError("wrong", ("a", "b")))
    file.damage(ScriptError("wrong", ("a", "b"), at_key=True))
    assert [str(damage) for damage in found] == ["a.yaml:2:6: wrong", "a.yaml:2:3: wrong"]


def test_there_are_no_pictures():
    document, _ = load(b"a: 1")
    with pytest.raises(ValueError, match="Script files only"):
        YamlFile(document, "a.yaml", print).picture("x.png")
