"""Who reads the database: the second wall (row level security, docs/decisions/0016) stands on what is said here.

A transaction on PostgreSQL names its reader in the setting `convene.reader`, which ends with it; the policies of the tables
(shared/row_security.py) show that reader the rows that the table of DESIGN 7 gives them. Nobody named: no row. SQLite has
no such wall, and nothing is named there.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from shared.places import countries_of_region
from shared.visibility import WORLD, Principal

SERVICE: Final = "service"
"""The service itself: matching, projections, the relay, commands. It sees and writes every row."""

Reader = Principal | Literal["service"]

_SET = "SELECT set_config('convene.reader', $1, true)"
_NAMED = "convene.reader"


def reader_setting(reader: Reader) -> str:
    """The value of `convene.reader`: what the policies ask about a reader, with regions resolved to countries."""
    if isinstance(reader, str):
        return '{"service": true}'
    scope = reader.scope
    countries = scope.countries.union(*(countries_of_region(region) for region in scope.regions))
    said = {
        "person": reader.person,
        "partners": sorted(reader.partners),
        "coordinator": "coordinator" in reader.roles,
        "world": WORLD in scope.regions,
        "countries": sorted(countries),
        "themes": sorted(scope.themes),
    }
    return json.dumps(said, separators=(",", ":"))


async def name_reader(session: AsyncSession, reader: Reader) -> None:
    """Name who reads in the transaction that the session is in."""
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        session.info[_NAMED] = reader
        await connection.exec_driver_sql(_SET, (reader_setting(reader),))


@asynccontextmanager
async def as_service(session: AsyncSession) -> AsyncGenerator[None]:
    """Read as the service in a transaction that somebody else reads in: for the few queries that need facts of hidden plans
    to decide what is shown (docs/decisions/0016 lists them). They return facts, never content."""
    before: Reader | None = session.info.get(_NAMED)
    if before is None or before == SERVICE:
        yield  # SQLite; or the service is at work already; or nobody is named, who does not become somebody here
        return
    await name_reader(session, SERVICE)
    try:
        yield
    except BaseException:
        # the transaction may not take another statement: with its end the name ends, and nobody is named
        await session.rollback()
        raise
    await name_reader(session, before)
