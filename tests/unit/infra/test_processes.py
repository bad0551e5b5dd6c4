"""Children: started again when they die, ended with us however we end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import processes
from infra.cli.output import Failure
from infra.processes import Child, Supervisor

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, "-c"))
    made = Supervisor(tmp_path / "logs", lambda: dict(os.environ))
    yield made
    made.stop()


def until(true: Callable[[], object]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_a_killed_child_is_reported_and_started_again(supervisor: Supervisor) -> None:
    child = Child("sleeper", (SLEEP,), "")
    supervisor.add(child)
    supervisor.start()
    first, said = child.pid, list[str]()
    assert first
    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        supervisor.look(said.append)
        return child.pid not in {None, first}

    until(again)
    assert "sleeper ended with signal SIGKILL" in said[0]
    assert supervisor.log_of(child).exists()
    assert not supervisor.hopeless


def test_a_child_that_cannot_live_is_given_longer_pauses(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child("broken", ("raise SystemExit(7)",), "")
    supervisor.add(child)
    supervisor.start()
    said: list[str] = []

    def twice() -> bool:
        supervisor.look(said.append)
        return len(said) == 2

    until(twice)
    assert ["exit code 7" in each for each in said] == [True, True]
    assert child.deaths == 2
    assert child.due > child.started + 1  # the second pause is longer than the first


def test_all_end_with_stop(supervisor: Supervisor) -> None:
    for name in ("one", "two"):
        supervisor.add(Child(name, (SLEEP,), ""))
    supervisor.start()
    pids = [child.pid for child in supervisor.children]
    assert all(pids)
    supervisor.stop()
    assert [child.pid for child in supervisor.children] == [None, None]


def test_a_command_that_fails_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(Failure, match="no such database"):
        supervisor.once("the migration", "raise SystemExit('no such database')")


PARENT = """
import os, sys, time
from pathlib import Path
from infra import processes
processes.COMMAND = (sys.executable, "-c")
supervisor = processes.Supervisor(Path(sys.argv[1]), lambda: dict(os.environ))
child = processes.Child("sleeper", (sys.argv[2],), "")
supervisor.add(child)
supervisor.start()
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT RUN: only Linux ends children with their parent")
def test_children_end_when_we_are_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), SLEEP], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
