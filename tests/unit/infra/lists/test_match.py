"""`convene match` as somebody uses it: two lists in, pairs out, every row accounted for."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from infra.lists import index, pairing
from infra.lists.pairing import Options, Run
from infra.lists.tables import open_table
from infra.lists.telling import as_json
from tests.unit.infra.lists.running import Convene, found, lines

OURS = [
    {"organisation": "UNODC", "reference": "U-1", "title": "Electronic evidence workshop for prosecutors", "start": "2026-05-25",
     "end": "2026-05-27", "city": "Nairobi, Kenya", "audiences": ["prosecutors"], "themes": ["electronic_evidence"], "partners": ["INTERPOL"]},
    {"organisation": "UNODC", "reference": "U-2", "title": "Cryptocurrency investigations training", "start": "2026-07-06",
     "end": "2026-07-10", "places": [{"city": "Bangkok", "country": "Thailand"}], "audiences": "investigators", "themes": "cryptocurrency"},
    {"organisation": "UNODC", "reference": "U-3", "title": "National seminar on legislation", "country": "Sri Lanka"},
]  # fmt: skip
THEIRS = [
    {"organisation": "INTERPOL", "reference": "I-1", "title": "Workshop on electronic evidence for prosecutors", "start": "2026-05-25",
     "end": "2026-05-27", "city": "Nairobi", "country": "Kenya", "audiences": ["prosecutors"], "themes": ["electronic_evidence"]},
    {"organisation": "INTERPOL", "reference": "I-2", "title": "Darknet course for investigators", "start": "2026-07-08",
     "end": "2026-07-11", "city": "Bangkok", "country": "THA", "audiences": ["investigators"], "themes": ["darknet"]},
    {"organisation": "INTERPOL", "reference": "I-3", "title": "Football", "start": "2026", "budget": 4, "colour": "red"},
]  # fmt: skip


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return lines(tmp_path / "ours.jsonl", OURS)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return lines(tmp_path / "theirs.jsonl", THEIRS)


def test_two_lists_give_a_line_for_each_pair(convene: Convene, ours: Path, theirs: Path) -> None:
    code, out, err = convene(ours, theirs, "--json")
    (pair,) = found(out)
    assert code == 0
    assert list(pair) == ["a", "b", "kind", "probability", "explanation"]
    assert (pair["a"], pair["b"], pair["kind"]) == ("U-1", "I-1", "duplicate")
    assert 0.9 < pair["probability"] <= 1
    assert "25-27 May 2026" in pair["explanation"]["sentence"]
    assert {row["field"] for row in pair["explanation"]["contributions"]} >= {"dates", "title"}
    assert "ours.jsonl: 3 rows read" in err
    assert "theirs.jsonl: 3 rows read\n  left out: budget (1), colour (1)" in err
    assert "6 rows, 15 pairs compared: 1 of one activity" in err


def test_a_lower_threshold_shows_more_and_never_less(convene: Convene, ours: Path, theirs: Path) -> None:
    few = found(convene(ours, theirs, "--json")[1])
    more = found(convene(ours, theirs, "--json", "--min-probability", 0)[1])
    assert len(more) == 15
    assert [pair for pair in more if pair["probability"] >= 0.5] == few


def test_overlaps_are_pairs_of_another_kind(convene: Convene, ours: Path, theirs: Path) -> None:
    pairs = found(convene(ours, theirs, "--json", "--overlaps")[1])
    assert [(pair["a"], pair["b"], pair["kind"]) for pair in pairs] == [
        ("U-1", "I-1", "duplicate"),  # one activity does not collide with itself
        ("U-2", "I-2", "overlap"),
    ]
    collision = pairs[1]
    assert (collision["overlap_kind"], collision["severity"], collision["days_apart"]) == ("audience", "high", 0)
    assert "Thailand" in collision["explanation"]["sentence"]


def test_a_row_without_a_date_is_matched_and_said_not_to_be_checked(convene: Convene, tmp_path: Path) -> None:
    one = {
        "organisation": "UNODC",
        "reference": "U",
        "title": "Steganography detection laboratory course",
        "country": "Kenya",
        "city": "Nairobi",
    }
    other = {**one, "organisation": "INTERPOL", "reference": "I", "start": "2026-05-04"}
    lists = [lines(tmp_path / "a.jsonl", [one]), lines(tmp_path / "b.jsonl", [other])]
    _, out, err = convene(*lists, "--json", "--overlaps")
    assert [(pair["a"], pair["b"], pair["kind"]) for pair in found(out)] == [("U", "I", "duplicate")]
    assert "not checked for overlaps, for want of a date (matched on what else they say): U\n" in err


def test_rows_that_cannot_be_read_are_named_and_nothing_else_is_lost(
    convene: Convene, ours: Path, theirs: Path
) -> None:
    whole = convene(ours, theirs, "--json")[1]
    ours.write_text("{broken\n" + ours.read_text() + '{"start": "2026"}\n"text"\n')
    code, out, err = convene(ours, theirs, "--json")
    assert code == 0
    assert out == whole
    assert "ours.jsonl: 3 rows read, 3 could not be read\n  row 1: is not JSON" in err
    assert "  row 5: has no title\n  row 6: is not an object with fields\n" in err


def test_across_is_pairs_of_different_files_only(convene: Convene, ours: Path, tmp_path: Path) -> None:
    same = [
        {**OURS[0], "organisation": "INTERPOL", "reference": "X"},
        {**OURS[0], "organisation": "OSCE", "reference": "Y"},
    ]
    other = lines(tmp_path / "other.jsonl", same)
    pairs = {(pair["a"], pair["b"]) for pair in found(convene(ours, other, "--json")[1])}
    assert pairs == {("U-1", "X"), ("U-1", "Y"), ("X", "Y")}
    across = found(convene(ours, other, "--json", "--across")[1])
    assert {(pair["a"], pair["b"]) for pair in across} == {("U-1", "X"), ("U-1", "Y")}


def test_a_row_is_called_by_as_little_as_tells_it_apart(convene: Convene, tmp_path: Path) -> None:
    common = {key: value for key, value in OURS[0].items() if key not in {"organisation", "reference", "partners"}}
    one = lines(
        tmp_path / "one.jsonl",
        [
            {**common, "organisation": "UNODC", "reference": "7"},
            {**common, "organisation": "OSCE", "reference": "7"},
            {**common, "organisation": "ITU", "reference": "8"},
            {**common, "organisation": "CEPOL"},
            {**common, "organisation": "OAS", "reference": "9"},
            {**common, "organisation": "OAS", "reference": "9"},
        ],
    )
    two = lines(tmp_path / "two.jsonl", [{**common, "organisation": "ITU", "reference": "8"}])
    _, out, err = convene(one, two, "--json", "--min-probability", 0)
    pairs = found(out)
    assert {pair["a"] for pair in pairs} | {pair["b"] for pair in pairs} == {
        "UNODC/7", "OSCE/7", "one.jsonl: 8", "one.jsonl: row 4", "one.jsonl: row 5", "one.jsonl: row 6", "two.jsonl: 8",
    }  # fmt: skip
    assert "2 rows have a reference that their file has twice for one organisation" in err


def test_what_cannot_be_done_as_written_ends_with_one(convene: Convene, ours: Path, tmp_path: Path) -> None:
    empty = lines(tmp_path / "empty.jsonl", [{"start": "2026"}])
    for arguments, said in (
        ((tmp_path / "nowhere.csv",), "No such file"),
        ((ours, ours), "named twice"),
        ((ours, "--across"), "name two or more"),
        ((empty, "--json"), "no row could be read"),
        ((ours, "--html", tmp_path / "no" / "p.html"), "no such folder"),
    ):
        code, out, err = convene(*arguments)
        assert (code, said in err, found(out) if "--json" in arguments else []) == (1, True, []), err


def test_a_table_for_people(convene: Convene, ours: Path, theirs: Path) -> None:
    _, out, err = convene(ours, theirs, "--overlaps")
    assert "Electronic evidence workshop for prosecutors" in out
    assert "2026-05-25 to 2026-05-27" in out
    assert "same activity" in out
    assert "overlap (audience)" in out
    assert "━" not in err  # no bar where nobody watches


def test_the_page_is_whole_and_harmless(convene: Convene, tmp_path: Path, theirs: Path) -> None:
    hostile = {**OURS[0], "title": "<script>alert(1)</script> electronic evidence workshop for prosecutors"}
    ours = lines(tmp_path / "ours.jsonl", [hostile, *OURS[1:], {"start": "2026"}])
    page = tmp_path / "page.html"
    assert convene(ours, theirs, "--overlaps", "--html", page)[0] == 0
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"(?:src|href)=\"(?!#)", html)
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html
    for said in (
        "row 4: has no title",
        "budget (1)",
        "U-3",
        "What speaks for it and against it",
        "<svg",
        "Darknet course",
    ):
        assert said in html, said
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert anchors <= set(re.findall(r'id="([^"]+)"', html))


def many(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows with doubles among them, made of few words so that keys are crowded."""
    random_ = random.Random(seed)
    subjects = ["cryptocurrency", "digital forensics", "darknet", "electronic evidence", "malware", "legislation"]
    cities = ["Nairobi, Kenya", "Bangkok, Thailand", "Dakar, Senegal", "Lima, Peru", "Tunis, Tunisia", ""]
    rows: list[dict[str, Any]] = []
    for number in range(count):
        if rows and random_.random() < 0.2:
            row = {**random_.choice(rows), "organisation": f"Partner {random_.randrange(9)}"}
        else:
            row = {
                "organisation": f"Partner {random_.randrange(9)}",
                "title": f"{random_.choice(subjects)} course {random_.choice('abcdefgh')}{random_.randrange(40)}",
                "city": random_.choice(cities),
                "start": random_.choice(
                    ["", "2026-05", f"2026-{random_.randrange(1, 13):02}-{random_.randrange(1, 28):02}"]
                ),
                "audiences": random_.choice(["investigators", "judges", ""]),
            }
        rows.append({**row, "reference": f"r{number}"})
    return rows


