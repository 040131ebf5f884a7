import pytest

from respool.check.findings import RULES
from respool.cli import main


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["explain", *args])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("code", RULES)
def test_each_code_is_explained_with_an_example_and_what_to_do(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(code.lower()) == 0
    words = capsys.readouterr().out.split()
    rule = RULES[code]
    for text in (rule.title, rule.explanation, rule.example, rule.fix):
        assert " ".join(text.split()) in " ".join(words)


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)


def test_an_unknown_code_is_told_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("RS1O1") == 2
    assert "no finding has the code RS1O1; 'respool explain' lists them all" in capsys.readouterr().err
