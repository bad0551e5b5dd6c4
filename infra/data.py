"""The data folder of the one-process runner: its lock, its secrets, its clock.

Everything that must survive a restart lies here. One process at a time holds the folder: SQLite files and the event log
in it have one writer.
"""

import fcntl
import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.clock import SystemClock

DEFAULT = Path("var")
_HELD = ("activities.db", "postgres", "kafka")  # what holds plans: of one process, of the stack


class DataFolderBusy(Exception):
    """Another process holds the folder."""


class WrongClock(Exception):
    """The folder belongs to another time: a demo's data and real data do not mix."""


class DataFolder:
    """`path` is made, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def file(self, name: str) -> Path:
        return self.path / name

    @property
    def admin_key(self) -> Path:
        """Where the bootstrap administrator's API key lies (mode 0600)."""
        return self.path / "admin.key"

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the folder for as long as the block runs. Raises DataFolderBusy, naming the other's pid."""
        with self.file("convene.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise DataFolderBusy(
                    f"{self.path} is in use by process {holder}. Talk to that one (`convene doctor`), end it, or choose"
                    " another folder with --data."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """The secret in the file `name`, made at first use, readable by its owner alone."""
        path = self.file(name)
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            return self.write_private(name, make())

    def write_private(self, name: str, content: str) -> str:
        """Write the file whole or not at all, mode 0600 from its first moment."""
        path = self.file(name)
        unfinished = path.with_name(path.name + ".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        return content.strip()

    def clock(self, start: datetime | None) -> SystemClock:
        """The folder's clock: the machine's, or the demo's, which reads `start` at first and then runs on.

        The shift is kept with the data, so that a restarted demo goes on where time has got to. Raises WrongClock for
        a demo start on a folder that holds real data.
        """
        path, now = self.file("clock.json"), SystemClock().now()
        if path.exists():
            held = json.loads(path.read_text())
            return SystemClock(timedelta(seconds=held["offset_seconds"]))
        if start is None:
            return SystemClock()
        if any(self.file(name).exists() for name in _HELD):
            raise WrongClock(f"{self.path} holds data of the present; give the demo a folder of its own with --data")
        aware = start if start.tzinfo else start.replace(tzinfo=UTC)
        offset = aware - now
        self.write_private(
            "clock.json", json.dumps({"start": aware.isoformat(), "offset_seconds": offset.total_seconds()})
        )
        return SystemClock(offset)

    @property
    def clock_offset(self) -> float:
        """Seconds by which this folder's clock differs from the machine's."""
        path = self.file("clock.json")
        return float(json.loads(path.read_text())["offset_seconds"]) if path.exists() else 0.0

    @property
    def clock_start(self) -> datetime | None:
        """When this folder's time began, if it is a demo's."""
        path = self.file("clock.json")
        return datetime.fromisoformat(json.loads(path.read_text())["start"]) if path.exists() else None
