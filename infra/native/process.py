"""One server process under a guard: start, stop, kill, pause, resume, from any process and any thread."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.native.errors import AlreadyRunning, StartFailed

_GUARD = Path(__file__).with_name("guard.py")
_POLL_SECONDS = 0.02


class GuardedProcess:
    """A server whose life is a locked file, `folder/<name>.lock`; its output goes to `folder/<name>.log`.

    Stateless but for the files: another process that names the same folder sees and steers the same server.
    """

    def __init__(self, folder: Path, name: str, *, stop_signal: signal.Signals = signal.SIGTERM, grace: float = 20.0):
        self.name = name
        self.lock = folder / f"{name}.lock"
        self.log = folder / f"{name}.log"
        self._stop_signal = stop_signal
        self._grace = grace
        self._guard: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str],
        *,
        owner: int | None = None,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Starts `command` and returns its pid. The server ends with process `owner` (default: this one).

        Raises AlreadyRunning if a server on the same lock lives, StartFailed if the command cannot be run.
        """
        self._reap()
        arguments = [str(self.lock), str(owner or os.getpid()), str(int(self._stop_signal)), str(self._grace)]
        with self.log.open("ab") as log:
            # -I: neither the current folder nor PYTHONPATH can put a foreign module into the guard.
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD), *arguments, user or "-", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as told:
            answer = told.readline().decode().strip()
        if answer == "busy":
            self._reap()
            raise AlreadyRunning(f"{self.name} already runs on {self.lock.parent}")
        if not answer.startswith("started "):
            self._reap()
            raise StartFailed(f"{self.name}: {answer.removeprefix('failed ') or 'the guard did not start'}")
        return int(answer.split()[1])

    @property
    def running(self) -> bool:
        """Whether the server, its guard or a child of it lives."""
        return self._look()[0]

    @property
    def pid(self) -> int | None:
        """The server's pid, or None when it does not run."""
        return self._look()[1]

    def _look(self) -> tuple[bool, int | None]:
        try:
            with self.lock.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True, int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return False, None

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal to the server; False when it does not run."""
        pid = self.pid
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """Asks the server to end, kills it after the grace period, returns when nothing of it is left."""
        self.signal(signal.SIGCONT)
        if self.signal(self._stop_signal) and not self.wait_gone(self._grace):
            self.kill()
        self._reap()

    def kill(self) -> None:
        """`kill -9`; returns when nothing of the server is left."""
        self.signal(signal.SIGKILL)
        if not self.wait_gone(self._grace):
            raise StartFailed(f"{self.name}: processes are left after kill -9, see {self.lock}")
        self._reap()

    def wait_gone(self, timeout: float) -> bool:
        """Waits until nothing of the server is left; False if something is after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.running:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def log_tail(self, lines: int = 15) -> str:
        """The end of the server's output, for error texts."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 16_384))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return "(no output)"
        # Of a Java stack trace only the messages tell something.
        return "\n".join([line for line in text.splitlines() if not line.startswith("\tat ")][-lines:]) or "(no output)"

    def _reap(self) -> None:
        if self._guard is not None:
            self._guard.wait()
            self._guard = None
