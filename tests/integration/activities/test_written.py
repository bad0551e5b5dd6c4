"""Dates and places as people write them: understood, or asked about at the field; never guessed, and never lost."""

from datetime import date
from typing import Any

import pytest

from services.activities.domain.reading import read
from tests.integration.activities.conftest import World
from tests.integration.activities.scene import Scene
from tests.support.activities import NORA, training

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNDATED: dict[str, Any] = {"start": None, "end": None}


def place(city: str | None, country: str, text: str) -> dict[str, Any]:
    return {"city": city, "country": country, "name": None, "text": text}


@pytest.mark.parametrize(
    ("line", "start", "end", "precision"),
    [
        ("25 – 27 April 2017", "2017-04-25", "2017-04-27", "day"),
        ("01 – 05 May 2017", "2017-05-01", "2017-05-05", "day"),
        ("28 April - 2 May 2017", "2017-04-28", "2017-05-02", "day"),
        ("October 2017", "2017-10-01", "2017-10-31", "month"),
        ("Q3 2018", "2018-07-01", "2018-09-30", "quarter"),
        ("2018", "2018-01-01", "2018-12-31", "year"),
        ("2018-09-03", "2018-09-03", "2018-09-03", "day"),
    ],
)
async def test_a_line_with_its_year_is_read_and_kept(
    world: World, line: str, start: str, end: str, precision: str
) -> None:
    plan = await world.service.post(NORA, training(**UNDATED, period={"text": line}))
    assert (plan["start"], plan["end"], plan["precision"]) == (start, end, precision)
    assert (plan["dates_text"], plan["dates_inferred"], plan["checked"] != "not checked: no date") == (line, [], True)


@pytest.mark.parametrize(
    ("line", "start", "end"),
    [("18 - 20 July", "2017-07-18", "2017-07-20"), ("06 – 12 August", "2017-08-06", "2017-08-12")],
)
async def test_a_line_without_a_year_is_taken_with_the_year_that_is_given_beside_it_and_says_so(
    world: World, line: str, start: str, end: str
) -> None:
    plan = await world.service.post(NORA, training(**UNDATED, period={"text": line, "year": 2017}))
    assert (plan["start"], plan["end"], plan["precision"]) == (start, end, "day")
    assert (plan["dates_text"], plan["dates_inferred"]) == (line, ["year"])


@pytest.mark.parametrize(
    ("today", "line", "meant"),
    [
        (date(2017, 4, 3), "18 - 20 July", 2017),
        (date(2017, 7, 20), "18 - 20 July", 2017),
        (date(2017, 7, 21), "18 - 20 July", 2018),
        (date(2017, 4, 3), "06 - 12 August", 2017),
        (date(2017, 4, 3), "29 February", 2020),
        (date(2017, 12, 1), "28 December - 3 January", 2017),
    ],
)
async def test_the_year_that_would_be_meant_is_named_but_not_filled_in(today: date, line: str, meant: int) -> None:
    from services.activities.domain.content import Invalid

    with pytest.raises(Invalid) as refused:
        read(training(**UNDATED, period={"text": line}), today)
    [error] = refused.value.errors
    assert (error.pointer, error.code) == ("#/period/text", "no_year")
    assert str(meant) in error.detail
    assert line in error.detail


