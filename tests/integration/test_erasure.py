"""An erased person is in no column of any table of any service, not in the event log, and not in a byte of any file."""

from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, MetaData, Text, cast, select

from tests.support.logged import logged
from tests.support.person_of_everything import CANARIES, Life, life

SERVICES = ("activities", "partners", "notifications")


async def rows_with(made: Life, words: dict[str, str]) -> set[str]:
    """`service.table: which` of every table that has one of the words, read from the databases as they are."""
    found: set[str] = set()
    for service in SERVICES:
        db = made.house.runtimes[service].db
        metadata = MetaData()
        async with db.engine.connect() as connection:
            await connection.run_sync(metadata.reflect)
            assert len(metadata.tables) > 10
            for table in metadata.sorted_tables:
                columns = [each if isinstance(each.type, LargeBinary) else cast(each, Text) for each in table.c]
                text = repr((await connection.execute(select(*columns))).all()).casefold()
                found |= {
                    f"{service}.{table.name}: {which}" for which, word in words.items() if word.casefold() in text
                }
    return found


def bytes_with(folder: Path, words: dict[str, str]) -> set[str]:
    """The same of files, whatever they are; freed pages and journals too."""
    found: set[str] = set()
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        raw = file.read_bytes().lower()
        for which, word in words.items():
            if any(word.lower().encode(encoding) in raw for encoding in ("utf-8", "utf-16-le")):
                found.add(f"{file.name}: {which}")
    return found


async def test_nothing_is_left_of_who_an_erased_person_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with logged() as log:
        await _erased(tmp_path)
    printed = capfd.readouterr()
    told = (log.getvalue() + printed.out + printed.err).casefold()
    assert "service.started" in told
    assert [which for which, word in CANARIES.items() if word.casefold() in told] == []


async def _erased(tmp_path: Path) -> None:
    async with life(tmp_path) as made:
        before = {place.partition(": ")[2] for place in await rows_with(made, CANARIES)}
        # what is never stored as it is: the password, what was refused, what stood in an address
        assert before == CANARIES.keys() - {
            "password",
            "query in an address",
            "first name",
            "first address",
        }
        assert {each.partition(":")[0] for each in bytes_with(tmp_path, CANARIES)} <= {"partners.db", "partners.db-wal"}
        assert bytes_with(tmp_path, {"later name": CANARIES["later name"]})
        await made.right("POST", f"people/{made.person}:erase")
        await made.quiet()
        assert await rows_with(made, CANARIES) == set()
        assert bytes_with(tmp_path, CANARIES) == set()
        # and what is left works on: the plans, the alert, the audit, as an opaque id
        assert (await made.ask("GET", "me", key=made.key)).status_code == 401
        told = await made.right("GET", f"people/{made.person}")
        assert (told["name"], told["email"], told["erased"]) == (None, None, True)
        assert (await made.right("GET", f"held/partners/people/{made.person}"))["data"]
    assert bytes_with(tmp_path, CANARIES) == set()
