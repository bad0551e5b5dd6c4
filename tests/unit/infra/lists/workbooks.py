"""XLSX files for tests, written by hand: the parts that a reader must cope with, and the ones that it must refuse."""

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
Cell = str | int | float | date | None


def column(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Cell]]],
    *,
    hidden: Sequence[str] = (),
    since_1904: bool = False,
    doctype: str = "",
) -> Path:
    """Texts in the shared table, dates as numbers with a date's style (1), empty cells left out as Excel does."""
    shared: list[str] = []
    parts: dict[str, str] = {}
    for number, rows in enumerate(sheets.values(), 1):
        lines: list[str] = []
        for r, row in enumerate(rows, 1):
            cells: list[str] = []
            for c, value in enumerate(row, 1):
                at = f'r="{column(c)}{r}"'
                if isinstance(value, str):
                    shared.append(value)
                    cells.append(f'<c {at} t="s"><v>{len(shared) - 1}</v></c>')
                elif isinstance(value, date):
                    days = (value - date(1899, 12, 30)).days - (1462 if since_1904 else 0)
                    cells.append(f'<c {at} s="1"><v>{days}</v></c>')
                elif value is not None:
                    cells.append(f"<c {at}><v>{value}</v></c>")
            if cells:
                lines.append(f'<row r="{r}">{"".join(cells)}</row>')
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f"{doctype}<worksheet {MAIN}><sheetData>{''.join(lines)}</sheetData></worksheet>"
        )
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"{" state=" + chr(34) + "hidden" + chr(34) if name in hidden else ""}/>'
        for n, name in enumerate(sheets, 1)
    )
    parts["xl/workbook.xml"] = (
        f'<workbook {MAIN} {LINKS}><workbookPr date1904="{int(since_1904)}"/><sheets>{listed}</sheets></workbook>'
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1)
    )
    parts["xl/_rels/workbook.xml.rels"] = f"<Relationships>{targets}</Relationships>"
    texts = "".join(f"<si><t>{escape(text)}</t><rPh><t>reading aid</t></rPh></si>" for text in shared)
    parts["xl/sharedStrings.xml"] = f"<sst {MAIN}>{texts}</sst>"
    parts["xl/styles.xml"] = (
        f'<styleSheet {MAIN}><numFmts><numFmt numFmtId="170" formatCode="[$-40C]d\\ mmm\\ yyyy"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="0"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return path