def told(path: Path, folder: Path, **options: Any) -> list[str]:
    folder.mkdir()
    with Run([open_table(path)], Options(overlaps=True, **options), folder) as run:
        return [json.dumps(as_json(run, each)) for each in run]


def test_the_same_output_whatever_the_number_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "ALONE", 100)
    monkeypatch.setattr(index, "IN_FULL", 100)
    path = lines(tmp_path / "many.jsonl", many(600, 1))
    alone = told(path, tmp_path / "one", processes=1)
    assert len(alone) > 50
    assert told(path, tmp_path / "two", processes=2) == alone


@pytest.mark.parametrize("in_full", [0, 1000])
def test_the_same_pairs_whatever_the_order_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_full: int
) -> None:
    monkeypatch.setattr(index, "IN_FULL", in_full)
    rows = many(500, 2)

    def pairs(listed: list[dict[str, Any]], name: str) -> set[str]:
        lines_ = told(lines(tmp_path / f"{name}.jsonl", listed), tmp_path / name, processes=1)
        either = [json.loads(line) for line in lines_]
        numbers = {row["reference"]: number for number, row in enumerate(listed)}
        places = [(numbers[pair["a"]], numbers[pair["b"]]) for pair in either]
        assert places == sorted(places)  # in the order of the input
        return {json.dumps({**pair, "a": min(pair["a"], pair["b"]), "b": max(pair["a"], pair["b"])}) for pair in either}

    straight = pairs(rows, "straight")
    assert len(straight) > 50
    shuffled = rows.copy()
    random.Random(3).shuffle(shuffled)
    assert pairs(shuffled, "shuffled") == straight


def test_a_budget_that_cuts_is_told(convene: Convene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "IN_FULL", 0)
    path = lines(tmp_path / "many.jsonl", many(500, 4))
    _, out, err = convene(path, "--json")
    told_rows = re.search(r"budget: ([\d,]+) rows share a city with more rows than are compared", err)
    assert told_rows
    assert int(told_rows[1]) > 0
    assert any("city" in pair["explanation"].get("capped", []) for pair in found(out))
