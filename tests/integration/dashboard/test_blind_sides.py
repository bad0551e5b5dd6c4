"""One blind alert from both sides, on every channel: the coordinator reads it in full and decides it; the partner whose
alert it is learns that there is something and whom to call, then and afterwards."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.access.streams import listen
from tests.integration.dashboard.conftest import House, running, until

SECRET, OPEN = "Hidden course zqhidden", "Open course"
PLACE = {
    "type": "training",
    "start": "2031-03-03",
    "end": "2031-03-05",
    "venues": [{"city": "Lima", "country": "PER"}],
    "audiences": ["judges"],
    "themes": ["ransomware"],
}


class Channels:
    """All that somebody hears of one alert: channel -> text."""

    def __init__(self, house: House, name: str, alert: str) -> None:
        self.house, self.name, self.alert = house, name, alert
        self.headers = {"Authorization": f"Bearer {house.keys[name]}"}
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(house.app), base_url="http://convene", headers=self.headers
        )

    async def document(self, path: str) -> Any:
        answer = await self.http.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self) -> dict[str, list[dict[str, Any]]]:
        """By channel, what `/events` and the stream tell of the alert."""
        since = "since=2000-01-01T00:00:00Z&types=alert.*,decision.*"
        page = (await self.document(f"events?{since}"))["data"]
        text = await listen(self.house.app, self.headers, f"/api/v1/stream?{since}")
        lines = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        return {
            channel: [each for each in found if self.alert in (each["subject"], each["data"].get("alert"))]
            for channel, found in (("events", page), ("stream", lines))
        }

    async def told(self) -> dict[str, str]:
        browser = self.house.browser()
        await browser.sign_in(self.house.keys[self.name])
        await browser.get(f"/alerts/{self.alert}")
        found = {
            "alert": await self.document(f"alerts/{self.alert}"),
            "list": (await self.document("alerts?status=all"))["data"],
            "inbox": [(await self.document(f"inbox/{self.alert}"))],
            "page": browser.answer.text,
            **await self.events(),
        }
        return {channel: json.dumps(each, sort_keys=True) for channel, each in found.items()}


async def test_the_coordinator_sees_both_sides_and_decides_and_the_partner_hears_nothing_of_it(tmp_path: Path) -> None:
    async with running(tmp_path, heartbeat_seconds=0.2, poll_seconds=0.1) as house:
        await house.join("una", roles=["focal_point"], partners=["unodc"])
        await house.join("ian", roles=["focal_point"], partners=["interpol"])
        await house.join("cora", roles=["coordinator"], scope={"countries": ["PER"]})
        await house.join("ken", roles=["coordinator"], scope={"countries": ["KEN"]})
        hidden = await house.client("ian").plans.post(PLACE, title=SECRET, tlp="AMBER")
        mine = await house.client("una").plans.post(PLACE, title=OPEN, tlp="GREEN")
        alert = (await house.alert_of("una", str(mine.id))).id
        cora, una = Channels(house, "cora", alert), Channels(house, "una", alert)

        async def heard() -> bool:
            return all([(await each.events())["events"] for each in (cora, una)])

        await until(heard)
        full, blind = await cora.told(), await una.told()
        assert full.keys() == blind.keys()
        for channel in full:
            assert str(mine.id) in full[channel], channel
            assert str(hidden.id) in full[channel], channel
            for word in (str(hidden.id), SECRET.lower(), "zqhidden", "interpol"):
                assert word not in blind[channel].lower(), (channel, word)
        for channel in ("alert", "list", "page"):
            assert SECRET in full[channel], channel
        assert json.loads(full["alert"])["explanation"]
        assert json.loads(blind["alert"])["contacts"] == ["focal_point"]
        # the other coordinator is nobody here, and the partner decides nothing
        assert (await Channels(house, "ken", alert).http.get(f"/api/v1/alerts/{alert}")).status_code == 404
        body: dict[str, Any] = {"json": {"verdict": "distinct"}, "headers": {"Idempotency-Key": "x"}}
        refused = await una.http.post(f"/api/v1/alerts/{alert}/decisions", **body)
        assert refused.status_code in (403, 404)
        assert SECRET not in refused.text

        made = await cora.http.post(f"/api/v1/alerts/{alert}/decisions", **body)
        assert made.status_code == 201, made.text

        async def decided() -> bool:
            return made.json()["id"] in [each["subject"] for each in (await cora.events())["events"]]

        await until(decided)
        after = await una.told()
        assert {channel: text for channel, text in after.items() if channel != "page"} == {
            channel: text for channel, text in blind.items() if channel != "page"
        }
        assert "distinct" not in after["page"].lower()
        assert json.loads((await cora.told())["alert"])["status"] == "decided"
