"""What every kind of file gives: rows of cells under the fields that they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.lists.headings import fields_of


class ListError(Exception):
    """The file cannot be used at all; the text is a sentence that names it."""


@dataclass(frozen=True, slots=True)
class Row:
    """`number` is where a person finds it: the line of a text file (its first), the row of a sheet.

    `cells` by field name: text, or what JSON holds. `unknown`: names of fields that are not ours.
    """

    number: int
    cells: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that could not be read, and why."""

    number: int
    problem: str
    sheet: str = ""


Listed = Row | Unread


LOOK_FOR_HEADINGS = 30
"""Rows at the top of a table among which its headings are looked for."""


@dataclass(frozen=True)
class Headings:
    """The row of headings of a table: `fields` and `unknown` by column. `line` is its number; nothing above it is a row."""

    line: int
    fields: Mapping[int, str]
    unknown: Mapping[int, str]

    @classmethod
    def among(cls, rows: Iterable[tuple[int, list[str]]]) -> Headings | None:
        """The row that names most fields, a title among them; the first of several. None where no row names a title."""
        best: Headings | None = None
        for number, cells in rows:
            fields = fields_of(cells)
            unknown = {at: cell.strip() for at, cell in enumerate(cells) if cell.strip() and at not in fields}
            if "title" in fields.values() and (best is None or len(fields) > len(best.fields)):
                best = cls(number, fields, unknown)
        return best

    @property
    def worth(self) -> tuple[int, int]:
        """How much is named, and how many columns there are: to tell which delimiter is the right one."""
        return len(self.fields), len(self.unknown)

    def row(self, number: int, cells: list[str], sheet: str = "") -> Row | None:
        """None for the headings themselves, for what stands above them, and for an empty row."""
        told = {at: cell.strip() for at, cell in enumerate(cells) if cell.strip()}
        named = {name: told[at] for at, name in self.fields.items() if at in told}
        unknown = tuple(name for at, name in self.unknown.items() if at in told)
        return Row(number, named, unknown, sheet) if number > self.line and told else None


def counted(unknown: Counter[str], most: int = 5) -> str:
    """`budget (12), colour (3) and 4 more`."""
    told = [f"{name} ({count:,})" for name, count in sorted(unknown.items(), key=lambda each: (-each[1], each[0]))]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
