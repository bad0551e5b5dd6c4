"""Files as people have them: every row is read or named, whatever its neighbours are like."""

import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

from infra.lists.rows import ListError, Row, Unread
from infra.lists.tables import names_of, open_table
from tests.unit.infra.lists.workbooks import workbook


def read(path: Path) -> list[Row | Unread]:
    return list(open_table(path))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(path: Path) -> list[dict[str, object]]:
    return [dict(row.cells) for row in read(path) if isinstance(row, Row)]


@pytest.mark.parametrize(
    "heading",
    [
        "Title",
        "TITLE ",
        "Activity title",
        "Titre",
        "Intitulé de l'activité",
        "Título",
        "Название",
        "العنوان",
        "标题",
        "Title (in English)",
    ],
)
def test_a_title_is_known_by_any_of_its_names(tmp_path: Path, heading: str) -> None:
    assert cells(write(tmp_path, "a.csv", f"{heading},x\nCourse,1\n")) == [{"title": "Course"}]


def test_headings_of_several_languages(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.csv",
        "Organisation;Référence;Titre;Date de début;Date de fin;Ville;Pays;Public cible;Bailleurs de fonds;Budget\n"
        "ONUDC;7;Atelier;01/05/2026;03/05/2026;Dakar;Sénégal;juges;UE;100\n",
    )
    (row,) = read(path)
    assert isinstance(row, Row)
    assert row.cells == {
        "organisation": "ONUDC",
        "reference": "7",
        "title": "Atelier",
        "start": "01/05/2026",
        "end": "03/05/2026",
        "city": "Dakar",
        "country": "Sénégal",
        "audiences": "juges",
        "funders": "UE",
    }
    assert row.unknown == ("Budget",)
    assert row.number == 2


def test_the_plainer_of_two_names_has_the_field(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "a.csv", "Activity,Title\nA1,Course\n")) == [{"title": "Course"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    lines = [["Title", "City"], ["A, B; C", "Paris"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert cells(write(tmp_path, "a.csv", text)) == [{"title": "A, B; C", "city": "Paris"}]


def test_excels_own_line_about_the_delimiter(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "a.csv", "sep=;\nTitle;City\nA, B;Paris\n")) == [{"title": "A, B", "city": "Paris"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = ends.join(["Titre;Pays", "Criminalité – été;Côte d’Ivoire", ""])
    found = cells(write(tmp_path, "a.csv", text.encode(encoding)))
    assert found == [{"title": "Criminalité – été", "country": "Côte d’Ivoire"}]


def test_what_stands_above_the_headings_is_passed_over(tmp_path: Path) -> None:
    rows = read(write(tmp_path, "a.csv", "Plans of 2026,,\n,,\nRef,Title,City\n1,Course,Paris\n"))
    assert [(row.number, row.cells) for row in rows if isinstance(row, Row)] == [
        (4, {"reference": "1", "title": "Course", "city": "Paris"})
    ]


def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.csv", 'Title,City\n"Open,Paris\nSecond,Rome\n"Third, and last",Oslo\nTwo\n lines,"a\nb"\n'
    )
    assert [(row.number, row.problem if isinstance(row, Unread) else row.cells["title"]) for row in read(path)] == [
        (2, "a quote is opened and never closed"),
        (3, "Second"),
        (4, "Third, and last"),
        (5, "Two"),
        (6, "lines"),
    ]


def test_an_inch_sign_and_a_cell_of_two_lines_are_no_mistakes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'Title,City\nDisks of 3.5" size,Paris\n"First\nsecond",Rome\nLast,Oslo\n')
    assert [(row.number, row.cells["title"]) for row in read(path) if isinstance(row, Row)] == [
        (2, 'Disks of 3.5" size'),
        (3, "First\nsecond"),
        (5, "Last"),
    ]


def test_a_list_without_a_title_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"a\.csv: no row of headings names a title; call the column Title"):
        read(write(tmp_path, "a.csv", "Foo,Bar\n1,2\n"))


def test_json_lines_keep_what_can_be_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.txt",
        '\ufeff{"title": "One", "colour": 1}\n\n{"title": \n[1]\n{"Titre": "Two"}\n' + "[" * 100_000 + "\n",
    )
    found = read(path)
    assert [row.number for row in found] == [1, 3, 4, 5, 6]
    assert isinstance(found[0], Row)
    assert found[0].unknown == ("colour",)
    assert isinstance(found[1], Unread)
    assert "is not JSON" in found[1].problem
    assert isinstance(found[2], Unread)
    assert "not an object" in found[2].problem
    assert isinstance(found[3], Row)
    assert found[3].cells == {"title": "Two"}
    assert isinstance(found[4], Unread)


def test_one_json_list_is_a_list_too(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "a.json", json.dumps([{"title": "One"}, {"title": "Two"}], indent=1))) == [
        {"title": "One"},
        {"title": "Two"},
    ]


def test_a_workbook(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        {
            "Notes": [["nothing here"]],
            "2026": [
                [],
                ["Ref", "Titre", None, "Début"],
                [7, "Cours <A>", None, date(2026, 5, 4)],
                [],
                ["x", "B", "", 2026],
            ],
            "Old": [["Title"], ["hidden"]],
        },
        hidden=["Old"],
    )
    assert [(row.sheet, row.number, dict(row.cells)) for row in read(path) if isinstance(row, Row)] == [
        ("2026", 3, {"reference": "7", "title": "Cours <A>", "start": "2026-05-04"}),
        ("2026", 5, {"reference": "x", "title": "B", "start": "2026"}),
    ]


def test_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"A": [["Title", "Start"], ["B", date(2026, 5, 4)]]}, since_1904=True)
    assert cells(path) == [{"title": "B", "start": "2026-05-04"}]


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    path = workbook(tmp_path / "a.xlsx", {"A": [["Title"], ["B"]]}, doctype=bomb)
    with pytest.raises(ListError, match="document type"):
        read(path)


def test_a_part_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.lists.workbook.LARGEST_PART", 100_000)
    path = workbook(tmp_path / "a.xlsx", {"A": [["Title"], *([["B" * 100]] * 2000)]})
    with pytest.raises(ListError, match="unpacks to more"):
        read(path)


def test_a_damaged_workbook_and_other_files_are_refused_by_name(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", {"A": [["Title"], *([["B" * 50]] * 50)]}).read_bytes()
    with pytest.raises(ListError, match=r"cut\.xlsx: is not a workbook"):
        read(write(tmp_path, "cut.xlsx", whole[: len(whole) // 2]))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("readme.txt", "x")
    with pytest.raises(ListError, match="not an XLSX workbook"):
        read(tmp_path / "b.zip")
    for name, content, said in (
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"x" * 600, "old kind"),
        ("a.pdf", b"%PDF-1.7", "a PDF"),
        ("none.csv", b"\xef\xbb\xbf \n", "is empty"),
    ):
        with pytest.raises(ListError, match=said):
            read(write(tmp_path, name, content))
    with pytest.raises(ListError, match="No such file"):
        read(tmp_path / "nowhere.csv")


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert names_of([Path("x/a.csv"), Path("y/a.csv"), Path("y/b.csv")]) == ["x/a.csv", "y/a.csv", "b.csv"]