@pytest.mark.parametrize(
    ("period", "pointer", "says"),
    [
        ({"text": "throughout the biennium"}, "#/period/text", "understand"),
        ({"text": "03/04/2017"}, "#/period/text", "two ways"),
        ({"text": "31 April 2017"}, "#/period/text", "calendar"),
        ({"text": "31 April"}, "#/period/text", "calendar"),
        ({"text": "20 - 18 July 2017"}, "#/period/text", "ends before"),
        ({"text": "18 July 1817"}, "#/period/text", "outside"),
        ({"text": "18 - 20 July 2017", "year": 2018}, "#/period/year", "2017"),
        ({"text": "2017", "start": "2017-01-01"}, "#/period/text", "not in both"),
        ({"year": 2017}, "#/period/year", "text"),
        ({"start": "2017-02-30"}, "#/period/start", "not a date"),
        ({"text": "x" * 301}, "#/period/text", "300"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_line_that_is_not_understood_is_asked_about(
    scene: Scene, period: dict[str, Any], pointer: str, says: str
) -> None:
    problem = await scene.refused(422, pointer, "POST", "/plans", json=training(**UNDATED, period=period))
    assert says in " ".join(each["detail"] for each in problem["errors"])


async def test_when_is_said_once(scene: Scene) -> None:
    await scene.refused(422, "#/period", "POST", "/plans", json=training(period={"text": "18 July 2027"}))


async def test_dates_may_stand_in_period_too(world: World) -> None:
    plan = await world.service.post(NORA, training(**UNDATED, period={"start": "2038-05", "end": "2038-06"}))
    assert (plan["start"], plan["end"], plan["precision"]) == ("2038-05-01", "2038-06-30", "month")


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("Gold Coast and Canberra, Australia", [("Gold Coast", "AUS"), ("Canberra", "AUS")]),
        ("Vientianne Lao PDR", [("Vientiane", "LAO")]),
        ("Colombo, Sri Lanka", [("Colombo", "LKA")]),
        ("Kathmandu, Nepal,", [("Kathmandu", "NPL")]),
        ("São Paulo, Brazil", [("São Paulo", "BRA")]),
        ("Police Academy, Bangkok, Thailand", [("Bangkok", "THA")]),
        ("Lao PDR", [(None, "LAO")]),
        ("Kenya and Uganda", [(None, "KEN"), (None, "UGA")]),
    ],
)
async def test_a_place_as_it_is_written_is_read_and_kept(
    world: World, line: str, places: list[tuple[str | None, str]]
) -> None:
    plan = await world.service.post(NORA, training(start="2039", end=None, venues=[{"text": line}]))
    assert plan["venues"] == [place(city, country, line) for city, country in places]
    same = await world.service.patch(NORA, plan, level="advanced")
    assert same["venues"] == plan["venues"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Bangkok", "Bangkok, Thailand"),
        ("Atlantis", "City, Country"),
        ("Atlanta, GA", "Atlanta, United States"),
        (" , ", "no place"),
    ],
)
async def test_a_place_whose_country_is_not_said_is_asked_about(scene: Scene, line: str, says: str) -> None:
    problem = await scene.refused(422, "#/venues/0/text", "POST", "/plans", json=training(venues=[{"text": line}]))
    assert says in problem["errors"][0]["detail"]


async def test_beneficiaries_are_named_as_people_name_them(world: World) -> None:
    plan = await world.service.post(
        NORA, training(start="2040", end=None, beneficiary_countries=["Lao PDR", "Viet Nam"])
    )
    assert plan["beneficiary_countries"] == ["LAO", "VNM"]


async def test_other_dates_bring_their_own_words(world: World) -> None:
    """A plan that was written "18 - 20 July" and moves to September no longer says July."""
    line = {"text": "18 - 20 July", "year": 2041}
    plan = await world.service.post(NORA, training(**UNDATED, period=line))
    plan = await world.service.patch(NORA, plan, period={"text": "3 - 5 September 2041"})
    assert (plan["start"], plan["dates_text"], plan["dates_inferred"]) == ("2041-09-03", "3 - 5 September 2041", [])
    plan = await world.service.patch(NORA, plan, end="2041-09-06")
    assert (plan["start"], plan["end"], plan["dates_text"]) == ("2041-09-03", "2041-09-06", None)
    plan = await world.service.patch(NORA, plan, start="2041-09-04", dates_text="4 to 6 September")
    assert (plan["start"], plan["dates_text"]) == ("2041-09-04", "4 to 6 September")
