"""XLSX with the standard library: a zip of XML parts, of which the text of the cells is read and nothing else.

What a hostile file can do is bounded here: a document type (where entities are declared) is refused, so is a part that
unpacks to more than `LARGEST_PART`, and sheets are read as a stream.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from infra.lists import days
from infra.lists.rows import LOOK_FOR_HEADINGS, Headings, Listed, ListError

LARGEST_PART = 1 << 30
"""Bytes that one part may unpack to: more than the million rows that a sheet can have."""
_BLOCK = 1 << 16
_BUILT_IN_DATES = frozenset([*range(14, 18), 22, *range(27, 37), *range(45, 48), *range(50, 59)])
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_COLUMN = re.compile(r"[A-Z]+")

Start = Callable[[str, dict[str, str]], None]


def rows(path: Path) -> Iterator[Listed]:
    """Rows of every visible sheet that has a row of headings with a title; the number is the sheet's own.

    Raises ListError where no sheet has one, or the file is no workbook.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield from _rows(file, path)
    except (zipfile.BadZipFile, expat.ExpatError, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ListError(f"{path}: is not a workbook that can be read ({str(error)[:100]})") from error


def _rows(file: zipfile.ZipFile, path: Path) -> Iterator[Listed]:
    if "xl/workbook.xml" not in file.namelist():
        raise ListError(f"{path}: is a zip file but not an XLSX workbook; save it as .xlsx")
    sheets, since_1904 = _sheets(file)
    shared, dates = _shared_strings(file), _date_styles(file)
    several, found = len(sheets) > 1, False
    for name, part in sheets:
        cells = _cells(file, part, shared, dates, since_1904)
        head = list(islice(cells, LOOK_FOR_HEADINGS))
        if (headings := Headings.among(head)) is None:
            continue
        found = True
        for number, row in chain(head, cells):
            if (listed := headings.row(number, row, name if several else "")) is not None:
                yield listed
    if not found:
        raise ListError(
            f"{path}: no sheet has a row of headings that names a title; call the column Title (or Titre, Título ...)"
        )


def _sheets(file: zipfile.ZipFile) -> tuple[list[tuple[str, str]], bool]:
    """(name, part) of the visible sheets in order, and whether days are counted from 1904."""
    named: list[tuple[str, str]] = []
    targets: dict[str, str] = {}
    counting: list[bool] = []

    def in_workbook(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and attributes.get("state", "visible") == "visible":
            named.append((attributes.get("name", ""), attributes.get("id", "")))
        elif name == "workbookPr":
            counting.append(attributes.get("date1904") in {"1", "true"})

    def in_links(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "")
            targets[attributes.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")

    _parse(file, "xl/workbook.xml", in_workbook)
    _parse(file, "xl/_rels/workbook.xml.rels", in_links)
    return [(name, targets[link]) for name, link in named if link in targets], any(counting)


def _shared_strings(file: zipfile.ZipFile) -> list[str]:
    found: list[str] = []
    text: list[str] = []
    quiet = 0  # how deep in a reading aid for Japanese (`rPh`), which is no part of the text

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal quiet
        quiet += name == "rPh"

    def end(name: str, content: str) -> None:
        nonlocal quiet
        if name == "t" and not quiet:
            text.append(content)
        elif name == "rPh":
            quiet -= 1
        elif name == "si":
            found.append("".join(text))
            text.clear()

    if "xl/sharedStrings.xml" in file.namelist():
        _parse(file, "xl/sharedStrings.xml", start, end)
    return found


def _date_styles(file: zipfile.ZipFile) -> frozenset[int]:
    """Indexes of the cell styles that show a number as a date."""
    formats: dict[int, str] = {}
    styles: list[int] = []
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        inside.append(name)
        if name == "numFmt":
            formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name == "xf" and "cellXfs" in inside:
            styles.append(int(attributes.get("numFmtId", "0")))

    def end(name: str, content: str) -> None:
        inside.pop()

    if "xl/styles.xml" in file.namelist():
        _parse(file, "xl/styles.xml", start, end)

    def dated(number: int) -> bool:
        code = _LITERAL.sub("", formats.get(number, "")).lower()
        return number in _BUILT_IN_DATES if number not in formats else any(c in code for c in "ydm") and "0" not in code

    return frozenset(index for index, number in enumerate(styles) if dated(number))


def _cells(
    file: zipfile.ZipFile, part: str, shared: list[str], dates: frozenset[int], since_1904: bool
) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) in order; cells that the file leaves out are empty."""
    done: list[tuple[int, list[str]]] = []
    row: list[str] = []
    number = column = 0
    kind, style, value = "", 0, ""
    inline: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, number, column, kind, style, value
        if name == "row":
            row, column = [], 0
            number = int(attributes.get("r", number + 1))
        elif name == "c":
            letters = _COLUMN.match(attributes.get("r", ""))
            column = _column(letters[0]) if letters else column + 1
            kind, style, value = attributes.get("t", "n"), int(attributes.get("s", "0")), ""
            inline.clear()

    def end(name: str, content: str) -> None:
        nonlocal value
        if name == "v":
            value = content
        elif name == "t":
            inline.append(content)
        elif name == "c":
            row.extend([""] * (column - len(row)))
            row[column - 1] = _text(kind, value or "".join(inline), style in dates, shared, since_1904)
        elif name == "row":
            done.append((number, row))

    for _ in _stream(file, part, start, end):
        yield from done
        done.clear()


def _text(kind: str, value: str, dated: bool, shared: list[str], since_1904: bool) -> str:
    if kind == "s":
        return shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""
    if kind == "e":  # #N/A and its like
        return ""
    if kind != "n" or not value:
        return value
    try:
        amount = float(value)
        if dated:
            return days.serial(amount, since_1904).isoformat()
    except (ValueError, OverflowError):
        return value
    return str(int(amount)) if amount.is_integer() and abs(amount) < 1e15 else value


def _column(letters: str) -> int:
    """A is 1, AA is 27; never past what a sheet can have."""
    number = 0
    for letter in letters[:3]:
        number = number * 26 + ord(letter) - 64
    return min(number, 16384)


def _parse(file: zipfile.ZipFile, part: str, start: Start, end: Callable[[str, str], None] | None = None) -> None:
    for _ in _stream(file, part, start, end):
        pass


def _stream(
    file: zipfile.ZipFile, part: str, start: Start, end: Callable[[str, str], None] | None = None
) -> Iterator[None]:
    """Feeds one part to the callbacks, a block at a time. Names come without their namespaces; `end` is given the text
    directly inside the element that ends."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    text: list[str] = []

    def refuse(*_: Any) -> None:
        raise expat.ExpatError("it declares a document type, which no workbook does")

    def opened(name: str, attributes: dict[str, str]) -> None:
        text.clear()
        start(name.rpartition(":")[2], {key.rpartition(":")[2]: value for key, value in attributes.items()})

    def closed(name: str) -> None:
        content = "".join(text)
        text.clear()
        if end is not None:
            end(name.rpartition(":")[2], content)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text.append
    with file.open(part) as stream:
        for block in _blocks(stream):
            parser.Parse(block, False)
            yield
        parser.Parse(b"", True)
    yield


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > LARGEST_PART:
            raise expat.ExpatError("a part of it unpacks to more than a gigabyte")
        yield block
