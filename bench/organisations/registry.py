"""The labelled list, its halves, and a registry of its organisations in a database of the service's own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from services.partners import app, orm
from services.partners.domain.organisations import Organisation
from services.partners.matching.reading import keys_of
from services.partners.matching.resolving import Named
from services.partners.queries import organisations as queries
from services.partners.uow import values_of
from shared import migrations
from shared.db import Database
from shared.visibility import PUBLIC

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_name_key: Any = orm.NameKeyRow
_THEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listed:
    """names: of the organisations, in order; short: their short names; aliases: (as written, name of the organisation)."""

    names: tuple[str, ...]
    short: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]

    def half(self, number: int) -> list[tuple[str, str]]:
        """The aliases of half of the organisations (0 or 1): all aliases of an organisation are in one half."""
        return [pair for pair in self.aliases if half_of(pair[1]) == number]


@dataclass(frozen=True)
class Question:
    """A written name, the organisation meant (None: none that is registered), and the organisations to choose from."""

    text: str
    meant: str | None
    candidates: tuple[Named, ...]


def half_of(name: str) -> int:
    return blake2b(name.encode(), digest_size=1).digest()[0] & 1


def load(folder: Path) -> Listed:
    """`organisations.json`: organisations with name and short_name, aliases as [written, name]."""
    document = json.loads((folder / "organisations.json").read_text("utf-8"))
    organisations = document["organisations"]
    return Listed(
        tuple(each["name"] for each in organisations),
        tuple(each["short_name"] or "" for each in organisations),
        tuple((written, name) for written, name in document["aliases"]),
    )


def ask(listed: Listed, texts: Sequence[str]) -> tuple[list[list[Named]], Mapping[str, int]]:
    """What the service's own search finds for each text in a registry of all organisations of the list, without aliases;
    and how many of them have each word. Ids count them: `org_0`."""
    return asyncio.run(_ask(listed, texts))


async def _ask(listed: Listed, texts: Sequence[str]) -> tuple[list[list[Named]], Mapping[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite+aiosqlite:///{folder}/partners.db")
        try:
            await migrations.upgrade(db, migrations.config_for(app.__file__))
            async with db.write() as session:
                for number, (name, short) in enumerate(zip(listed.names, listed.short, strict=True)):
                    organisation = Organisation(
                        f"org_{number}", 1, f"o-{number}", name, "21", _THEN, _THEN, acronym=short or None
                    )
                    await session.execute(_organisation.__table__.insert().values(**values_of(organisation)))
                    keys = sorted({key for text in organisation.texts for key in keys_of(text)})
                    rows = [{"key": key, "organisation": organisation.id} for key in keys]
                    await session.execute(_name_key.__table__.insert(), rows)
            async with db.read() as session:
                found = await queries.shortlisted(session, PUBLIC, texts)
                return [candidates for candidates, _ in found.lists], found.counted
        finally:
            await db.dispose()
