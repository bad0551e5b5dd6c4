"""Read models of `partners.v1`: who is known, with which keys. Every service keeps its own copy, in its own database.

The models below are tolerant: they name what is used and ignore the rest, so that partners may add fields at any time.
`tests/contract` holds them against the schemas that partners publishes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Table, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.cloudevent import Event
from shared.db import insert
from shared.focal_points import standing
from shared.kernel import RegistryTables
from shared.tokens import Claims
from shared.visibility import Principal, Scope

TOPIC = "partners.v1"

GRANTS: Mapping[str, frozenset[str]] = {
    "administrator": frozenset({"read", "admin"}),
    "coordinator": frozenset({"read", "post", "decide"}),
    "focal_point": frozenset({"read", "post"}),
    "reader": frozenset({"read"}),
    "donor": frozenset({"read"}),
    "service": frozenset({"read"}),
}
"""What a role may do at all; a key or token can only narrow it."""


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class KnownPartner(_Tolerant):
    id: str
    slug: str
    name: str
    acronym: str | None = None
    status: str
    programmes: list[dict[str, Any]] = []
    aliases: list[dict[str, Any]] = []


class KnownScope(_Tolerant):
    countries: list[str] = []
    regions: list[str] = []
    themes: list[str] = []


class KnownPerson(_Tolerant):
    """A person is an opaque id here: names and addresses stay in partners."""

    id: str
    partners: list[str]
    roles: list[str]
    scope: KnownScope = KnownScope()
    active: bool
    not_before: datetime | None = None
    confirmed_until: datetime | None = None


class KnownApiKey(_Tolerant):
    id: str
    hash: str
    person: str
    scopes: list[str]
    origins: list[str] = []
    expires_at: datetime | None = None
    revoked: bool = False


class KnownSigningKey(_Tolerant):
    id: str
    jwk: dict[str, Any]
    not_before: datetime
    not_after: datetime | None = None


_MODELS: Mapping[str, tuple[str, type[_Tolerant]]] = {
    "organisation.registered": ("partner", KnownPartner),
    "organisation.amended": ("partner", KnownPartner),
    "person.added": ("person", KnownPerson),
    "person.amended": ("person", KnownPerson),
    "api_key.issued": ("api_key", KnownApiKey),
    "api_key.revoked": ("api_key", KnownApiKey),
    "signing_key.published": ("signing_key", KnownSigningKey),
    "signing_key.retired": ("signing_key", KnownSigningKey),
}

CONSUMED = tuple(_MODELS)
"""The event names that the read models need, for a service's table of subscriptions."""


