"""The unit of work of partners: the aggregates as the domain has them, and the read models kept in the same transaction.

Whoever changes an aggregate locks its row first (`get`), so that its events reach the outbox in the order of its versions.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners import orm
from services.partners.domain.access import ApiKey, Invitation, SigningKey
from services.partners.domain.organisations import ACTIVE, Alias, Identifier, Organisation, Programme
from services.partners.domain.people import Person, PersonScope
from services.partners.events import SOURCE, TOPIC
from services.partners.matching.reading import KEYS, keys_of
from shared.clock import Clock
from shared.db import affected, insert
from shared.ids import Ids
from shared.registry import CONSUMED, project
from shared.unit import UnitOfWork

LANE = "registry"
"""The lease row that every change of the registry locks first. Changes are rare (people make them), rules reach across rows
(one holder per identifier and address, two keys, one administrator left), so they take turns."""

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_identifier: Any = orm.IdentifierRow
_invitation: Any = orm.InvitationRow
_name_key: Any = orm.NameKeyRow
_password: Any = orm.PasswordRow
_identity: Any = orm.IdentityRow
_used_id_token: Any = orm.UsedIdTokenRow

CONFIRMS = timedelta(days=365)

_D = TypeVar("_D", Organisation, Person, ApiKey, Invitation, SigningKey)


def organisation_of(row: orm.OrganisationRow) -> Organisation:
    values: dict[str, Any] = row.model_dump(exclude={"searchable"})
    values |= {
        "countries": tuple(row.countries),
        "identifiers": tuple(Identifier(**each) for each in row.identifiers),
        "aliases": tuple(Alias(**each) for each in row.aliases),
        "programmes": tuple(Programme(**each) for each in row.programmes),
    }
    return Organisation(**values)


def person_of(row: orm.PersonRow) -> Person:
    values: dict[str, Any] = row.model_dump(exclude={"email_key"})
    scope = PersonScope(**{name: tuple(codes) for name, codes in row.scope.items()})
    values |= {"partners": tuple(row.partners), "roles": tuple(row.roles), "scope": scope}
    return Person(**values)


def api_key_of(row: orm.ApiKeyRow) -> ApiKey:
    values: dict[str, Any] = row.model_dump()
    values["scopes"] = tuple(row.scopes)
    values["origins"] = tuple(row.origins)
    return ApiKey(**values)


def invitation_of(row: orm.InvitationRow) -> Invitation:
    return Invitation(**row.model_dump())


def signing_key_of(row: orm.SigningKeyRow) -> SigningKey:
    return SigningKey(**row.model_dump())


def values_of(aggregate: Any) -> dict[str, Any]:
    """Dataclass to column values; tuples become JSON lists."""
    values = {name: _plain(value) for name, value in asdict(aggregate).items()}
    if isinstance(aggregate, Organisation):
        values["searchable"] = aggregate.searchable
    if isinstance(aggregate, Person):
        values["email_key"] = aggregate.email_key
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


class Rows(Generic[_D]):
    """The rows of one kind of aggregate."""

    def __init__(self, session: AsyncSession, row: Any, to_domain: Any) -> None:
        self._session, self._row, self._to_domain = session, row, to_domain

    async def get(self, id_: str) -> _D | None:
        """The aggregate, its row locked until the transaction ends."""
        return await self._one(self._row.id == id_)

    async def where(self, *conditions: Any) -> list[_D]:
        statement = select(self._row).where(*conditions).order_by(self._row.id)
        found = await self._session.execute(statement.execution_options(populate_existing=True))
        return [self._to_domain(row) for row in found.scalars()]

    async def first(self, *conditions: Any) -> _D | None:
        return await self._one(*conditions)

    async def add(self, aggregate: _D) -> None:
        await self._session.execute(self._row.__table__.insert().values(**values_of(aggregate)))

    async def save(self, aggregate: _D) -> None:
        """Write the aggregate's next state over its row."""
        values = values_of(aggregate)
        await self._session.execute(update(self._row).where(self._row.id == values.pop("id")).values(**values))

    async def _one(self, *conditions: Any) -> _D | None:
        statement = select(self._row).where(*conditions).with_for_update().execution_options(populate_existing=True)
        row = (await self._session.execute(statement)).scalars().first()
        return None if row is None else self._to_domain(row)


