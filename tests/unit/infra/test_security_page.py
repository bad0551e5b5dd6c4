"""SECURITY.md names for each wall the test that holds it: each of them is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "SECURITY.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| who |"))
]


def missing(name: str) -> str | None:
    """Why `tests/x.py::test_y` is none; None where it is one."""
    path, _, test = name.partition("::")
    found = ROOT / path
    if not found.exists():
        return f"{path} is not there"
    functions = (
        {each.name for each in ast.walk(ast.parse(found.read_text())) if isinstance(each, FUNCTION)} if test else set()
    )
    return f"{path} has no {test}" if test and test not in functions else None


FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_each_wall_has_a_test_and_each_test_is_there() -> None:
    assert len(ROWS) >= 18
    for row in ROWS:
        assert len(row) == 4, row
        *_, wall, held = row
        assert wall
        assert re.search(r"`tests/|the matrix", held), f"{wall}: no test"
        for name in re.findall(r"`(tests/[^`]+)`", held):
            assert missing(name) is None, missing(name)


def test_what_is_not_there_is_found() -> None:
    assert missing("tests/access/test_matrix.py::test_nothing") is not None
    assert missing("tests/access/test_nothing.py") is not None


def test_the_number_of_mutants_is_that_of_the_mutants() -> None:
    from tests.access import mutants

    for page in ("SECURITY.md", "docs/explanation/trust.md"):
        told = re.search(r"(\d+) (?:mutants|walls)", (ROOT / page).read_text())
        assert told
        assert int(told[1]) == len(mutants.ALL), page
