"""The first start: a signing key, the registry's first organisations, and one administrator who can invite the others.

Idempotent, and safe with two replicas that start at once: it runs in one transaction that holds the registry's lane, and
each part looks first whether it is there already.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import structlog

from services.partners import orm
from services.partners.commands import AddPerson, RegisterOrganisation
from services.partners.domain.access import KEY
from services.partners.domain.organisations import Alias, Identifier, Programme
from services.partners.domain.people import ADMINISTRATOR, Person
from services.partners.handlers.keys import make_key
from services.partners.handlers.organisations import register_organisation
from services.partners.handlers.people import add_person
from services.partners.handlers.signing import first_signing_key
from services.partners.uow import PartnersUnitOfWork
from shared.auth import hash_api_key, new_api_key

log = structlog.get_logger(__name__)

SEED = Path(__file__).parents[1] / "seed" / "organisations.json"
KEY_FILE = "bootstrap-admin.key"

_api_key: Any = orm.ApiKeyRow
_invitation: Any = orm.InvitationRow


class NoWayIn(Exception):
    """There is nowhere to put the first administrator's key, so nobody could ever sign in."""


async def bootstrap(uow: PartnersUnitOfWork, *, key: str | None, data_dir: Path | None, seed: bool) -> None:
    """Bring an empty database to where people can be invited. Raises NoWayIn."""
    published = await first_signing_key(uow)
    if indexed := await uow.index_anew():
        log.info("bootstrap.names_indexed", organisations=indexed)
    registered = await seed_registry(uow) if seed else 0
    administrator = await first_administrator(uow, key, data_dir)
    if published or registered or administrator:
        log.info("bootstrap.done", signing_key=published, organisations=registered, administrator=administrator)


async def seed_registry(uow: PartnersUnitOfWork) -> int:
    """The organisations of `seed/organisations.json`, into an empty registry only. How many."""
    if await uow.slugs():
        return 0
    text = await asyncio.to_thread(SEED.read_text, "utf-8")
    entries = parents_first(cast("list[dict[str, Any]]", json.loads(text)))
    for entry in entries:
        await register_organisation(_command(entry), uow)
    return len(entries)


def parents_first(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """In an order in which every parent is there before its parts. ValueError where one never is."""
    ordered: list[Mapping[str, Any]] = []
    waiting = list(entries)
    while waiting:
        there = {entry["slug"] for entry in ordered}
        ready = [entry for entry in waiting if entry["parent"] is None or entry["parent"] in there]
        if not ready:
            raise ValueError(f"no parent for {', '.join(entry['slug'] for entry in waiting)}")
        ordered += ready
        waiting = [entry for entry in waiting if entry not in ready]
    return ordered


def _command(entry: Mapping[str, Any]) -> RegisterOrganisation:
    values = {name: entry[name] for name in ("name", "acronym", "type", "country", "parent")}
    values["identifiers"] = tuple(Identifier(**each) for each in entry["identifiers"])
    values["aliases"] = tuple(Alias(**each) for each in entry["aliases"])
    values["programmes"] = tuple(Programme(**each) for each in entry["programmes"])
    return RegisterOrganisation(values, entry["slug"])


async def first_administrator(uow: PartnersUnitOfWork, key: str | None, data_dir: Path | None) -> bool:
    """A key for somebody who administers, where nobody can sign in for that: at the very first start, and again after
    the last such key was revoked or lost its time. A key that was used before is not brought back to life.

    The key file is written before the commit: a file too many is harmless, a lost key not.
    """
    people = await uow.people.where()
    administrators = [person for person in people if person.administers]
    if await _can_sign_in(administrators, uow):
        return False
    if key is not None and await uow.api_keys.first(_api_key.hash == hash_api_key(key)):
        log.warning("bootstrap.key_was_used_before")
        key = None
    if key is None and data_dir is None:
        if not people:
            raise NoWayIn("first start: set PARTNERS_BOOTSTRAP_KEY, or CONVENE_DATA to a folder for the key file")
        log.warning("bootstrap.nobody_administers")
        return False
    person = (
        administrators[0]
        if administrators
        else await add_person(AddPerson({"name": "Administrator", "roles": (ADMINISTRATOR,)}), uow)
    )
    text = key or new_api_key()
    await make_key(person.id, (), None, None, uow, text)
    if key is None and data_dir is not None:
        await asyncio.to_thread(_write_secret, data_dir / KEY_FILE, text)
    return True


async def _can_sign_in(administrators: Sequence[Person], uow: PartnersUnitOfWork) -> bool:
    """Whether one of them has a live key, or an invitation to one. A session is over in hours: it is no way in."""
    ids, now = [person.id for person in administrators], uow.clock.now()
    keys = await uow.api_keys.where(_api_key.person.in_(ids))
    invitations = await uow.invitations.where(_invitation.person.in_(ids))
    return any(key.kind == KEY and key.live(now) for key in keys) or any(
        each.state(now) == "open" for each in invitations
    )


def _write_secret(path: Path, text: str) -> None:
    """Readable by its owner only, from its first byte on; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
