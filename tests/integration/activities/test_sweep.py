"""What stands is what the present rules call for: an installation that starts with others brings its alerts to those of a
fresh one, plan by plan, and one that starts as before has nothing to do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from services.activities.domain.alerts import LIVE
from services.activities.handlers import timers
from services.activities.orm import AlertRow, MatchedByRow, PlanRow, RereadRow
from services.activities.uow import weights
from shared.leases import MATCHING, TIMERS
from shared.reader import SERVICE
from tests.support.activities import IVAN, NORA, TARO, WANDA, Service, running, training

COURSES: dict[str, dict[str, Any]] = {
    "mine": training(title="Cryptocurrency investigations training", themes=["cryptocurrency"]),
    "theirs": training(title="Cryptocurrency investigations training", themes=["cryptocurrency"]),
    "treaty law": training(title="Seminar on treaty law", themes=["legislation"], audiences=["investigators"]),
    "virtual assets": training(
        title="Course on virtual assets", themes=["cryptocurrency"], audiences=["judges"], start="2027-06-01", end="2027-06-02"
    ),
    # no match and in the past, so that it is its alert alone that has it looked at
    "over": training(
        title="Evidence for magistrates", themes=["legislation"], audiences=["judges"], start="2020-03-02", end="2020-03-04",
        venues=[{"country": "PER"}],
    ),
    "over, too": training(
        title="Prison staff and phones", themes=["malware"], audiences=["judges"], start="2020-03-03", end="2020-03-04",
        venues=[{"country": "PER"}],
    ),
}  # fmt: skip
POSTERS = dict(zip(COURSES, (NORA, IVAN, TARO, WANDA, NORA, IVAN), strict=True))
SHIPPED: dict[str, Any] = {}
SILENT: dict[str, Any] = {"audience": {"on": False}}
CURIOUS: dict[str, Any] = {"audience": {"alert_from": "high"}, "effort": {"alert_from": "low", "days": 366}}


async def posted(service: Service) -> None:
    for name, body in COURSES.items():
        await service.post(POSTERS[name], body)
    await service.settled()


async def swept(service: Service) -> None:
    """Until both offices were taken by the present rules and nobody waits."""
    digest = weights.digest_of_rules(service.app.state.settings.overlap_rules)
    async with asyncio.timeout(60):
        while True:
            async with service.db.read(SERVICE) as session:
                offices = select(col(MatchedByRow.office)).where(col(MatchedByRow.digest) == digest)
                found = set((await session.execute(offices)).scalars())
                waiting = (await session.execute(select(func.count()).select_from(RereadRow))).scalar_one()
            if found == {MATCHING, TIMERS} and not waiting:
                return
            await asyncio.sleep(0.05)


async def stands(service: Service, since: str = "2027") -> set[tuple[Any, ...]]:
    """The alerts that wait, by the titles of their sides."""
    async with service.db.read(SERVICE) as session:
        rows = await session.execute(select(col(PlanRow.id), col(PlanRow.owner), col(PlanRow.content)))
        names = {row.id: (row.owner, row.content["title"]) for row in rows if row.content["start"] >= since}
        alerts = (await session.execute(select(AlertRow).where(col(AlertRow.status).in_(LIVE)))).scalars()
        return {
            (
                one.kind, one.overlap_kind, one.severity, one.probability, one.texts["sentence"],
                frozenset(frozenset(names[plan] for plan in group) for group in one.groups),
            )
            for one in alerts
            if {plan for group in one.groups for plan in group} <= names.keys()
        }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [(SILENT, SHIPPED), (SHIPPED, SILENT), (SHIPPED, CURIOUS), (CURIOUS, SILENT)],
    ids=["on", "off", "another threshold and window", "back and off"],
)
async def test_other_rules_at_start_leave_the_alerts_of_a_fresh_installation(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = (f"sqlite+aiosqlite:///{tmp_path}/{name}.db" for name in ("old", "new"))
    async with running(new, overlap=after, timer_seconds=0.05) as fresh:
        await posted(fresh)
        wanted = await stands(fresh)
    async with running(old, overlap=before, timer_seconds=0.05) as service:
        await posted(service)
        assert await stands(service) != wanted
    async with running(old, overlap=after, timer_seconds=0.05) as service:
        await swept(service)
        assert await stands(service) == wanted


async def test_what_is_over_and_still_waits_is_closed_by_a_rule_that_was_switched_off(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with running(url) as service:
        await posted(service)
        assert "audience" in {kind for _, kind, *_ in await stands(service, "2020")}
    async with running(url, overlap=SILENT, timer_seconds=0.05) as service:
        await swept(service)
        assert {kind for _, kind, *_ in await stands(service, "2020")} & {"audience"} == set()


async def closed_by_another(service: Service) -> None:
    """As a release would leave it that alerts nobody."""
    async with service.db.write(SERVICE) as session:
        await session.execute(update(AlertRow).values(status="closed"))


async def test_another_release_has_all_plans_matched_anew_and_the_same_one_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    turns = list[str]()
    rematch = timers.rematch

    async def counted(plan: str, uow: Any) -> None:
        turns.append(plan)
        await rematch(plan, uow)

    async with running(url, timer_seconds=0.05) as service:
        await posted(service)
        await swept(service)
        wanted = await stands(service)
    monkeypatch.setattr(timers, "rematch", counted)
    async with running(url, timer_seconds=0.05) as service:
        await swept(service)
        await asyncio.sleep(0.2)  # in vain, so it is short: a turn too many would come in the first of its looks
        assert turns == []
        await closed_by_another(service)
    monkeypatch.setattr(weights, "version", lambda name: "the next one")
    async with running(url, timer_seconds=0.05) as service:
        await swept(service)
        assert turns
        assert await stands(service) == wanted


@pytest.mark.parametrize("office", [MATCHING, TIMERS])
async def test_whichever_office_passes_last_to_the_new_rules_has_the_sweep_made(tmp_path: Path, office: str) -> None:
    """Replicas change one after another: what the old holder of either office did last is done again."""
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with running(url, timer_seconds=0.05) as service:
        await posted(service)
        await swept(service)
        wanted = await stands(service)
        await closed_by_another(service)
        async with service.db.write(SERVICE) as session:
            theirs = col(MatchedByRow.office) == office
            await session.execute(update(MatchedByRow).where(theirs).values(digest="another"))
    async with running(url, timer_seconds=0.05) as service:
        await swept(service)
        assert await stands(service) == wanted
