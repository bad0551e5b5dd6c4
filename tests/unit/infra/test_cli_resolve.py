"""`convene partners resolve`: any number of names, in batches that the server takes, each told with its reasons."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.cli import registry
from infra.cli.app import main


class Organisations:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def resolve(self, *names: str, limit: int) -> dict[str, Any]:
        self.asked.append(names)
        one = {"slug": "unodc", "name": "UN Office", "probability": 0.987, "because": "letter by letter the same"}
        data = [
            {"index": index, "name": name, "outcome": "one" if name == "UNODC" else "none",
             "candidates": [one] if name == "UNODC" else []}
            for index, name in enumerate(names)
        ]  # fmt: skip
        return {"data": data, "weights": "x"}


@pytest.fixture
def organisations(monkeypatch: pytest.MonkeyPatch) -> Organisations:
    made = Organisations()

    class Client:
        organisations = made

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Client]:
        yield Client()

    monkeypatch.setattr(registry, "connected", connected)
    return made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["convene", "partners", "resolve", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_each_name_is_told_with_its_outcome_and_why(
    organisations: Organisations, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "UNODC", "Nobody we know") == 0
    printed = capsys.readouterr().out
    assert "99%" in printed
    assert "letter by letter the same" in printed
    assert "Nobody we know" in printed
    assert "none" in printed


def test_a_long_column_is_asked_in_batches_and_counted_through(
    organisations: Organisations, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"name {number}\n\n" for number in range(450))))
    assert run(monkeypatch, "-", "--json") == 0
    assert [len(names) for names in organisations.asked] == [200, 200, 50]
    found = json.loads(capsys.readouterr().out)
    assert [(each["index"], each["name"]) for each in found] == [(n, f"name {n}") for n in range(450)]
