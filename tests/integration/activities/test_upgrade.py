"""A release that reads plans differently finds what the one before it stored, and nothing is lost or left behind."""

from sqlalchemy import update

from services.activities.matching.features import FORMAT
from services.activities.orm import PlanRow
from shared.reader import SERVICE
from tests.support.activities import IVAN, NORA, running, training


async def test_plans_that_another_release_stored_are_read_anew_before_anything_is_served(database_url: str) -> None:
    async with running(database_url) as before:
        mine = await before.post(NORA, training())
        await before.settled()
        async with before.db.write(SERVICE) as session:
            await session.execute(update(PlanRow).values(features=bytes([FORMAT - 1]) + b"another layout"))
    async with running(database_url, migrate=False) as after:
        theirs = await after.post(IVAN, training())
        await after.settled()
        [alert] = await after.alerts()
        assert {side["plan"] for side in alert["sides"]} == {mine["id"], theirs["id"]}
        assert (await after.patch(NORA, mine, title="Another title"))["version"] == 2
