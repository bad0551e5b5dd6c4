"""The same house on PostgreSQL, where row level security stands behind what the product asks itself: the access matrix again,
and then with the product's own judgement taken away, in each channel in turn and everywhere at once.

What is left then is the database's: no word of a hidden plan, and no explanation. That an alert or a row of the audit is
there may be told by such a mutant (docs/decisions/0016): those rows carry ids and codes, and no content.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from infra.native.postgres import ExternalPostgres
from infra.routes import SERVICES
from tests.access import mutants
from tests.access.alike import differences, probes
from tests.access.channels import Route, read, reading
from tests.access.judging import judge
from tests.access.rules import allowed
from tests.access.world import Viewer, World, world
from tests.support.roles import service_database
from tests.support.schema import migrate_database

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.postgres]

CHANNELS = {
    "list of plans": "plans$", "one plan": "plans/{plan_id}$", "history": "history", "drafts": "plans$", "plans:check": "plans$",
    "cursor": "plans$", "list of alerts": "alerts$", "one alert": "alerts/", "explanation": "alerts/", "decision": "decisions/",
    "joint activities": "activities(/{activity_id})?$", "/events": "events", "replay on a stream": "stream",
    "RED in bulk": "events|stream", "inbox": "inbox", "text of a refusal": "plans/{plan_id}", "audit": "audit/activities",
}  # fmt: skip
"""Those of tests/access/mutants.py that read a table, and where each is asked. (The others write to a log, or change what is
made of rows in sight.)"""
PLANTED = {mutant.name: mutant for mutant in mutants.ALL if mutant.name in CHANNELS}
SOME = (
    "public",
    "reader of itu",
    "focal point of itu",
    "focal point of two",
    "coordinator of Kenya",
    "donor",
    "administrator",
)


async def databases(server: ExternalPostgres, name: str) -> dict[str, str]:
    found = {service: await asyncio.to_thread(service_database, server, f"{name}_{service}") for service in SERVICES}
    for service, url in found.items():
        await migrate_database(url, service)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, postgres: ExternalPostgres) -> AsyncGenerator[World]:
    urls = await databases(postgres, "convene_access")
    async with world(tmp_path_factory.mktemp("access"), databases=urls) as made:
        yield made
    for service in SERVICES:
        await asyncio.to_thread(postgres.drop_database, f"convene_access_{service}")


async def told_by_rows(made: World, viewers: Iterable[Viewer], routes: Iterable[Route], every: int) -> list[str]:
    """Words of plans, and explanations, before eyes that the table does not give them to; on live streams nothing is asked
    here, for one reading of the feed serves them all."""
    found: list[str] = []
    routes = list(routes)
    for viewer in viewers:
        may = allowed(made, viewer)
        for route in routes:
            async for told in read(made, route, viewer, every=every):
                seen = may.bulk if told.bulk else may.plans
                found += [
                    f"{told.channel} {told.subject} tells {viewer.name} of {plan.label} plan {plan.number}"
                    for plan in made.plans
                    if plan.id not in seen and plan.word in told.text
                ]
                for alert in set(re.findall(r"alrt_\w+", told.text)) & made.alerts.keys() - may.explained:
                    told_why = re.search(r'"(explanation|sentence|change)":(\[\{|"\w)', told.text)
                    if told.subject == alert and told_why:
                        found.append(f"{told.channel} explains {alert} to {viewer.name}")
    return found


async def test_the_matrix_holds_on_postgresql(house: World) -> None:
    viewers = [house.viewer(each) for each in SOME]
    verdict = await judge(house, viewers, reading(house), every=25)
    print(
        f"{verdict.decisions:,} decisions, {verdict.permitted / verdict.decisions:.0%} permitted, {dict(verdict.statuses)}"
    )
    assert verdict.leaks == []
    assert verdict.decisions >= 30_000
    assert verdict.permitted / verdict.decisions >= 0.3
    assert not [status for status in verdict.statuses if status >= 500]
    for viewer in viewers:
        may = allowed(house, viewer)
        for channel, due in (("GET /api/v1/plans?", may.plans), ("GET /api/v1/events?", may.bulk)):
            assert due <= verdict.found[channel, viewer.name], (viewer.name, channel)
        if viewer.key:
            assert may.alerts <= verdict.found["GET /api/v1/alerts?status=all", viewer.name], viewer.name


async def test_what_is_hidden_answers_as_what_is_not_there(house: World) -> None:
    assert await differences(house, reading(house)) == []


@pytest.mark.campaign  # all of them at once is below
@pytest.mark.parametrize("name", CHANNELS)
async def test_behind_the_first_wall_is_another(house: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One channel forgets to ask. On SQLite the matrix sees words of hidden plans then (test_matrix.py); here none come."""
    PLANTED[name].plant(monkeypatch)
    routes = [route for route in reading(house) if re.search(CHANNELS[name], route.path)]
    assert routes
    if name == "plans:check":
        assert await probes(house) == []
    viewers = [house.viewer(each) for each in SOME[:5]]
    every = 6 if re.search("plan|events|stream", CHANNELS[name]) else 1
    assert await told_by_rows(house, viewers, routes, every=every) == []


async def test_with_no_first_wall_at_all_nothing_that_is_hidden_comes_out(
    house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mutant in PLANTED.values():
        if mutant.name != "text of a refusal":  # it looks the row up first, and there is none
            mutant.plant(monkeypatch)
    assert await told_by_rows(house, [house.viewer(each) for each in SOME[1:5]], reading(house), every=20) == []


@pytest.mark.campaign
async def test_every_subject_on_postgresql(tmp_path: Path, postgres: ExternalPostgres) -> None:
    async with world(tmp_path, size=2, databases=await databases(postgres, "convene_access_large")) as large:
        verdict = await judge(large, large.viewers, reading(large))
        print(f"{verdict.decisions:,} decisions, {verdict.permitted / verdict.decisions:.0%} permitted")
        assert verdict.leaks == []
        assert await differences(large, reading(large)) == []
