"""Who is told what, by every route and channel there is: asked as everybody, judged by the table of the rules.

The routes come from the routers, the judgement from the oracle, and each plan carries a word of its own, so that nothing
here knows how the product decides. `make campaign` asks a house ten times as large.
"""

import io
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.routes import SERVICES
from tests.access import mutants
from tests.access.alike import differences, probes
from tests.access.channels import reading, writing
from tests.access.judging import Verdict, judge
from tests.access.rules import allowed
from tests.access.world import World, world
from tests.support.logged import logged
from tests.unit.shared.spans import collected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def written() -> Iterator[io.StringIO]:
    """What the services log while they are asked, in the form in which they log it."""
    with logged("json", "DEBUG") as stream:
        yield stream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, written: io.StringIO) -> AsyncGenerator[World]:
    async with world(tmp_path_factory.mktemp("access")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verdict(house: World) -> Verdict:
    return await judge(house, house.viewers, reading(house), every=3)


async def test_nobody_is_told_what_the_table_does_not_give_them(verdict: Verdict) -> None:
    share = verdict.permitted / verdict.decisions
    print(f"{verdict.decisions:,} decisions, {share:.0%} permitted, {dict(verdict.statuses)}")
    assert verdict.leaks == []
    assert verdict.decisions >= 100_000
    assert share >= 0.4
    assert not [status for status in verdict.statuses if status >= 500]


async def test_everybody_is_told_what_is_theirs(house: World, verdict: Verdict) -> None:
    """A wall that lets nobody through would pass the test above."""
    drafts = {plan.id for plan in house.plans if plan.draft}
    for viewer in house.viewers:
        may = allowed(house, viewer)
        for channel, due in (
            ("GET /api/v1/plans?", may.plans),
            ("GET /api/v1/plans/{plan_id}", may.plans),
            ("GET /api/v1/plans/{plan_id}/history", may.plans),
            ("GET /api/v1/plans.ics?", may.bulk - drafts),
            ("GET /api/v1/events?", may.bulk),
            ("GET /api/v1/stream?since=2000-01-01T00:00:00Z", may.bulk),
            ("GET /api/v1/alerts?status=all", may.alerts if viewer.key else frozenset[str]()),
            ("GET /api/v1/alerts/{alert_id}", may.alerts if viewer.key else frozenset[str]()),
        ):
            asked = verdict.asked.get((channel, viewer.name))
            told = verdict.found[channel, viewer.name]
            missing = (due & asked if asked is not None else due) - told
            assert not missing, (viewer.name, channel, len(missing))


async def test_what_is_exported_is_whole_but_for_red_and_drafts_of_others(house: World, verdict: Verdict) -> None:
    """Of a partner to its focal points, of a person to themselves; to anybody else it is not there."""
    shown = 0
    for viewer in [each for each in house.viewers if each.key]:
        may = allowed(house, viewer)
        whole = {plan.id for plan in house.plans if plan.owner in viewer.partners} if viewer.focal else set[str]()
        posted = {plan.id for plan in house.plans if plan.poster == viewer.name}
        for path, due in (("partners/{partner}", whole), ("people/{person}", posted)):
            told = verdict.found["GET /api/v1/held/activities/" + path, viewer.name]
            assert due & may.bulk <= told, (viewer.name, path)
            shown += len(told)
        for noun, other, own in (
            ("partners", f"org_{'0' * 32}", False),
            ("partners", house.organisations["unodc"], viewer.focal and "unodc" in viewer.partners),
            ("people", house.viewer("reader of world-bank").person, viewer.name == "reader of world-bank"),
        ):
            for service in SERVICES:
                answer = await house.ask(viewer, "GET", f"/api/v1/held/{service}/{noun}/{other}")
                expected = 200 if own or "administrator" in viewer.roles else 404
                assert answer.status_code == expected, (viewer.name, service, noun, answer.text[:200])
    assert shown > 100


async def test_the_public_is_told_what_is_clear_and_nothing_else(house: World, verdict: Verdict) -> None:
    """Without signing in: the list, the calendar, the stream and what it replays."""
    clear = {plan.id for plan in house.plans if plan.label == "CLEAR" and not plan.draft}
    assert clear
    for channel in (
        "GET /api/v1/plans?",
        "GET /api/v1/plans.ics?",
        "GET /api/v1/stream?since=2000-01-01T00:00:00Z",
        "GET /api/v1/events?",
    ):
        assert verdict.found[channel, "public"] - house.alerts.keys() == clear, channel


async def test_what_is_hidden_answers_as_what_is_not_there(house: World) -> None:
    """Status, headers, body, and how much the database was asked, for reading and for each way of writing."""
    assert await differences(house, [*reading(house), *writing(house)]) == []


async def test_a_check_and_a_reference_find_nothing_that_is_hidden(house: World) -> None:
    assert await probes(house) == []


async def test_logs_and_files_of_logs_hold_no_word_of_a_plan(
    house: World, verdict: Verdict, written: io.StringIO
) -> None:
    text = written.getvalue()
    assert "service.started" in text, "nothing was logged: this would prove nothing"
    assert [plan.number for plan in house.plans if plan.word in text] == []


async def test_traces_hold_no_word_of_a_plan(house: World) -> None:
    with collected() as spans:
        for name in ("public", "focal point of itu", "coordinator of Kenya"):
            await judge(house, [house.viewer(name)], [each for each in reading(house) if "plan" in each.path], every=9)
    told = " ".join(f"{span.name} {dict(span.attributes or {})} {span.events}" for span in spans.get_finished_spans())
    assert "GET" in told, "no span was kept: this would prove nothing"
    assert [plan.number for plan in house.plans if plan.word in told] == []


@pytest.mark.parametrize("mutant", mutants.ALL, ids=lambda mutant: mutant.name)
async def test_a_wall_that_is_taken_away_is_missed(
    house: World, mutant: mutants.Mutant, monkeypatch: pytest.MonkeyPatch, written: io.StringIO
) -> None:
    """One channel forgets to ask: the same judgement, over that channel alone, must find it."""
    start = written.tell()
    mutant.plant(monkeypatch)
    assert await mutant.found(house, lambda: written.getvalue()[start:]), "nobody would have noticed"


@pytest.mark.campaign
async def test_a_million_decisions(tmp_path: Path) -> None:
    async with world(tmp_path, size=4) as large:
        verdict = await judge(large, large.viewers, reading(large))
        print(f"{verdict.decisions:,} decisions, {verdict.permitted / verdict.decisions:.0%} permitted")
        assert verdict.leaks == []
        assert verdict.decisions >= 1_000_000
