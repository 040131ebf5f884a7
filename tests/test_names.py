"""Names: a module and a class mean one thing in the whole tree."""

import ast
from collections import defaultdict
from pathlib import Path

APP = Path(__file__).parents[1] / "app" / "respool"

# One thing on several floors: an endpoint or a command and what it calls, a value and its JSON model.
SHARED_MODULES = set(
    "app control conversations events exchange links request scan script sessions show socket sse stubs "
    "upstream verify".split()
)
SHARED_CLASSES = set(
    "Cancel Clock Close Cut Drop Finding Finish Hold Inject Match Play Playback Release Replace Request "
    "Steer".split()
)


def several(places: dict[str, list[str]]) -> set[str]:
    return {name for name, found in places.items() if len(found) > 1}


def test_two_modules_share_a_name_only_if_they_are_one_thing_on_two_floors() -> None:
    modules: dict[str, list[str]] = defaultdict(list)
    for path in APP.rglob("*.py"):
        if path.stem not in ("__init__", "__main__"):
            modules[path.stem].append(str(path.relative_to(APP)))
    assert several(modules) == SHARED_MODULES


def test_two_classes_share_a_name_only_if_they_are_one_thing_on_two_floors() -> None:
    classes: dict[str, list[str]] = defaultdict(list)
    for path in APP.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(str(path.relative_to(APP)))
    assert several(classes) == SHARED_CLASSES


# Words that a reader has to guess: what is told, said or drawn has a name in the field.
RIDDLES = frozenset("told tell tells telling said say says saying drawn manner parting reel".split())


def identifiers(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def test_no_name_is_a_riddle() -> None:
    found = {
        f"{path.relative_to(APP)}: {name}"
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in identifiers(node)
        if RIDDLES & set(name.lower().split("_"))
    }
    assert not found
