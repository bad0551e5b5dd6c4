"""The folder for fetched files, and a lock across processes."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder(name: str = "") -> Path:
    """`$CONVENE_CACHE`, else the platform's cache folder for `convene`; made if missing."""
    if given := os.environ.get("CONVENE_CACHE"):
        root = Path(given).expanduser()
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches" / "convene"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convene"
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on the file `path`, waiting for whoever has it; a dead holder's lock is free at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
