"""What commands print: with `--json` one document (or JSON lines) on stdout and nothing else, tables otherwise."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

USAGE, REFUSED, UNREACHABLE = 1, 2, 3
"""Exit codes: the command cannot be carried out as written; the server said no; there is no server."""

AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout, nothing else.")]

_WIDTH_OF_A_PIPE = 200
_CONTROLS = {code: "�" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


class Failure(Exception):
    """Ends the command with a sentence on stderr and an exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


@cache
def screen() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False, soft_wrap=False)


@cache
def aside() -> "Console":
    """stderr: progress, hints, errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def document(content: Any) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")


def json_line(content: Any) -> None:
    sys.stdout.write(json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> str:
    """Text that somebody typed, fit for a terminal: no control characters, no markup, lists joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.translate(_CONTROLS)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items() if each not in (None, "", [], {}))
    if isinstance(value, Iterable):
        return ", ".join(plain(each) for each in value)
    return str(value).translate(_CONTROLS)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in {"id", "alert"})
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    screen().print(made)


def fields(pairs: Iterable[tuple[str, Any]], *, title: str | None = None) -> None:
    """Name and value, a line each; empty values are left out."""
    from rich.table import Table
    from rich.text import Text

    if title:
        say(title)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}):
            grid.add_row(Text(name), Text(plain(value)))
    screen().print(grid)


def show_fields(found: Mapping[str, Any], as_json: bool) -> None:
    """One thing, with everything on it."""
    if as_json:
        document(found)
    else:
        fields((name.replace("_", " "), value) for name, value in found.items())


def command() -> str:
    """What to type to run us again: `convene`, or its path where that is not on the PATH."""
    called = Path(sys.argv[0])
    if called.name != "convene" or shutil.which("convene"):
        return "convene"
    return os.path.relpath(called)


def say(text: str = "") -> None:
    """A line for people on stdout."""
    screen().print(plain(text), markup=False)


def hint(text: str) -> None:
    """A line for people on stderr: never in the way of a pipe."""
    aside().print(plain(text), markup=False, soft_wrap=True)
