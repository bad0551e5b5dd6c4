"""A blind alert does not tell what became of it: decided, closed and open again, it is the same to its reader."""

from typing import Any

from tests.support.activities import CORA, IVAN, NORA, Service, training


async def test_it_is_open_to_its_reader_whatever_becomes_of_it(service: Service) -> None:
    mine = await service.post(NORA, training())
    theirs = await service.post(IVAN, training(tlp="AMBER"))
    await service.settled()
    [alert] = await service.alerts(CORA)
    [first] = await service.alerts(NORA)
    assert (first["blind"], first["status"]) == (True, "open")

    async def said() -> list[Any]:
        found: list[Any] = [await service.alert(alert["id"], NORA)]
        for status in ("live", "open", "all"):
            found += await service.alerts(NORA, status=status)
        found += await service.alerts(NORA, plan=mine["id"])
        for status in ("waiting", "snoozed", "escalated", "decided", "closed"):
            assert await service.alerts(NORA, status=status) == [], status
        return found

    assert await said() == [first] * 5
    made = await service.decide(alert["id"], "escalate")
    assert await said() == [first] * 5
    assert (await service.reverse(made.json()["id"])).status_code == 201
    made = await service.decide(alert["id"], "distinct")
    assert [each["status"] for each in await service.alerts(CORA, status="all")] == ["decided"]
    assert await service.alerts(CORA) == []
    assert await said() == [first] * 5
    assert (await service.reverse(made.json()["id"])).status_code == 201
    await service.act(IVAN, theirs, "cancel")
    await service.settled()
    assert [each["status"] for each in await service.alerts(CORA, status="all")] == ["closed"]
    assert await said() == [first] * 5
