"""Real processes of the product: started, killed, waited for, and asked over HTTP."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
READY_SECONDS = 90.0


@dataclass
class Running:
    """One process of `convene ...` and where it answers. Its output is the file `log`."""

    launcher: "Launcher"
    pid: int
    url: str
    log: Path

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self.launcher.code_of(self.pid)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`; returns when the process is gone."""
        self.signal(signal.SIGKILL)
        self.wait(30)

    def terminate(self, timeout: float = 60) -> int:
        """SIGTERM, then the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.code) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"process {self.pid} still runs after {timeout} s\n{self.tail()}")
            time.sleep(0.01)
        return code

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def ready(self, timeout: float = READY_SECONDS) -> dict[str, Any]:
        """Wait until it says so; what `/readyz` answered."""
        return await until_ready(self.url, timeout, self)


async def until_ready(url: str, timeout: float = READY_SECONDS, process: Running | None = None) -> dict[str, Any]:
    said = "nothing"
    async with httpx.AsyncClient(timeout=5) as client:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if process is not None and (code := process.code) is not None:
                raise AssertionError(f"it ended with {code} before it was ready:\n{process.tail()}")
            try:
                answer = await client.get(f"{url}/readyz")
                if answer.status_code == 200:
                    return answer.json()
                said = answer.text
            except httpx.HTTPError as error:
                said = type(error).__name__
            await asyncio.sleep(0.05)
    raise AssertionError(f"{url} was not ready in time ({said})\n{process.tail() if process else ''}")


class Launcher:
    """Starts `convene` in processes of its own, quickly (see `launcher.py`). All of them end with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[int, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("launcher.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert "ready" in self._answer()

    def start(self, *arguments: str, url: str, log: Path, environment: Mapping[str, str] | None = None) -> Running:
        """`convene ARGUMENTS`, with this environment on top of a clean one."""
        given = {**clean_environment(), **(environment or {})}
        answer = self._ask({"arguments": arguments, "environment": given, "log": str(log)})
        return Running(self, answer["pid"], url, log)

    def run(self, *arguments: str, log: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """`convene ARGUMENTS` to its end: the exit code and what it said."""
        log.unlink(missing_ok=True)
        running = self.start(*arguments, url="", log=log, environment=environment)
        return running.wait(120), log.read_text()

    def code_of(self, pid: int) -> int | None:
        if pid not in self._codes:
            code = self._ask({"code_of": pid})["code"]
            if code is None:
                return None
            self._codes[pid] = code
        return self._codes[pid]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the launcher has died"
        return json.loads(line)


def clean_environment() -> dict[str, str]:
    """The surroundings without anything that settings would read, and with room to post more than partners do."""
    read: Sequence[str] = ("CONVENE_", "ACTIVITIES_", "PARTNERS_", "NOTIFICATIONS_", "DASHBOARD_", "BUS_", "OTEL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuple(read))}
    return kept | {"ACTIVITIES_POSTS_PER_HOUR": "100000", "ACTIVITIES_REQUESTS_PER_MINUTE": "1000000"}
