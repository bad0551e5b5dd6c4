"""Who is known, with which keys: the read models follow partners' events, and the stricter of credential and model wins."""

import asyncio
import base64
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, select
from sqlalchemy.event import listen, remove

from shared.auth import Authenticator, hash_api_key, new_api_key, require
from shared.clock import FixedClock
from shared.cloudevent import Event, event_type
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.kernel import RegistryTables
from shared.problem import Problem
from shared.registry import CONSUMED, GRANTS, project
from shared.tokens import generate_key, public_part, sign
from shared.visibility import PUBLIC, Principal, Scope

NOW = datetime(2017, 4, 3, 9, 0, tzinfo=UTC)
metadata = MetaData()
known = RegistryTables(metadata)
ids = Uuid7Ids()
API_KEY = "cvn_" + "k3Y" * 14 + "x"
SIGNING = generate_key("kid_one")


class Registry:
    """A service's read models, and what partners would publish into them."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock = db, FixedClock(NOW)
        self.authenticator = Authenticator(db, known, self.clock)

    async def told(self, fact: str, subject: str, sequence: int, /, **data: Any) -> None:
        event = Event(
            id=ids.new("evt"), source="/services/partners", type=event_type(fact), subject=subject,
            sequence=sequence, time=NOW, data={"id": subject, "version": sequence, "of_tomorrow": 1, **data},
        )  # fmt: skip
        async with self.db.write() as session:
            await project(session, known, event)

    async def person(self, sequence: int = 1, **changes: Any) -> None:
        data = {
            "partners": ["org_unodc"],
            "roles": ["coordinator"],
            "scope": {"countries": ["KEN"], "regions": ["014"], "themes": ["malware"]},
            "active": True,
        }
        await self.told("person.added" if sequence == 1 else "person.amended", "per_nora", sequence, **data | changes)

    async def api_key(self, sequence: int = 1, **changes: Any) -> None:
        data = {"hash": hash_api_key(API_KEY), "person": "per_nora", "scopes": [], "revoked": False}
        name = "api_key.issued" if sequence == 1 else "api_key.revoked"
        await self.told(name, "key_one", sequence, **data | changes)

    async def signing_key(self, sequence: int = 1, **changes: Any) -> None:
        data = {"jwk": public_part(SIGNING), "not_before": NOW.isoformat(), "not_after": None}
        name = "signing_key.published" if sequence == 1 else "signing_key.retired"
        await self.told(name, "kid_one", sequence, **data | changes)

    def token(self, grants: set[str], key: dict[str, Any] = SIGNING, person: str = "per_nora") -> str:
        return sign(key, person, frozenset(grants), self.clock.now())[0]

    async def who(self, credential: str = API_KEY, scheme: str = "Bearer ") -> Principal:
        return await self.authenticator.principal(scheme + credential)

    async def refused(self, credential: str = API_KEY, scheme: str = "Bearer ") -> bool:
        """Whether it is a 401 that says what to do and not what is wrong."""
        (outcome,) = await asyncio.gather(self.who(credential, scheme), return_exceptions=True)
        if isinstance(outcome, Principal):
            return False
        assert isinstance(outcome, Problem), repr(outcome)
        assert (outcome.status, outcome.headers["WWW-Authenticate"]) == (401, 'Bearer realm="convene"')
        assert outcome.detail == "Authorization: a valid API key or token is needed here."
        assert not outcome.errors
        return True


@pytest.fixture
async def registry(kernel_url: str) -> AsyncIterator[Registry]:
    db = Database(kernel_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    made = Registry(db)
    await made.person()
    await made.api_key()
    await made.signing_key()
    yield made
    await db.dispose()


async def test_a_key_and_a_token_speak_for_the_person_as_known(registry: Registry) -> None:
    for credential in (API_KEY, registry.token({"read", "post", "decide"})):
        found = await registry.who(credential)
        assert (found.person, found.partners, found.roles) == ("per_nora", {"org_unodc"}, {"coordinator"})
        assert found.grants == GRANTS["coordinator"]
        assert found.scope == Scope(frozenset({"KEN"}), frozenset({"014"}), frozenset({"malware"}))
    assert (await registry.who(scheme="bEaReR  ")).person == "per_nora"
    assert await registry.authenticator.principal(None) is PUBLIC


@pytest.mark.parametrize(
    ("credential", "scheme"),
    [
        ("", ""),
        ("", "Bearer"),
        ("", "Bearer "),
        (API_KEY, ""),
        (API_KEY, "Basic "),
        (API_KEY[:-1], "Bearer "),
        (API_KEY + " " + API_KEY, "Bearer "),
        (API_KEY.upper(), "Bearer "),
        ("cvn_", "Bearer "),
        ("cvn_\x00\ud800", "Bearer "),
        ("ü", "Bearer "),
        ("eyJhbGciOiJub25lIn0.e30.", "Bearer "),
        ("eyJraWQiOiJhXHUwMDAwYiJ9.e30.AA", "Bearer "),
        ("eyJraWQiOiJcdWQ4MDAifQ.e30.AA", "Bearer "),
        ("eyJraWQiOiJraWRfb25lIn0.e30.AA", "Bearer "),
    ],
)
async def test_what_is_no_credential_is_a_401(registry: Registry, credential: str, scheme: str) -> None:
    assert await registry.refused(credential, scheme)


async def test_a_revoked_key_ends_at_once_and_does_not_come_back(registry: Registry) -> None:
    await registry.api_key(2, revoked=True)
    assert await registry.refused()
    await registry.api_key(1)
    assert await registry.refused(), "an older event that comes late changes nothing"


async def test_a_key_expires_on_the_instant(registry: Registry) -> None:
    await registry.api_key(2, expires_at=(NOW + timedelta(hours=1)).isoformat())
    registry.clock.advance(3599)
    assert not await registry.refused()
    registry.clock.advance(1)
    assert await registry.refused()


async def test_an_inactive_person_is_refused_with_any_credential(registry: Registry) -> None:
    token = registry.token({"read"})
    await registry.person(2, active=False)
    assert await registry.refused()
    assert await registry.refused(token)


async def test_an_orphaned_key_or_token_is_refused(registry: Registry) -> None:
    await registry.told(
        "api_key.issued", "key_two", 1, hash=hash_api_key("cvn_orphan"), person="per_gone", scopes=[], revoked=False
    )
    assert await registry.refused("cvn_orphan")
    assert await registry.refused(registry.token({"read"}, person="per_gone"))


async def test_tokens_from_before_not_before_are_refused_and_later_ones_are_not(registry: Registry) -> None:
    """How partners ends all sessions of a person: the tokens are out there, the read model knows better."""
    earlier = registry.token({"read"})
    registry.clock.advance(60)
    await registry.person(2, not_before=registry.clock.now().isoformat())
    assert await registry.refused(earlier)
    registry.clock.advance(1)
    assert not await registry.refused(registry.token({"read"}))


async def test_the_stricter_of_credential_and_role_wins(registry: Registry) -> None:
    assert (await registry.who(registry.token({"read", "admin"}))).grants == {"read"}
    assert (await registry.who(registry.token({"admin"}))).grants == frozenset()
    await registry.api_key(2, scopes=["read", "admin"])
    assert (await registry.who()).grants == {"read"}
    await registry.person(2, roles=["focal_point", "administrator"])
    assert (await registry.who()).grants == {"read", "admin"}
    assert (await registry.who(registry.token({"read", "post", "decide"}))).grants == {"read", "post"}
    await registry.person(3, roles=["a role of the next release"])
    assert (await registry.who()).grants == frozenset()


async def test_a_token_for_nothing_allows_nothing(registry: Registry) -> None:
    """A key that has lost all its grants must not be traded for a token with all of the role's."""
    found = await registry.who(registry.token(set()))
    assert found.grants == frozenset()
    for grant in ("read", "post", "decide"):
        with pytest.raises(Problem) as caught:
            require(found, grant)
        assert caught.value.status == 403
    with pytest.raises(Problem) as caught:
        require(PUBLIC, "read")
    assert caught.value.status == 401


