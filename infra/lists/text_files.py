"""CSV and JSON Lines: any encoding that offices use, any delimiter, and no row lost to its neighbour's mistake."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from infra.lists.headings import FIELDS, field_of
from infra.lists.rows import LOOK_FOR_HEADINGS, Headings, Listed, ListError, Row, Unread

LONGEST_CELL_LINES = 200
"""Lines of one cell in quotes. A quote that nobody closes would swallow the file."""
_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 1_000_000
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(path: Path) -> str:
    """`utf-8-sig` or `utf-16` by the mark at the start, `utf-8` where all of it is, else `cp1252`: what Excel writes in
    western Europe, and nothing fails in it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        head = file.read(1 << 16)
        for mark, name in _BOMS:
            if head.startswith(mark):
                return name
        try:
            for block in chain([head], iter(lambda: file.read(1 << 20), b"")):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def lines_of(path: Path) -> Iterator[str]:
    """Lines with their ends as the file has them: `\\n` or `\\r\\n`."""
    # bytes that the encoding lacks become a mark in the text: one cell suffers, no row is lost
    with path.open(encoding=encoding_of(path), errors="replace", newline="") as file:
        yield from file


def first_character(path: Path) -> str:
    return next((line.strip()[0] for line in lines_of(path) if line.strip()), "")


def json_lines(path: Path) -> Iterator[Listed]:
    """One object a line; empty lines are nothing."""
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield Unread(number, f"is not JSON ({str(error)[:80]})")
            else:
                yield _object(number, found)


def json_array(path: Path) -> Iterator[Listed]:
    """One list of objects. The number of a row is its place in the list."""
    text = "".join(lines_of(path))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListError(f"{path}: is not JSON ({error})") from error
    for number, each in enumerate(cast(list[Any], found), 1):
        yield _object(number, each)


def _object(number: int, found: Any) -> Listed:
    if not isinstance(found, dict):
        return Unread(number, "is not an object with fields")
    known: dict[str, Any] = {}
    unknown: list[str] = []
    for name, value in cast(dict[str, Any], found).items():
        field = name if name in FIELDS else field_of(name)
        if field is None or (field in known and name != field):
            unknown.append(name)
        else:
            known[field] = value
    return Row(number, known, tuple(unknown))


def csv_rows(path: Path) -> Iterator[Listed]:
    """Rows under the row of headings. Raises ListError where none names a title."""
    csv.field_size_limit(_LONGEST_FIELD)
    delimiter, headings = _shape(path)
    if headings is None:
        raise ListError(
            f"{path}: no row of headings names a title; call the column Title (or Titre, Título, Название ...)"
        )
    for number, cells in _cells(lines_of(path), delimiter):
        if not isinstance(cells, str):
            if (row := headings.row(number, cells)) is not None:
                yield row
        elif number > headings.line:
            yield Unread(number, cells)


def _shape(path: Path) -> tuple[str, Headings | None]:
    """The delimiter, and the headings that are found with it: the one with which most is found."""
    head = list(islice(lines_of(path), LOOK_FOR_HEADINGS))
    said = re.fullmatch(r'"?sep=(.)"?\s*', head[0]) if head else None  # Excel's own line

    def headings(delimiter: str) -> Headings | None:
        rows = _cells(iter(head), delimiter)
        return Headings.among((number, cells) for number, cells in rows if not isinstance(cells, str))

    found = [(delimiter, headings(delimiter)) for delimiter in (said[1] if said else _DELIMITERS)]
    return max(found, key=lambda each: each[1].worth if each[1] else (0, 0))


def _cells(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """(number of the first line, cells), or a sentence instead of the cells.

    A cell in quotes may hold line ends. Where its quote is never closed, that line alone is given up and reading goes on
    with the next one.
    """
    waiting: deque[str] = deque()
    number = 0
    while True:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            return
        number += 1
        if '"' not in line:
            yield number, next(csv.reader([line], delimiter=delimiter), [])
            continue
        taken = [line]
        while (cells := _whole(taken, delimiter)) is None and len(taken) < LONGEST_CELL_LINES:
            more = waiting.popleft() if waiting else next(lines, None)
            if more is None:
                break
            taken.append(more)
        if cells is None or (isinstance(cells, str) and len(taken) > 1):
            waiting.extendleft(reversed(taken[1:]))
            yield number, "a quote is opened and never closed"
        else:
            yield number, cells
            number += len(taken) - 1


def _whole(lines: list[str], delimiter: str) -> list[str] | str | None:
    """The cells of one row; None while a quote is open; a sentence for what is no row."""
    try:
        found = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        if len(lines) > 1:  # the quote that closed it is another row's opening one
            return "a quote is opened and never closed"
        try:
            found = list(csv.reader(lines, delimiter=delimiter))  # an inch sign is no reason to lose a row
        except csv.Error as worse:
            return str(worse)
    return found[0] if found else []
