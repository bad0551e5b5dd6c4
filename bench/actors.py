"""Who posts and who listens: two partners with a focal point each, and a coordinator, known without a partners service."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.auth import hash_api_key, new_api_key
from shared.clock import SystemClock
from shared.cloudevent import Event, event_type
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.kernel import RegistryTables
from shared.reader import SERVICE
from shared.registry import project

_clock = SystemClock()
_ids = Uuid7Ids(_clock)


@dataclass(frozen=True)
class Actor:
    """Somebody with an API key."""

    id: str
    key: str
    partner: str | None
    role: str

    @property
    def authorization(self) -> str:
        return f"Bearer {self.key}"


@dataclass(frozen=True)
class Cast:
    """left and right post for different partners, so that their equal plans are duplicates; the coordinator sees both."""

    left: Actor
    right: Actor
    coordinator: Actor


def cast() -> Cast:
    partners = _ids.new("org"), _ids.new("org")
    return Cast(
        Actor(_ids.new("per"), new_api_key(), partners[0], "focal_point"),
        Actor(_ids.new("per"), new_api_key(), partners[1], "focal_point"),
        Actor(_ids.new("per"), new_api_key(), None, "coordinator"),
    )


async def introduce(url: str, tables: RegistryTables, people: Cast) -> None:
    """Write them into one service's read models, as the events of partners would."""
    db = Database(url)
    try:
        async with db.write(SERVICE) as session:
            for event in events_of(people):
                await project(session, tables, event)
    finally:
        await db.dispose()


def events_of(people: Cast) -> list[Event]:
    """What partners would publish about them."""
    facts: list[tuple[str, str, Mapping[str, object]]] = []
    for number, one in enumerate((people.left, people.right, people.coordinator), 1):
        if one.partner:
            name = f"Bench partner {number}"
            body = {"slug": f"bench-{number}", "name": name, "acronym": f"BP{number}", "status": "active"}
            facts.append(("organisation.registered", one.partner, body))
        scope = {"regions": ["001"]} if one.role == "coordinator" else {}
        partners = [one.partner] if one.partner else []
        facts.append(
            ("person.added", one.id, {"partners": partners, "roles": [one.role], "scope": scope, "active": True})
        )
        issued = {"hash": hash_api_key(one.key), "person": one.id, "scopes": [], "expires_at": None, "revoked": False}
        facts.append(("api_key.issued", f"key_{one.id[4:]}", issued))
    return [
        Event(
            id=_ids.new("evt"),
            source="/services/partners",
            type=event_type(name),
            subject=subject,
            sequence=1,
            time=_clock.now(),
            data={"id": subject, "version": 1, **body},
        )
        for name, subject, body in facts
    ]