async def test_signing_keys_count_from_their_first_to_their_last_instant(registry: Registry) -> None:
    registry.clock.advance(-1)
    assert await registry.refused(registry.token({"read"}))
    registry.clock.advance(1)
    assert not await registry.refused(registry.token({"read"}))
    await registry.signing_key(2, not_after=(NOW + timedelta(minutes=5)).isoformat())
    registry.clock.advance(299)
    assert not await registry.refused(registry.token({"read"}))
    registry.clock.advance(1)
    assert await registry.refused(registry.token({"read"}))


async def test_an_unknown_or_borrowed_key_id_is_refused(registry: Registry) -> None:
    assert await registry.refused(registry.token({"read"}, key=generate_key("kid_unknown")))
    assert await registry.refused(registry.token({"read"}, key=generate_key("kid_one")))


@pytest.mark.parametrize(
    "kid",
    [
        "' OR ''='",
        "kid_one' --",
        "../kid_one",
        "file:///etc/passwd",
        "https://evil.example/kid_one",
        "KID_ONE",
        "%",
        "kid_on_",
    ],
)
async def test_a_key_id_is_a_name_and_nothing_else(registry: Registry, kid: str) -> None:
    assert await registry.refused(registry.token({"read"}, key=SIGNING | {"kid": kid}))


