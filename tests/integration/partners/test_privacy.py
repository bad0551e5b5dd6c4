"""No event, audit row, log line or stored answer says who somebody is once it should not."""

import logging

import pytest
import structlog
from sqlalchemy import LargeBinary, Text, cast, select

from services.partners import orm
from tests.integration.partners.harness import House

CANARIES = ("Zebulon", "Quartermaine", "zq@canary.example", "canary.example", "Zebulon's laptop")


async def live_a_life(house: House) -> str:
    """Everything that can happen to a person, with a name that stands out. Returns the person's id."""
    body = {
        "name": "Zebulon Quartermaine",
        "email": "zq@canary.example",
        "roles": ["focal_point"],
        "partners": ["unodc"],
    }
    invitation = await house.made("/api/v1/invitations", body, idempotency_key="canary-1")
    person = invitation["person"]
    key = (await house.made("/api/v1/invitations:redeem", {"code": invitation["code"]}, key=None))["key"]
    await house.made("/api/v1/keys", {"label": "Zebulon's laptop"}, key=key, idempotency_key="canary-2")
    await house.made("/api/v1/tokens", {}, key=key)
    await house.call("POST", "/api/v1/people", body)  # refused: the address is taken
    await house.call("POST", "/api/v1/people", body | {"email": "zq@canary.example x"})  # refused
    await house.call("POST", "/api/v1/people", body | {"Quartermaine": 1})  # refused
    await house.call("PATCH", f"/api/v1/people/{person}", {"name": "Zebulon Q. Quartermaine"}, if_match='"1-x"')
    await house.call("GET", "/api/v1/me", key=key)
    await house.call("GET", "/api/v1/people")
    await house.call("POST", f"/api/v1/people/{person}:deactivate", idempotency_key="canary-3")
    await house.call("POST", f"/api/v1/people/{person}:activate")
    return person


async def test_events_audit_and_logs_know_people_as_ids_only(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as lines:
        person = await live_a_life(house)
        await house.call("POST", f"/api/v1/people/{person}:erase")
    events = b"".join(raw for _, _, raw in await house.outbox()).decode()
    audit = repr(await house.audit())
    printed = capfd.readouterr()
    for text in (events, audit):
        assert person in text
    for where, text in {
        "events": events,
        "audit": audit,
        "log": repr(lines) + caplog.text + printed.out + printed.err,
    }.items():
        for canary in CANARIES:
            assert canary.casefold() not in text.casefold(), f"{canary} in {where}"


async def test_an_erased_name_is_in_no_table_any_more(house: House) -> None:
    person = await live_a_life(house)
    assert await tables_with(house, CANARIES) == {"person", "api_key", "idempotency"}
    await house.call("POST", f"/api/v1/people/{person}:erase", idempotency_key="canary-4")
    assert await tables_with(house, CANARIES) == set()


async def tables_with(house: House, words: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    async with house.db.read() as session:
        for table in orm.metadata.sorted_tables:
            columns = [column if isinstance(column.type, LargeBinary) else cast(column, Text) for column in table.c]
            rows = repr((await session.execute(select(*columns))).all())
            if any(word.casefold() in rows.casefold() for word in words):
                found.add(table.name)
    return found


async def test_the_private_half_of_a_signing_key_stays_in_its_table(house: House) -> None:
    async with house.db.read() as session:
        secret = (await session.execute(select(orm.SigningKeyRow))).scalars().one().jwk["d"]
    assert await tables_with(house, (secret,)) == {"signing_key"}
    assert secret not in (await house.call("GET", "/api/v1/signing-keys")).text


async def test_the_read_models_agree_with_the_registry(house: House) -> None:
    """This service is consistent at once: what it authenticates by is written with what it says."""
    await live_a_life(house)
    async with house.db.read() as session:
        for own, model in (
            (orm.OrganisationRow, orm.known.partner),
            (orm.PersonRow, orm.known.person),
            (orm.ApiKeyRow, orm.known.api_key),
            (orm.SigningKeyRow, orm.known.signing_key),
        ):
            rows = (await session.execute(select(own))).scalars()
            versions = {(row.id, row.version) for row in rows}
            assert versions == {(row.id, row.version) for row in await session.execute(select(model))}
