"""What the tests of lists write and read back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ended = tuple[int, str, str]
Convene = Callable[..., Ended]
"""Runs `convene match` with these arguments: exit code, stdout, stderr."""


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]
