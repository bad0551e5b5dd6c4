"""Organisations and people, written straight into a service's read models, as partners' events would."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.auth import hash_api_key
from shared.clock import SystemClock
from shared.cloudevent import Event, event_type
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.kernel import RegistryTables
from shared.registry import project

_ids, _clock = Uuid7Ids(), SystemClock()


@dataclass
class Person:
    """Somebody with an API key. `headers` signs them in."""

    id: str
    key: str
    partners: tuple[str, ...]
    roles: tuple[str, ...]
    scope: dict[str, list[str]] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    """What the key is for; nothing said: all that the person may."""
    origins: tuple[str, ...] = ()
    """The web pages that the key is for."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def person(
    name: str, partners: Iterable[str] = (), roles: Iterable[str] = ("focal_point",), **scope: list[str]
) -> Person:
    """`name` only tells ids apart: the product never sees it."""
    digits = f"{int.from_bytes(name.encode(), 'big'):x}"[-32:].rjust(32, "0")
    return Person(f"per_{digits}", f"cvn_test-{name}", tuple(partners), tuple(roles), dict(scope))


def organisation_id(slug: str) -> str:
    return f"org_{int.from_bytes(slug.encode(), 'big'):x}"[:36].ljust(36, "0")


def registry_events(people: Iterable[Person], organisations: Iterable[str]) -> list[Event]:
    """What partners would publish about them."""
    data = [
        ("organisation.registered", organisation_id(slug),
         {"slug": slug, "name": slug.replace("-", " ").title(), "acronym": slug.upper(), "status": "active"})
        for slug in organisations
    ]  # fmt: skip
    for one in people:
        data.append(
            ("person.added", one.id,
             {"partners": list(one.partners), "roles": list(one.roles), "scope": one.scope, "active": True})
        )  # fmt: skip
        data.append(
            ("api_key.issued", f"key_{one.id[4:]}",
             {"hash": hash_api_key(one.key), "person": one.id, "scopes": list(one.scopes), "origins": list(one.origins),
              "expires_at": None, "revoked": False})
        )  # fmt: skip
    return [
        Event(
            id=_ids.new("evt"), source="/services/partners", type=event_type(name), subject=subject, sequence=1,
            time=_clock.now(), data={"id": subject, "version": 1, **body},
        )
        for name, subject, body in data
    ]  # fmt: skip


async def introduce(
    db: Database, tables: RegistryTables, people: Iterable[Person], organisations: Iterable[str]
) -> None:
    """Make them known to one service."""
    async with db.write() as session:
        for event in registry_events(people, organisations):
            await project(session, tables, event)
