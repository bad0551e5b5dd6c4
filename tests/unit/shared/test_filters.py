"""The filter vocabulary: unknown codes are named, values are alternatives, names are all required."""

from datetime import date
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from shared.filters import Columns, Filter, Filtered
from shared.problem import Problem
from shared.refusal import problem_response
from shared.web import StrictRoute


async def ask(query: str) -> httpx.Response:
    """The filter of a query string, as a route gets it."""
    app = FastAPI()
    app.router.route_class = StrictRoute
    app.add_exception_handler(Problem, lambda _, error: problem_response(error))  # pyright: ignore[reportArgumentType]

    @app.get("/")
    async def show(wanted: Filtered) -> dict[str, Any]:
        return {
            "countries": sorted(wanted.countries),
            "themes": sorted(wanted.themes),
            "partners": sorted(wanted.partners),
            "start_from": wanted.start_from,
            "empty": wanted.empty,
        }

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://filters") as client:
        return await client.get("/?" + query)


async def test_values_are_read_from_comma_lists() -> None:
    found = (await ask("country=KEN,%20UGA,&theme=malware&start.gte=2017-04-01&partner=org_1,org_2")).json()
    assert found == {
        "countries": ["KEN", "UGA"],
        "themes": ["malware"],
        "partners": ["org_1", "org_2"],
        "start_from": "2017-04-01",
        "empty": False,
    }


async def test_a_region_stands_for_its_countries_beside_those_named() -> None:
    found = (await ask("region=014&country=DEU")).json()["countries"]
    assert {"KEN", "UGA", "DEU"} <= set(found)
    assert "FRA" not in found


@pytest.mark.parametrize("query", ["", "country=", "country=,&theme=,%20,"])
async def test_nothing_asked_for_is_no_filter(query: str) -> None:
    assert (await ask(query)).json()["empty"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "KE"),
        ("country", "ken"),
        ("country", "KEN,XXX"),
        ("region", "999"),
        ("region", "Africa"),
        ("theme", "cooking"),
        ("theme", "malware,malwares"),
        ("audience", "everybody"),
        ("type", "party"),
        ("status", "done"),
        ("mode", "underwater"),
    ],
)
async def test_an_unknown_code_is_named(name: str, value: str) -> None:
    answer = await ask(f"{name}={quote(value)}")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"?{name}", "unknown_code")
    assert repr(value.split(",")[-1]) in error["detail"]


ENTRY = Columns(
    countries=frozenset({"KEN", "UGA"}),
    themes=frozenset({"malware"}),
    audiences=frozenset({"judges"}),
    type="training",
    status="confirmed",
    mode="online",
    partners=frozenset({"org_1"}),
    start=date(2017, 4, 10),
    end=date(2017, 4, 12),
)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(countries=frozenset({"KEN", "FRA"})),
        Filter(themes=frozenset({"malware"}), audiences=frozenset({"judges", "trainers"})),
        Filter(
            types=frozenset({"training", "workshop"}), statuses=frozenset({"confirmed"}), modes=frozenset({"online"})
        ),
        Filter(partners=frozenset({"org_1", "org_9"})),
        Filter(start_from=date(2017, 4, 10), start_to=date(2017, 4, 10)),
        Filter(end_from=date(2017, 4, 1), end_to=date(2017, 4, 12)),
    ],
)
def test_what_passes(wanted: Filter) -> None:
    assert wanted.passes(ENTRY)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(countries=frozenset({"FRA"})),
        Filter(countries=frozenset({"KEN"}), themes=frozenset({"fraud"})),
        Filter(audiences=frozenset({"trainers"})),
        Filter(types=frozenset({"workshop"})),
        Filter(statuses=frozenset({"draft"})),
        Filter(modes=frozenset({"hybrid"})),
        Filter(partners=frozenset({"org_9"})),
        Filter(start_from=date(2017, 4, 11)),
        Filter(start_to=date(2017, 4, 9)),
        Filter(end_from=date(2017, 4, 13)),
        Filter(end_to=date(2017, 4, 11)),
    ],
)
def test_what_does_not_pass(wanted: Filter) -> None:
    assert not wanted.empty
    assert not wanted.passes(ENTRY)
    assert not wanted.passes(Columns()), "what carries none of a filtered property does not pass"
