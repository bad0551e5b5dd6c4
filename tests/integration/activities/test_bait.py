"""Who posts many plans to find a hidden one hears of it once, and of nothing else by which it could be found."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.activities import CORA, NORA, TARO, Service, running, training

SPAN = 40
"""Days over which the baits lie; the hidden plan is among them."""


def hidden(**changes: Any) -> dict[str, Any]:
    """What UNODC plans and ITU may not see."""
    return training(
        title="Judges and electronic evidence",
        start="2027-05-11",
        end="2027-05-13",
        venues=[{"city": "Nairobi", "country": "KEN"}],
        audiences=["judges"],
        themes=["electronic_evidence"],
        **{"tlp": "AMBER", **changes},
    )


def bait(number: int) -> dict[str, Any]:
    """A short course for the same people somewhere in the country, on another day each time, of another theme than the
    hidden one: what meets it is the audience alone."""
    day = (date(2027, 4, 25) + timedelta(days=number % SPAN)).isoformat()
    return training(
        title=f"Course {number}",
        start=day,
        end=day,
        venues=[{"country": "KEN"}],
        audiences=["judges"],
        themes=["fraud"],
        tlp="AMBER+STRICT",
    )


async def view(service: Service, names: dict[str, int]) -> list[Any]:
    """All that ITU's focal point can read, with ids as numbers of the plans they posted (else 0)."""
    found: list[Any] = []
    for path in ("alerts?status=all&limit=200", "plans?limit=200", "activities?limit=200"):
        answer = await service.client.get(f"/api/v1/{path}", headers=TARO.headers)
        assert answer.status_code == 200, answer.text
        for each in answer.json()["data"]:
            detail = each
            if path.startswith("alerts"):
                detail = (await service.client.get(f"/api/v1/alerts/{each['id']}", headers=TARO.headers)).json()
            found.append(_plain(detail, names))
    return sorted(found, key=str)


def _plain(value: Any, names: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {
            key: _plain(each, names)
            for key, each in value.items()
            if key not in ("id", "activity") and "_at" not in key
        }
    if isinstance(value, list):
        return [_plain(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


async def played(url: str, count: int, *, with_hidden: bool) -> tuple[list[Any], int, int]:
    """(what ITU sees, plans that meet the hidden one, blind alerts) after `count` baits."""
    async with running(url) as service:
        if with_hidden:
            await service.post(NORA, hidden())
        names: dict[str, int] = {}
        for number in range(count):
            names[(await service.post(TARO, bait(number)))["id"]] = number
        await service.settled()
        seen = await view(service, names)
        meeting = [each for each in await service.alerts(CORA, status="all", limit="200") if each["kind"] == "overlap"]
        crossing = [each for each in meeting if len({side["partner"] for side in each["sides"]}) == 2]
        return seen, len(crossing), sum(bool(each.get("blind")) for each in seen)


async def bait_tells_one_thing(folder: Any, count: int) -> None:
    with_it, meeting, blind = await played(f"sqlite+aiosqlite:///{folder}/with.db", count, with_hidden=True)
    without, nothing, _ = await played(f"sqlite+aiosqlite:///{folder}/without.db", count, with_hidden=False)
    assert meeting >= 3, "too few meet it to prove anything"
    assert nothing == 0
    assert blind == 1
    # everything else is as if the hidden plan did not exist: no plan, no count, no group, no other alert differs
    assert [each for each in with_it if not each.get("blind")] == without


async def test_many_plans_find_a_hidden_one_once(tmp_path: Any) -> None:
    await bait_tells_one_thing(tmp_path, SPAN)


@pytest.mark.campaign
async def test_a_thousand_plans_find_a_hidden_one_once(tmp_path: Any) -> None:
    await bait_tells_one_thing(tmp_path, 1000)


async def test_one_plan_moved_about_finds_it_once(tmp_path: Any) -> None:
    """The same by amending one plan from day to day; and by cancelling it and posting it again."""
    async with running(f"sqlite+aiosqlite:///{tmp_path}/one.db") as service:
        await service.post(NORA, hidden())
        plan = await service.post(TARO, bait(0))
        told: list[int] = []
        for day in (1, 11, 20, 12, 25, 13):
            plan = await service.patch(TARO, plan, start=f"2027-05-{day:02}", end=f"2027-05-{day:02}")
            await service.settled()
            told.append(len([each for each in await service.alerts(TARO, status="all") if each["blind"]]))
        assert told == [0, 1, 1, 1, 1, 1]
        await service.act(TARO, plan, "cancel")
        await service.post(TARO, {**bait(0), "start": "2027-05-12", "end": "2027-05-12"})
        await service.settled()
        assert len([each for each in await service.alerts(TARO, status="all") if each["blind"]]) == 1
        # the coordinator is asked each time: what is kept from the partner is not kept from who can act
        assert len([each for each in await service.alerts(CORA, status="all") if each["kind"] == "overlap"]) == 2
