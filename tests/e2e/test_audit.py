"""A partner keeps a file, the operator changes the database behind everybody's back, and the partner's command says so."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.sqlite import sqlite3
from tests.e2e.convene import Running, until

pytestmark = pytest.mark.timeout(900)
PLAN = ("--title", "Crypto tracing", "--type", "training", "--start", "2017-09-18", "--country", "Thailand")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIT_CHECKPOINT_SECONDS", "0")
    monkeypatch.setenv("AUDIT_SEAL_SECONDS", "0.1")
    return tmp_path / "data"


@pytest.fixture
def started(data: Path) -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for each in running:
        if each.process.poll() is None:
            each.kill()


def start(data: Path, started: list[Running], *more: str) -> Running:
    started.append(Running(data, "up", *more, "--port", "0"))
    started[-1].ready()
    return started[-1]


def change(data: Path, statement: str) -> None:
    with sqlite3.connect(data / "activities.db") as database:
        database.execute(statement)
    database.close()


def test_what_was_kept_tells_what_was_changed(data: Path, started: list[Running], tmp_path: Path) -> None:
    demo = start(data, started, "--demo")
    file = tmp_path / "kept.json"
    save = ("audit", "checkpoint", "--save", str(file), "--as", "unodc")

    def all_sealed() -> Any:
        rows = demo.cli("audit", "list", "--as", "unodc")
        return any(each["subject"] == plan["id"] for each in rows)

    plan = demo.cli("plans", "post", "--as", "unodc", *PLAN)
    until(all_sealed)
    first = {each["service"]: each for each in demo.cli(*save)}
    assert first["activities"]["ok"]
    assert first["activities"]["entries"] > 1
    assert len(first["activities"]["note"].encode()) < 400
    assert demo.cli("audit", "verify", str(file), "--as", "unodc")[0]["ok"]
    # another partner, who sees other rows, checks the same checkpoints
    other = tmp_path / "other.json"
    only = (
        "audit",
        "checkpoint",
        "--save",
        str(other),
        "--only-checkpoint",
        "--service",
        "activities",
        "--as",
        "unodc",
    )
    demo.cli(*only)
    assert demo.cli("audit", "verify", str(other), "--as", "itu")[0]["ok"]
    # the log goes on, and the file with it
    plan = demo.cli("plans", "post", "--as", "unodc", *PLAN, "--city", "Bangkok")
    until(all_sealed)
    again = {each["service"]: each for each in demo.cli(*save)}
    assert again["activities"]["size"] > first["activities"]["size"]
    assert len(json.loads(file.read_text())["logs"][0]["checkpoints"]) == 2
    assert "in use" in demo.cli("audit", "verify", str(file), "--database", str(data / "activities.db"), code=2)
    demo.stop()

    rows = json.loads(file.read_text())["logs"][0]["entries"]
    mine = next(each for each in rows if each["subject"] == plan["id"])
    database = ("audit", "verify", str(file), "--database", str(data / "activities.db"))
    assert demo.cli(*database)[0]["ok"]
    change(data, f"UPDATE audit SET version = 7 WHERE leaf = {mine['leaf']}")
    demo.cli(*database, code=4)
    demo = start(data, started)
    demo.cli("audit", "verify", str(file), "--as", "unodc", code=4)
    kept = file.read_text()
    demo.cli(*save, code=4)
    assert file.read_text() == kept, "what was kept stays, where the check fails"
    demo.stop()

    # restored, but by somebody who lost the key: another one signs from now on
    change(data, f"UPDATE audit SET version = {mine['version']} WHERE leaf = {mine['leaf']}")
    (data / "audit.key").unlink()
    demo = start(data, started)
    assert demo.cli("audit", "verify", str(file), "--as", "unodc")[0]["ok"]
    plan = demo.cli("plans", "post", "--as", "unodc", *PLAN, "--city", "Phuket")
    until(all_sealed)
    demo.cli("audit", "verify", str(file), "--as", "unodc", code=4)
    activities = ("--service", "activities")
    kids = [note.rsplit(" ", 1)[1] for note in (demo.cli("audit", "checkpoint", *activities)[0]["note"],)]
    import base64

    kid = base64.b64decode(kids[0])[:4].hex()
    assert demo.cli(*save, *activities, "--accept-key", kid)[0]["ok"]
    demo.stop()

    # an old backup
    backup = tmp_path / "backup"
    shutil.copytree(data, backup)
    change(backup, "DELETE FROM audit WHERE leaf > 3")
    demo.cli("audit", "verify", str(file), "--database", str(backup / "activities.db"), code=4)


def test_a_file_that_is_none_is_named(data: Path, tmp_path: Path, started: list[Running]) -> None:
    file = tmp_path / "kept.json"
    file.write_text("{}")
    lone = Running(data, "up", "--port", "0")
    started.append(lone)
    lone.ready()
    assert "not a file that" in lone.cli("audit", "verify", str(file), code=1)
    lone.process.send_signal(signal.SIGINT)
    assert os.path.exists(file)
