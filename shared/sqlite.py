"""The one place that decides which SQLite library this process uses: `from shared.sqlite import sqlite3`.

SQLite before 3.51.3 can corrupt a database in WAL mode when one connection resets the log while another writes
(https://www.sqlite.org/wal.html#walresetbug), and many Pythons still ship an older one. Where that is so, and the wheel
`pysqlite3` is there, it takes the place of the standard library's module for the whole process. Two copies of SQLite in
one process must never open the same file: each drops the other's POSIX locks when it closes a descriptor. Hence the
swap is all or nothing, and has to come before anything else imports `sqlite3`.
"""

import importlib
import sys
from types import ModuleType

FIXED_IN = (3, 51, 3)
"""The first version without the WAL-reset race."""


def install() -> None:
    """Put a sound SQLite in place. Call it before anything else imports `sqlite3`; calling again changes nothing.

    Without `pysqlite3` (no wheel for this platform) the old library stays, and one connection per file is the rule.
    Raises RuntimeError where aiosqlite has already bound the other library: then it was called too late.
    """
    present = importlib.import_module("sqlite3")
    if present.sqlite_version_info >= FIXED_IN:
        return
    try:
        sound = importlib.import_module("pysqlite3")
    except ImportError:
        return
    if sound.sqlite_version_info < FIXED_IN:
        return
    bound: ModuleType | None = getattr(sys.modules.get("aiosqlite.core"), "sqlite3", None)
    if bound is not None and bound is not sound:
        raise RuntimeError("shared.sqlite.install() was called after aiosqlite had been imported: call it first")
    sys.modules["sqlite3"] = sound
    sys.modules["sqlite3.dbapi2"] = importlib.import_module("pysqlite3.dbapi2")


install()

import sqlite3  # noqa: E402

__all__ = ["FIXED_IN", "install", "sqlite3"]