async def project(session: AsyncSession, tables: RegistryTables, event: Event) -> None:
    """Bring the event's full state into its read model; older state than the one held changes nothing."""
    name, model = _MODELS[event.name]
    table: Table = getattr(tables, name)
    values = model.model_validate(event.data).model_dump() | {"version": event.sequence}
    statement = insert(session, table).values(values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={column: statement.excluded[column] for column in values if column != "id"},
            where=table.c.version < statement.excluded.version,
        )
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """What a credential proved, by reference: enough to ask again whether it holds, and nothing to sign in with.

    key     id of the API key that it is, or with which the token was asked for
    claims  of a token
    """

    key: str | None = None
    claims: Claims | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a credential speaks for now. origins: the web pages that its key is for; none where it says nothing of pages."""

    principal: Principal
    proof: Proof
    origins: frozenset[str] = frozenset()


async def holder_of_key(session: AsyncSession, tables: RegistryTables, key_hash: str, now: datetime) -> Holder | None:
    """Who holds the API key with this hash, or None for an unknown, revoked, expired or orphaned one."""
    return await _by_key(session, tables, tables.api_key.c.hash == key_hash, now, None)


async def holder_of_proof(session: AsyncSession, tables: RegistryTables, proof: Proof, now: datetime) -> Holder | None:
    """Who a proof speaks for: it proves who, these read models say what now, the stricter wins.

    A token ends with the API key it was asked for with, and reaches no further than that.
    """
    if proof.key is not None:
        return await _by_key(session, tables, tables.api_key.c.id == proof.key, now, proof.claims)
    if proof.claims is None:
        return None
    row = (await session.execute(select(tables.person).where(tables.person.c.id == proof.claims.person))).first()
    principal = _of_claims(row, proof.claims, None, now) if row else None
    return Holder(principal, proof) if principal else None


async def _by_key(
    session: AsyncSession, tables: RegistryTables, which: ColumnElement[bool], now: datetime, claims: Claims | None
) -> Holder | None:
    key, person = tables.api_key.c, tables.person.c
    found = await session.execute(
        select(key.id.label("key"), key.scopes, key.origins, key.expires_at, key.revoked, tables.person)
        .join(tables.person, person.id == key.person)
        .where(which)
    )
    row = found.first()
    if row is None or row.revoked or (row.expires_at and row.expires_at <= now):
        return None
    scopes = frozenset(row.scopes) or None  # a key without scopes reaches as far as its person
    principal = _of_claims(row, claims, scopes, now) if claims else _principal(row, scopes, now)
    return Holder(principal, Proof(row.key, claims), frozenset(row.origins)) if principal else None


def _of_claims(row: Any, claims: Claims, scopes: frozenset[str] | None, now: datetime) -> Principal | None:
    if row.id != claims.person or (row.not_before and claims.issued_at < row.not_before):
        return None
    return _principal(row, claims.grants if scopes is None else claims.grants & scopes, now)


async def coordinators(session: AsyncSession, tables: RegistryTables, now: datetime) -> list[Principal]:
    """Everybody who coordinates now, as far as a credential of theirs could reach."""
    return await _principals(session, tables, cast(tables.person.c.roles, Text).like('%"coordinator"%'), now)


async def people_of(
    session: AsyncSession, tables: RegistryTables, ids: Iterable[str], now: datetime
) -> list[Principal]:
    """These people, as far as a credential of theirs could reach; without those who may not use Convene any more."""
    return await _principals(session, tables, tables.person.c.id.in_(sorted(ids)), now)


async def _principals(
    session: AsyncSession, tables: RegistryTables, which: ColumnElement[bool], now: datetime
) -> list[Principal]:
    rows = await session.execute(select(tables.person).where(which))
    return [found for row in rows if (found := _principal(row, None, now)) is not None]


async def named_origins(session: AsyncSession, tables: RegistryTables, now: datetime) -> frozenset[str]:
    """The origins that any live API key names."""
    key = tables.api_key.c
    rows = await session.execute(
        select(key.origins, key.expires_at).where(key.revoked.is_(False), cast(key.origins, Text) != "[]")
    )
    return frozenset(each for row in rows if not row.expires_at or row.expires_at > now for each in row.origins)


async def signing_key(session: AsyncSession, tables: RegistryTables, kid: str, now: datetime) -> dict[str, Any] | None:
    found = await session.execute(select(tables.signing_key).where(tables.signing_key.c.id == kid))
    row = found.first()
    if row is None or row.not_before > now or (row.not_after and row.not_after <= now):
        return None
    return row.jwk


def _principal(row: Any, narrowed_to: frozenset[str] | None, now: datetime) -> Principal | None:
    """narrowed_to: None does not narrow; an empty set leaves nothing (a token for nothing must not allow everything)."""
    if not row.active:
        return None
    held = standing(row.roles, row.partners, row.confirmed_until, now)
    allowed = frozenset[str]().union(*(GRANTS.get(role, frozenset[str]()) for role in held.roles))
    return Principal(
        person=row.id,
        partners=held.partners,
        roles=held.roles,
        grants=allowed if narrowed_to is None else allowed & narrowed_to,
        scope=Scope(
            countries=frozenset(row.scope.get("countries", ())),
            regions=frozenset(row.scope.get("regions", ())),
            themes=frozenset(row.scope.get("themes", ())),
        ),
        lapsed=held.lapsed,
    )