async def test_a_flood_of_unknown_key_ids_costs_one_indexed_read_each_and_no_connection(registry: Registry) -> None:
    assert not await registry.refused(registry.token({"read"}))  # whatever is opened once is open
    rest = registry.token({"read"}, key=generate_key("kid_none")).split(".", 1)[1]
    asked: list[str] = []

    def counted(_: Any, __: Any, text: str, *___: Any) -> None:
        asked.append(text)

    listen(Engine, "before_cursor_execute", counted)
    try:
        with connections() as opened:
            for number in range(1000):
                header = json.dumps({"alg": "Ed25519", "typ": "at+jwt", "kid": f"kid_{number}"}).encode()
                forged = f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.{rest}"
                assert await registry.refused(forged)
    finally:
        remove(Engine, "before_cursor_execute", counted)
    read = [text for text in asked if not text.startswith("BEGIN")]
    assert len(read) == 1000
    assert len(set(read)) == 1
    assert "known_signing_key.id = " in read[0]
    assert known.signing_key.primary_key.columns.keys() == ["id"]
    assert opened == []


_opened: list[Any] | None = None


def _hear(event: str, arguments: Any) -> None:
    if _opened is not None and event in ("socket.connect", "socket.getaddrinfo"):
        _opened.append(arguments)


sys.addaudithook(_hear)


@contextmanager
def connections() -> Iterator[list[Any]]:
    """Every connection that this process tries to open meanwhile, and every name that it looks up."""
    global _opened
    _opened = found = []
    try:
        yield found
    finally:
        _opened = None


def test_a_connection_would_be_heard() -> None:
    with connections() as opened, pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert opened


async def test_older_state_never_replaces_newer_whatever_the_order(registry: Registry) -> None:
    for sequence, name in ((3, "Third"), (2, "Second"), (3, "Third again"), (1, "First"), (4, "Fourth")):
        await registry.told(
            "organisation.amended", "org_itu", sequence, slug="itu", name=name, status="active",
            aliases=[{"name": name, "lang": "en"}],
        )  # fmt: skip
    async with registry.db.read() as session:
        row = (await session.execute(select(known.partner))).one()
    assert (row.name, row.version, row.aliases, row.acronym) == ("Fourth", 4, [{"name": "Fourth", "lang": "en"}], None)


def test_every_consumed_event_has_its_model() -> None:
    assert set(CONSUMED) == {
        "organisation.registered", "organisation.amended", "person.added", "person.amended", "api_key.issued",
        "api_key.revoked", "signing_key.published", "signing_key.retired",
    }  # fmt: skip


def test_api_keys_are_long_and_only_their_hash_is_kept() -> None:
    keys = {new_api_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("cvn_") and len(key) >= 4 + 27 for key in keys), "160 random bits are 27 characters"
    assert hash_api_key(API_KEY) != API_KEY
    assert len(hash_api_key(API_KEY)) == 64


async def test_a_focal_point_is_one_until_the_instant_that_was_told(registry: Registry) -> None:
    """Decided when somebody asks, by the clock: nothing has to happen at that instant."""
    until = NOW + timedelta(days=30)
    await registry.person(2, roles=["focal_point"], confirmed_until=until.isoformat())
    registry.clock.advance(30 * 24 * 3600 - 1)
    before = await registry.who()
    assert (before.roles, before.partners, before.lapsed) == ({"focal_point"}, {"org_unodc"}, False)
    token = registry.token({"read", "post"})
    registry.clock.advance(1)
    for credential in (API_KEY, token):
        after = await registry.who(credential)
        assert (after.person, after.roles, after.partners, after.grants) == ("per_nora", set(), set(), set())
        assert after.lapsed
    with pytest.raises(Problem) as told:
        require(after, "read")
    assert told.value.status == 403
    assert "confirmed" in told.value.detail
    await registry.person(3, roles=["focal_point"], confirmed_until=(until + timedelta(days=1)).isoformat())
    assert (await registry.who()).grants == GRANTS["focal_point"]


@pytest.mark.parametrize(
    ("role", "partners"),
    [("coordinator", set()), ("administrator", set()), ("reader", {"org_unodc"}), ("donor", {"org_unodc"})],
)
async def test_another_role_keeps_what_is_its_own(registry: Registry, role: str, partners: set[str]) -> None:
    await registry.person(2, roles=["focal_point", role], confirmed_until=NOW.isoformat())
    found = await registry.who()
    assert (found.roles, found.grants, found.partners) == ({role}, GRANTS[role], partners)


async def test_facts_from_before_there_was_such_a_time_set_no_end(registry: Registry) -> None:
    await registry.person(2, roles=["focal_point"])
    registry.clock.advance(10 * 365 * 24 * 3600)
    assert (await registry.who()).grants == GRANTS["focal_point"]
