"""Somebody's script posts the same plan a hundred times: the lane keeps its budget, and says so."""

import random
from pathlib import Path

import pytest

from services.activities.commands import PostPlan
from services.activities.handlers import component, plans
from shared.db import Database
from shared.reader import SERVICE
from tests.integration.activities.play import POSTERS, Play, principal

COPY = {
    "title": "Cybercrime investigations course",
    "type": "training",
    "start": "2027-03-01",
    "end": "2027-03-03",
    "themes": ["cybercrime_investigation"],
    "audiences": ["investigators"],
    "venues": [{"country": "KEN", "city": "Nairobi"}],
    "tlp": "GREEN",
}


async def test_a_flood_of_copies_is_cut_and_the_alert_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component, "MAX_COMPONENT", 6)
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/flood.db")
    play = Play(db, random.Random(1))
    await play.start()
    for number in range(10):
        poster = POSTERS[number % len(POSTERS)]
        async with db.write(SERVICE) as session:
            uow = play.unit(session, poster.id)
            stored = await plans.post_plan(PostPlan(play.validated(COPY)), uow, principal(poster))
            await uow.flush()
        await play.turn(stored["id"])
        live = [row for row in await play.alerts() if row.status == "open"]
        assert any(stored["id"] in row.versions for row in live) or number == 0
        assert all(len(row.versions) <= 6 for row in live)
    assert any(row.capped for row in live)
    await db.dispose()
