"""The rules of infra/lint.py: the tree keeps them, and each finds what it is there for."""

import pytest

from infra import lint

MARK, HOST, FOLDER = "TO" + "DO", "py" + "pi.org", "/ro" + "ot"


def test_the_tree_keeps_the_rules() -> None:
    wrong, _ = lint.check(lint.tracked())
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("services/partners/handlers/people.py", "async def f(s):\n    await s.commit()\n", ":2: commits"),
        ("infra/x.py", "session.connection().commit()\n", ":1: commits"),
        ("shared/x/__init__.py", '"""Words."""\n\nfrom shared import db\n', ":3: holds more than its docstring"),
        ("infra/x/__init__.py", "", ":1: has no docstring"),
        ("shared/x.py", "x = 1\n" * 401, ":401: has 401 lines"),
        ("tests/unit/test_x.py", "x = 1\n" * 401, ":401: has 401 lines"),
        ("docs/x.md", f"one\nget it from https://{HOST}/simple\n", ":2: names a package registry"),
        ("infra/x.py", f"URL = 'https://files.python{'hosted'}.org'\n", ":1: names a package registry"),
        ("Makefile", f"run:\n\tcat {FOLDER}/x\n", ":2: holds an absolute path"),
        ("docs/x.md", "see `/wo" + "rk/main`\n", ":1: holds an absolute path"),
        ("shared/x.py", f"x = 1  # {MARK}: later\n", ":1: leaves a mark"),
        ("docs/x.md", "FIX" + "ME\n", ":1: leaves a mark"),
        ("shared/x.py", "def merge(a, b): ...\n", ":1: is called merge"),
        ("shared/x.py", "class LeaseManager: ...\n", ":1: is called LeaseManager"),
        ("shared/x.py", "class A:\n    async def _all_items(self): ...\n", ":2: is called _all_items"),
        ("shared/date_utils.py", "", ":1: is called date_utils"),
        ("shared/helpers/x.py", "", ":1: is called helpers"),
        ("shared/x.py", "class HTTPRecord: ...\n", ":1: is called HTTPRecord"),
    ],
)
def test_violations_are_found_where_they_stand(path: str, text: str, said: str) -> None:
    assert any(said in each for each in lint.findings(path, text)), lint.findings(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shared/db.py", "session.commit()\n"),
        ("shared/bus/kafka/consumer.py", "await client.commit({tp: 3})\n"),
        ("tests/conformance/x.py", "await session.commit()\n"),
        ("client/convene/__init__.py", '"""Words."""\n\nfrom convene.errors import ConveneError\n'),
        ("services/partners/migrations/versions/0001_initial.py", "x = 1\n" * 500),
        ("shared/x.py", "def merge_patch(a): ...\nrecord = items = 1\n"),
        ("shared/x.py", "def emerge(): ...\ndef utility(): ...\ndef itemise(): ...\n"),
        ("shared/bus/x.py", "class RecordTooLarge: ...\n"),
        ("docs/x.md", "/api/v1/work/x, https://example.org/root/x, in the method of the house, ../work/x, a hackathon\n"),
        ("shared/x.py", "x = 1\n" * 400),
        ("tests/contract/data/x.json", f"{HOST}\n"),
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_not(path: str, text: str) -> None:
    assert lint.findings(path, text) == []


def test_long_modules_are_listed_before_they_are_refused(tmp_path: object) -> None:
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "long.py").write_text("x = 1\n" * 301)
    assert lint.check(["long.py"], root) == ([], ["long.py: 301 lines"])
