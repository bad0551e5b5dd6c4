"""Child processes that run `convene ...`: logged to files, watched, started again with growing pauses, ended together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.cli.output import REFUSED, Failure

_PR_SET_PDEATHSIG = 1
# -P: a folder of the user's named `shared` must not come before ours
COMMAND = (sys.executable, "-P", "-c", "from infra.cli.app import main; main()")
GRACE = 20.0
QUICK = 10.0
"""Seconds: a child that lived longer than this is started again at once, a shorter life makes the pause longer."""
LONGEST_PAUSE = 30.0
HOPELESS = 5
"""Quick deaths in a row after which waiting for it to become ready makes no sense."""


@dataclass
class Child:
    """One process: its name, the arguments of `convene`, and where it answers."""

    name: str
    arguments: tuple[str, ...]
    url: str
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0
    restarts: int = field(default=0)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None


class Supervisor:
    """Children in the order added; they are ended in the opposite order, so that the front goes first."""

    def __init__(self, logs: Path, environment: Callable[[], Mapping[str, str]]) -> None:
        self.logs = logs
        self.children: list[Child] = []
        self._environment = environment
        logs.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, child: Child) -> None:
        self.children.append(child)

    def log_of(self, child: Child) -> Path:
        return self.logs / f"{child.name}.log"

    @property
    def hopeless(self) -> bool:
        return any(child.deaths >= HOPELESS for child in self.children)

    def once(self, name: str, *arguments: str) -> None:
        """Run a command to its end. Raises Failure with the end of what it said."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=dict(self._environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_end_with_parent(),
        )
        if done.returncode:
            raise Failure(f"{name} failed:\n{done.stdout[-2000:]}", REFUSED)

    def start(self) -> None:
        for child in self.children:
            self._launch(child)

    def look(self, report: Callable[[str], None]) -> None:
        """Report and restart what has died. Call it again and again."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.due:
                    child.restarts += 1
                    self._launch(child)
            elif (code := child.process.poll()) is not None:
                child.deaths = child.deaths + 1 if now - child.started < QUICK else 0
                pause = min(0.5 * 2**child.deaths, LONGEST_PAUSE) if child.deaths else 0.0
                child.process, child.due = None, now + pause
                report(
                    f"{child.name} ended with {_meaning(code)}; started again in {pause:.0f} s. Log: {self.log_of(child)}"
                )

    def stop(self) -> None:
        """SIGTERM to all, the front first; what is still there after GRACE seconds is killed."""
        living = [child.process for child in reversed(self.children) if child.process is not None]
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + GRACE
        for process in living:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self, child: Child) -> None:
        with self.log_of(child).open("ab") as log:
            child.process = subprocess.Popen(
                [*COMMAND, *child.arguments],
                env=dict(self._environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we end the children in order
                preexec_fn=_end_with_parent(),
            )
        child.started = time.monotonic()


def _meaning(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel ends the child when we are killed; call it from the main thread, whose end it watches."""
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
