"""A file as rows of named cells, whatever it is: told by its content, not by its name.

Every kind of file gives the same: rows in order, with the number that a person finds them by, and a sentence for each
row that could not be read. What is read once is read anew by iterating again; nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.lists import text_files, workbook
from infra.lists.rows import Listed, ListError, Row, Unread

__all__ = ["ListError", "Listed", "Row", "Table", "Unread", "open_table"]


@dataclass
class Table:
    """One file. `name` is what it is called in what people read: its name, with its folder where two are alike."""

    path: Path
    name: str
    kind: str
    _rows: Callable[[Path], Iterator[Listed]] = field(repr=False)

    def __iter__(self) -> Iterator[Listed]:
        return self._rows(self.path)


def open_table(path: Path, name: str | None = None) -> Table:
    """Raises ListError with a sentence where the file cannot be a list at all."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ListError(f"{path}: {error.strerror or error}") from error
    name = name or path.name
    if head.startswith(b"PK\x03\x04"):
        return Table(path, name, "xlsx", workbook.rows)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise ListError(f"{path}: an Excel file of the old kind, or one with a password; save it as .xlsx without one")
    if head.startswith(b"%PDF"):
        raise ListError(f"{path}: a PDF; give a list as CSV, XLSX or JSON Lines")
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ListError(f"{path}: is empty")
    first = text_files.first_character(path)
    if first == "[":
        return Table(path, name, "json", text_files.json_array)
    return (
        Table(path, name, "jsonl", text_files.json_lines)
        if first == "{"
        else Table(path, name, "csv", text_files.csv_rows)
    )


def names_of(paths: list[Path]) -> list[str]:
    """What to call each file: its name; where two are called alike, with as much of their folders as tells them apart."""
    whole = [path.resolve().parts for path in paths]

    def name(parts: tuple[str, ...]) -> str:
        for length in range(1, len(parts)):
            if [other[-length:] for other in whole].count(parts[-length:]) == 1:
                return "/".join(parts[-length:])
        return str(Path(*parts))

    return [name(parts) for parts in whole]