class PartnersUnitOfWork(UnitOfWork):
    """One transaction on the registry. confirms: how long a focal point's role holds once it is given or confirmed."""

    def __init__(
        self, session: AsyncSession, clock: Clock, ids: Ids, *, actor: str, confirms: timedelta = CONFIRMS
    ) -> None:
        super().__init__(session, orm.kernel, clock, ids, topic=TOPIC, source=SOURCE, actor=actor)
        self._confirms = confirms
        self.organisations: Rows[Organisation] = Rows(session, orm.OrganisationRow, organisation_of)
        self.people: Rows[Person] = Rows(session, orm.PersonRow, person_of)
        self.api_keys: Rows[ApiKey] = Rows(session, orm.ApiKeyRow, api_key_of)
        self.invitations: Rows[Invitation] = Rows(session, orm.InvitationRow, invitation_of)
        self.signing_keys: Rows[SigningKey] = Rows(session, orm.SigningKeyRow, signing_key_of)

    @property
    def confirmed_until(self) -> datetime:
        """Until when a focal point's role holds that is given or confirmed now."""
        return self.clock.now() + self._confirms

    async def organisation(self, reference: str) -> Organisation | None:
        """By id or slug."""
        column = _organisation.id if reference.startswith("org_") else _organisation.slug
        return await self.organisations.first(column == reference)

    async def slugs(self) -> list[str]:
        return list((await self.session.execute(select(_organisation.slug))).scalars())

    async def holder(self, identifier: Identifier) -> str | None:
        """The id of the living organisation that holds the identifier."""
        row = _identifier
        statement = select(row.organisation).where(row.scheme == identifier.scheme, row.value == identifier.value)
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def hold(self, organisation: Organisation) -> None:
        """Write down which identifiers the organisation holds now."""
        row = _identifier
        await self.session.execute(delete(row).where(row.organisation == organisation.id))
        if organisation.status == ACTIVE and organisation.identifiers:
            rows = [asdict(each) | {"organisation": organisation.id} for each in organisation.identifiers]
            await self.session.execute(row.__table__.insert(), rows)

    async def index_names(self, organisation: Organisation) -> None:
        """Write down what the organisation's names are found by now."""
        row = _name_key
        await self.session.execute(delete(row).where(row.organisation == organisation.id))
        keys = sorted({key for text in organisation.texts for key in keys_of(text)})
        if keys:
            rows = [{"key": key, "organisation": organisation.id} for key in keys]
            await self.session.execute(row.__table__.insert(), rows)

    async def index_anew(self) -> int:
        """Index all names again where that was done by an earlier way of reading them. How many organisations."""
        row, mark = _name_key, {"key": f"!{KEYS}", "organisation": ""}
        if (await self.session.execute(select(row.key).where(row.key == mark["key"]))).first():
            return 0
        await self.session.execute(delete(row).where(row.organisation == ""))
        await self.session.execute(row.__table__.insert(), [mark])
        every = await self.organisations.where()
        for organisation in every:
            await self.index_names(organisation)
        return len(every)

    async def spend(self, invitation: Invitation, now: datetime) -> bool:
        """Mark the invitation as redeemed; False where somebody else was faster, or it is no longer open.

        The condition is part of the statement: of two transactions that try at once, the database lets one change the row.
        """
        row = _invitation
        statement = (
            update(row)
            .where(row.id == invitation.id)
            .where(row.redeemed_at.is_(None), row.withdrawn_at.is_(None), row.expires_at > now)
            .values(redeemed_at=now)
        )
        return await affected(self.session, statement) == 1

    async def password(self, person: str) -> str | None:
        """The hash of the person's password."""
        return (
            await self.session.execute(select(_password.hash).where(_password.person == person))
        ).scalar_one_or_none()

    async def set_password(self, person: str, hashed: str | None) -> None:
        """Put this hash in the place of what there is; None takes it away. The person's row is locked."""
        await self.session.execute(delete(_password).where(_password.person == person))
        if hashed is not None:
            row = {"person": person, "hash": hashed, "changed_at": self.clock.now()}
            await self.session.execute(_password.__table__.insert(), [row])

    async def identified(self, issuer: str, subject: str) -> str | None:
        """The id of the person who is this at that provider."""
        row = _identity
        statement = select(row.person).where(row.issuer == issuer, row.subject == subject)
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def identities(self, person: str, issuer: str) -> int:
        row = _identity
        statement = select(row.subject).where(row.person == person, row.issuer == issuer)
        return len((await self.session.execute(statement)).all())

    async def bind(self, person: str, issuer: str, subject: str) -> None:
        row = {"issuer": issuer, "subject": subject, "person": person, "bound_at": self.clock.now()}
        await self.session.execute(_identity.__table__.insert(), [row])

    async def unbind(self, person: str) -> None:
        await self.session.execute(delete(_identity).where(_identity.person == person))

    async def use_up(self, id_token_hash: str, expires_at: datetime) -> bool:
        """Mark the ID token as used; False where it was already. Those that have expired are forgotten by the way."""
        row = _used_id_token
        await self.session.execute(delete(row).where(row.expires_at < self.clock.now()))
        statement = insert(self.session, row.__table__).values(hash=id_token_hash, expires_at=expires_at)
        return await affected(self.session, statement.on_conflict_do_nothing(index_elements=["hash"])) == 1

    async def forget_answers(self, person: str) -> None:
        """Delete stored answers to earlier requests that show the person: they hold name and address."""
        table = self.kernel.idempotency
        await self.session.execute(delete(table).where(table.c.body.contains(person, autoescape=True)))

    async def flush(self) -> None:
        for event in self._events:
            if event.name in CONSUMED:
                await project(self.session, orm.known, event)
        await super().flush()
