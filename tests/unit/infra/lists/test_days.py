"""Dates as lists have them."""

import pytest

from infra.lists.days import Order, order_of, read, written


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-05-25", "2026-05-27", "2026-05-25 to 2026-05-27"),
        ("2026-05-25", "", "2026-05-25"),
        ("2026-05", "", "2026-05"),
        ("2026-05", "2026-07", "2026-05 to 2026-07"),
        ("2026-Q2", "", "2026-Q2"),
        ("2026", "", "2026"),
        ("2026-W20", "", "2026-W20"),
        ("", "2026-05-27", "2026-05-27"),
        ("2026-05-25T09:00:00Z", "2026-05-27 17:00:00", "2026-05-25 to 2026-05-27"),
        ("46167", "46169.75", "2026-05-25 to 2026-05-27"),
        ("25 – 27 May 2026", "", "2026-05-25 to 2026-05-27"),
        ("du 28 avril au 2 mai 2026", "", "2026-04-28 to 2026-05-02"),
        ("25 May 2026", "27 May 2026", "2026-05-25 to 2026-05-27"),
        ("May 2026", "", "2026-05"),
        ("25.05.2026", "04.06.2026", "2026-05-25 to 2026-06-04"),
        ("25/05/26", "", "2026-05-25"),
        ("", "", "no date"),
    ],
)
def test_what_is_understood(start: str, end: str, said: str) -> None:
    found = read(start, end, None)
    assert found.problem is None
    assert written(found.period) == said


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        ("03/04/2026", "", "'03/04/2026' may be two days"),
        ("18 - 20 July", "", "'18 - 20 July' has no year"),
        ("soon", "", "'soon' is not understood as a date"),
        ("31/02/2026", "", "'31/02/2026' is not understood as a date"),
        ("2026-05-27", "2026-05-25", "'2026-05-25' is before '2026-05-27'"),
        ("1850-01-01", "", "'1850-01-01' is too far from now"),
    ],
)
def test_what_is_not_is_said_and_never_guessed(start: str, end: str, problem: str) -> None:
    found = read(start, end, None)
    assert found.period is None
    assert found.problem == problem


@pytest.mark.parametrize(("order", "said"), [("day", "2026-04-03"), ("month", "2026-03-04")])
def test_two_readings_follow_the_files_own_order(order: Order, said: str) -> None:
    assert written(read("03/04/2026", "", order).period) == said


def test_the_order_is_shown_by_a_date_that_can_be_read_in_one_way_only() -> None:
    assert order_of(["03/04/2026", " 25/05/2026 "]) == ("day", "25/05/2026")
    assert order_of(["03/04/2026", "05/25/2026"]) == ("month", "05/25/2026")
    assert order_of(["03/04/2026", "2026-05-25"]) == (None, "")
    assert order_of(["25/05/2026", "05/25/2026"]) == (None, "")
