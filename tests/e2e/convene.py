"""A real `convene` process in a folder of its own, and the command line beside it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.processes import COMMAND

PATIENCE = 240.0


def clean_environment(data: Path) -> dict[str, str]:
    """No login, no settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONVENE_", "ACTIVITIES_"))}
    wanted = {name: os.environ[name] for name in ("CONVENE_CACHE",) if name in os.environ}
    return kept | wanted | {"CONVENE_DATA": str(data), "XDG_CONFIG_HOME": str(data.parent / "config")}


class Running:
    """`convene up` (or `stack`), started with --json; `said` is its announcement once it is ready."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data, self.environment = data, clean_environment(data)
        self.log = data.parent / "server.log"
        self._out: list[str] = []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--data", str(data), "--json"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._out.append(line)

    def ready(self) -> dict[str, Any]:
        """The announcement. AssertionError with the log's end if there is none."""
        until(lambda: self._out or self.process.poll() is not None)
        assert self._out, self.log.read_text()[-4000:]
        return json.loads(self._out[0])

    def cli(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json; its document, or what it said on stderr where it was refused."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if code == 0 else done.stderr

    def tail(self, *arguments: str) -> "Tail":
        return Tail(self.environment, *arguments)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


class Tail:
    """`convene events tail --json` in its own process."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [*COMMAND, "events", "tail", "--json", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        assert "listening" in self.process.stderr.readline()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line)["event"])

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events) if event["type"] == f"org.convene.{name}.v1"]

    def wait_for(self, *names: str) -> None:
        until(lambda: all(self.named(name) for name in names))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


def until(true: Callable[[], Any], patience: float = PATIENCE) -> None:
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it never came true")


__all__ = ["COMMAND", "PATIENCE", "Running", "Tail", "until"]
