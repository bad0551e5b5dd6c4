"""The first start: a signing key, the registry's organisations, one administrator; once, however many replicas start."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.partners import app as partners
from services.partners import orm
from services.partners.handlers.bootstrap import SEED, NoWayIn, parents_first
from services.partners.settings import PartnersSettings
from shared.bus.memory import MemoryBus
from shared.db import Database
from shared.migrations import SchemaTooOld
from tests.integration.partners.harness import BOOTSTRAP_KEY, House, Houses


async def counts(house: House) -> dict[str, int]:
    tables = (orm.OrganisationRow, orm.PersonRow, orm.ApiKeyRow, orm.SigningKeyRow)
    async with house.db.read() as session:
        return {
            str(row.__tablename__): (await session.execute(select(func.count()).select_from(row))).scalar_one()
            for row in tables
        }


async def test_two_replicas_that_start_at_once_make_one_beginning(houses: Houses) -> None:
    first, second = await asyncio.gather(houses(seed_registry=True), houses(seed_registry=True))
    entries = json.loads(SEED.read_text("utf-8"))
    expected = {"organisation": len(entries), "person": 1, "api_key": 1, "signing_key": 1}
    assert await counts(first) == expected
    third = await houses(seed_registry=True)
    assert await counts(third) == expected
    for house in (first, second, third):
        assert (await house.call("GET", "/api/v1/me")).json()["roles"] == ["administrator"]
    names = [name for name, _, _ in await first.outbox()]
    assert sorted(set(names)) == ["api_key.issued", "organisation.registered", "person.added", "signing_key.published"]
    assert len(names) == len(entries) + 3


async def test_the_registry_starts_with_the_identifiers_that_exist_and_no_others(houses: Houses) -> None:
    house = await houses(seed_registry=True)
    unodc = await house.organisation("unodc")
    assert unodc["identifiers"] == [{"scheme": "XM-DAC", "value": "41128"}]
    assert "StAR" in [each["code"] for each in unodc["programmes"]]
    for slug in ("interpol", "europol", "gfce"):
        assert (await house.organisation(slug))["identifiers"] == []
    europol, union = await house.organisation("europol"), await house.organisation("european-union")
    assert europol["parent"] == union["id"]


async def test_a_drawn_key_lies_in_a_file_of_its_owner_and_in_no_log(
    houses: Houses, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    house = await houses(bootstrap_key=None, data_dir=houses.data_dir)
    path = houses.data_dir / "bootstrap-admin.key"
    key = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in houses.data_dir.iterdir()] == [path.name]
    assert (await house.call("GET", "/api/v1/me", key=key)).json()["grants"] == ["admin", "read"]
    captured = capfd.readouterr()
    assert key[4:] not in captured.out + captured.err + caplog.text
    await houses(bootstrap_key=None, data_dir=houses.data_dir)
    assert path.read_text().strip() == key


async def test_without_a_place_for_the_key_it_does_not_start(houses: Houses) -> None:
    with pytest.raises(NoWayIn, match="PARTNERS_BOOTSTRAP_KEY"):
        await houses(bootstrap_key=None)
    house = await houses()
    assert await counts(house) == {"organisation": 0, "person": 1, "api_key": 1, "signing_key": 1}


async def test_a_changed_bootstrap_key_lets_nobody_in_later(houses: Houses) -> None:
    await houses()
    other = "cvn_" + "another-bootstrap-key-0123456789-0123456789"
    house = await houses(bootstrap_key=other)
    assert (await house.call("GET", "/api/v1/me", key=other)).status_code == 401
    assert (await house.call("GET", "/api/v1/me", key=BOOTSTRAP_KEY)).status_code == 200


async def test_after_the_last_key_of_the_last_administrator_a_start_gives_another(houses: Houses) -> None:
    house = await houses()
    (key,) = (await house.call("GET", "/api/v1/keys")).json()["data"]
    assert (await house.call("POST", f"/api/v1/keys/{key['id']}:revoke")).status_code == 200
    again = await houses()  # the revoked key is still in the settings: it stays revoked, and the service starts
    assert (await again.call("GET", "/api/v1/me")).status_code == 401
    other = "cvn_" + "another-bootstrap-key-0123456789-0123456789"
    house = await houses(bootstrap_key=other)
    assert (await house.call("GET", "/api/v1/me", key=other)).json()["id"] == key["person"]
    assert (await counts(house))["person"] == 1


async def test_an_invited_administrator_is_waited_for(houses: Houses) -> None:
    house = await houses()
    invitation = await house.made("/api/v1/invitations", {"name": "Second", "roles": ["administrator"]})
    (key,) = (await house.call("GET", "/api/v1/keys")).json()["data"]
    await house.call("POST", f"/api/v1/keys/{key['id']}:revoke")
    await houses(bootstrap_key=None, data_dir=houses.data_dir)
    assert not houses.data_dir.exists()
    await house.made("/api/v1/invitations:redeem", {"code": invitation["code"]}, key=None)


@pytest.mark.parametrize("key", ["short", "cvn_short", "x" * 60])
def test_a_guessable_bootstrap_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError) as refused:
        PartnersSettings(database_url="sqlite+aiosqlite://", bootstrap_key=key)
    assert "random characters" in str(refused.value)
    assert "input_value" not in str(refused.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PARTNERS_DATABASE_URL": "sqlite+aiosqlite:///x.db",
        "PARTNERS_BOOTSTRAP_KEY": BOOTSTRAP_KEY,
        "PARTNERS_INVITATION_DAYS": "3",
        "PARTNERS_SIGNING_OVERLAP": "30",
        "CONVENE_DATA": "/srv/convene",
        "BUS_URL": "kafka://broker:9092",
    }.items():
        monkeypatch.setenv(name, value)
    found = PartnersSettings()  # pyright: ignore[reportCallIssue]
    assert (found.invitation_days, found.signing_overlap, found.data_dir) == (3, 30, Path("/srv/convene"))
    assert found.bus_url == "kafka://broker:9092"
    assert BOOTSTRAP_KEY not in repr(found)


async def test_it_does_not_serve_on_a_schema_that_is_too_old(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/empty.db"
    app = partners.build(PartnersSettings(database_url=url, bootstrap_key=BOOTSTRAP_KEY), bus=MemoryBus())
    with pytest.raises(SchemaTooOld):
        async with app.router.lifespan_context(app):
            pass


async def test_embedded_it_migrates_itself(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/new.db"
    settings = PartnersSettings(database_url=url, bootstrap_key=BOOTSTRAP_KEY, migrate_at_start=True)
    app = partners.build(settings, bus=MemoryBus())
    async with app.router.lifespan_context(app):
        db: Database = app.state.runtime.db
        async with db.read() as session:
            assert (await session.execute(select(orm.known.person))).all()


def test_parents_come_before_their_parts() -> None:
    entries = [{"slug": "c", "parent": "b"}, {"slug": "b", "parent": "a"}, {"slug": "a", "parent": None}]
    assert [each["slug"] for each in parents_first(entries)] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="x"):
        parents_first([{"slug": "x", "parent": "nobody"}])
