"""The file that a partner keeps: per service the trusted keys, the checkpoints, and the entries that were shown."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.audit.checking import Kept

FORMAT = "convene.audit.kept.1"


class NoAuditFile(ValueError):
    """Not a file that `convene audit checkpoint --save` wrote."""


def read_file(path: Path) -> list[Kept]:
    """Raises NoAuditFile, OSError."""
    try:
        found = json.loads(path.read_text())
        if found["format"] != FORMAT:
            raise NoAuditFile(f"{path}: is of another format, {found['format']!r}")
        return [Kept(each["service"], each["keys"], each["checkpoints"], each["entries"]) for each in found["logs"]]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise NoAuditFile(f"{path}: not a file that `convene audit checkpoint --save` wrote") from error


def write_file(path: Path, kept: Iterable[Kept]) -> None:
    """The whole file or nothing: what is kept may be the only proof."""
    logs = [
        {"service": each.service, "keys": each.keys, "checkpoints": each.checkpoints, "entries": each.entries}
        for each in kept
    ]
    unfinished = path.with_name(path.name + ".new")
    with unfinished.open("w") as file:
        json.dump({"format": FORMAT, "logs": logs}, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def extended(kept: Kept, note: str, entries: Iterable[dict[str, Any]]) -> Kept:
    """With one more checkpoint, and what was shown under it; what was kept before stays as it was."""
    known = {each["leaf"]: each for each in kept.entries}
    for each in entries:
        known.setdefault(each["leaf"], {name: value for name, value in each.items() if name != "proof"})
    notes = kept.checkpoints if note in kept.checkpoints else [*kept.checkpoints, note]
    return Kept(kept.service, kept.keys, notes, [known[leaf] for leaf in sorted(known)])
