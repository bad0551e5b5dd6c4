"""Where `convene audit verify` looks: a server over the API, or a database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convene import Convene, ConveneError
from sqlalchemy import MetaData, make_url

from shared.audit.checking import Kept, Report, Unproven, check_rows
from shared.audit.reading import AuditReader
from shared.db import Database
from shared.kernel import NAMING, Kernel

_NOTHING = frozenset({400, 404, 410})
_PAGE = 200


class ApiSource:
    """One service's audit over the API. Whatever the server answers is only material: it is checked, not believed."""

    def __init__(self, client: Convene, service: str) -> None:
        self._audit, self._service = client.audit, service

    def verifiers(self) -> list[str]:
        return [str(each["verifier"]) for each in self._audit.keys(self._service)["data"]]

    def latest(self) -> str | None:
        try:
            return str(self._audit.latest(self._service)["note"])
        except ConveneError as error:
            if error.status == 404:
                return None
            raise

    def consistency(self, older: int, size: int) -> list[bytes] | None:
        return self._hashes(lambda: self._audit.consistency(self._service, older, size))

    def inclusion(self, leaf: int, size: int) -> list[bytes] | None:
        return self._hashes(lambda: self._audit.inclusion(self._service, leaf, size))

    def entries(self, size: int) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
        try:
            for each in self._audit.entries(self._service, size=size, limit=_PAGE):
                entry = dict(each)
                yield entry, [bytes.fromhex(part) for part in entry.pop("proof")]
        except ConveneError as error:
            if error.status in _NOTHING:
                raise Unproven(error.kind) from error
            raise
        except (KeyError, ValueError, TypeError) as error:
            raise Unproven("an answer that is none") from error

    def _hashes(self, ask: Any) -> list[bytes] | None:
        try:
            return [bytes.fromhex(each) for each in ask()["hashes"]]
        except ConveneError as error:
            if error.status in _NOTHING:
                return None
            raise
        except (KeyError, ValueError, TypeError):
            return None


def database_url(text: str) -> str:
    """A URL, or the path of an SQLite file, as SQLAlchemy takes it. Raises FileNotFoundError."""
    url = text if "://" in text else f"sqlite+aiosqlite:///{Path(text).resolve()}"
    if url.startswith("sqlite") and not Path(make_url(url).database or "").is_file():
        raise FileNotFoundError(f"{make_url(url).database}: no such database")
    return url


async def check_database(url: str, kept: list[Kept], service: str | None) -> tuple[str, Report]:
    """Hold the rows of one service's database against the file. Which service it is, the log's id says, or `service`.

    Raises LookupError where neither does, or there is no audit.
    """
    db, tables = Database(url, pool_size=2), Kernel(MetaData(naming_convention=NAMING)).auditing
    try:
        async with db.read() as session:
            reader = AuditReader(session, tables)
            log = await reader.log()
            if log is None:
                raise LookupError("this database has no audit that was ever sealed")
            of_log = [each for each in kept if any(f"/{log[0]}\n" in note for note in each.checkpoints)]
            named = [each for each in kept if each.service == service] if service else of_log or kept
            if len(named) != 1:
                raise LookupError(f"which service is this? Say --service: {', '.join(each.service for each in kept)}")
            stored = [row.note for row in await reader.checkpoints(limit=1_000_000_000)]
            rows, tiles = await reader.all_rows(), await reader.tiles()
            return named[0].service, check_rows(named[0], log[0], rows, tiles, stored, log[1])
    finally:
        await db.dispose()
