"""What is held about a person is told whole: every table that knows the person is either in the export or said not to be."""

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import LargeBinary, MetaData, Text, cast, select

from shared.paging import encode_cursor
from tests.support.person_of_everything import CANARIES, Life, life

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("partners", "activities", "notifications")

TOLD = {
    "partners.person": "person",
    "partners.api_key": "key",
    "partners.password": "password",
    "partners.identity": "identity",
    "partners.invitation": "invitation",
    "partners.audit": "act",
    "activities.decision": "decision",
    "activities.weights": "weights_installed",
    "notifications.mark": "inbox",
    **{f"{service}.known_person": "known_person" for service in SERVICES},
    **{f"{service}.known_api_key": "known_key" for service in SERVICES},
    **{f"{service}.refusal": "refused" for service in SERVICES},
}
"""Table -> the kind that tells each of its rows about the person."""
PARTLY = {
    "activities.plan": "plan_posted",  # but those labelled RED
    **{f"{service}.idempotency": "answer_kept_for_a_day" for service in SERVICES},  # but answers to others
    **{f"{service}.audit": "act" for service in ("activities", "notifications")},  # but what was done to those
}
SILENT = {
    "outbox": "copies of the events, for a month: ids and codes of the other kinds",
    "applied": "how far a consumer is",
    "inbox": "which events were applied",
    "plan_version": "`GET /plans/{id}/history`; who made a version is in the acts",
    "plan_tag": "what a plan is found by",
    "alert": "of a blind or open one only what the inbox tells",
    "feed": "copies of events, which `/events` tells",
    "plan_facts": "who may see a plan",
    "stream_ticket": "thirty seconds old at most",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Life]:
    async with life(tmp_path_factory.mktemp("life")) as found:
        yield found


async def stored(made: Life, word: str) -> Counter[str]:
    """`service.table` -> rows that have this word, read past every wall."""
    found: Counter[str] = Counter()
    for service in SERVICES:
        metadata = MetaData()
        async with made.house.runtimes[service].db.engine.connect() as connection:
            await connection.run_sync(metadata.reflect)
            for table in metadata.sorted_tables:
                columns = [each if isinstance(each.type, LargeBinary) else cast(each, Text) for each in table.c]
                rows = (await connection.execute(select(*columns))).all()
                found[f"{service}.{table.name}"] = sum(word in repr(row) for row in rows)
    return +found


async def held(made: Life, service: str, noun: str, subject: str, key: str | None, limit: int = 200) -> list[Any]:
    path, data, cursor = f"held/{service}/{noun}/{subject}", list[Any](), ""
    while True:
        page = await made.right("GET", f"{path}?limit={limit}{cursor}", key=key)
        assert len(page["data"]) <= limit
        data += page["data"]
        if not page["next_cursor"]:
            return data
        assert len(page["data"]) == limit, "a short page would tell how much lies between"
        cursor = f"&cursor={page['next_cursor']}"


async def test_every_row_about_a_person_is_told_to_that_person(made: Life) -> None:
    rows = await stored(made, made.person)
    told: Counter[str] = Counter()
    for service in SERVICES:
        kinds = Counter(each["kind"] for each in await held(made, service, "people", made.person, made.key))
        kinds["key"] += kinds["session"]
        kinds["invitation"] += kinds["invitation_made"]
        for table in rows:
            name = table.partition(".")[2]
            if table.startswith(service):
                known = {**TOLD, **PARTLY}.get(table)
                assert known or name in SILENT, f"{table} knows the person: say in the export what, or here why not"
                told[table] = kinds[known] if known else 0
    refused = {f"{service}.refusal" for service in SERVICES}  # summed by route
    for table in TOLD.keys() & rows.keys() - refused:
        assert told[table] == rows[table], table
    for table in (PARTLY.keys() | refused) & rows.keys():
        assert 0 < told[table] <= rows[table], table
    assert set(rows) >= {"partners.identity", "partners.password", "notifications.mark", "activities.plan"}


async def test_it_says_what_is_held_in_so_many_words(made: Life) -> None:
    text = str([await held(made, service, "people", made.person, made.key) for service in SERVICES])
    for which in ("later name", "later address", "label of a key", "phone in a label", "subject at the provider"):
        assert CANARIES[which] in text, which
    for table, column in (("api_key", "hash"), ("password", "hash"), ("invitation", "code_hash")):
        metadata = MetaData()
        async with made.house.runtimes["partners"].db.engine.connect() as connection:
            await connection.run_sync(metadata.reflect)
            secrets = (await connection.execute(select(metadata.tables[table].c[column]))).scalars().all()
        assert secrets
        assert not [each for each in secrets if each in text], "a secret is nobody's to read, hashed or not"


async def test_pages_of_one_are_as_whole_as_pages_of_many(made: Life) -> None:
    for service in SERVICES:
        small = await held(made, service, "people", made.person, made.key, limit=1)
        some = await held(made, service, "people", made.person, made.key, limit=3)
        large = await held(made, service, "people", made.person, made.key)
        # reading is a refusal to nobody, and an act of nobody: nothing was added in between
        assert [str(each) for each in small] == [str(each) for each in some] == [str(each) for each in large]


async def test_a_partner_s_export_has_its_people_and_plans_but_no_red_one(made: Life) -> None:
    people = await held(made, "partners", "partners", made.partner, made.key)
    assert {each["kind"] for each in people} == {"organisation", "person"}
    assert CANARIES["later address"] in str(people)
    plans = [
        each for each in await held(made, "activities", "partners", made.partner, made.key) if each["kind"] == "plan"
    ]
    assert [each["tlp"] for each in plans] == ["GREEN", "GREEN"]
    assert {each["owner"] for each in plans} == {made.partner}
    assert await held(made, "notifications", "partners", made.partner, made.key)
    own = await held(made, "activities", "people", made.person, made.key)
    red = [each["id"] for each in (await made.right("GET", "plans", key=made.key))["data"] if each["tlp"] == "RED"]
    assert red
    assert red[0] not in str(plans) + str(own)


@pytest.mark.parametrize("cursor", [("99", "a"), ("-1", "a"), ("x", "a"), ("0",), (0, "a")], ids=str)
async def test_a_foreign_cursor_is_refused(made: Life, cursor: tuple[Any, ...]) -> None:
    answer = await made.ask("GET", f"held/partners/people/{made.person}?cursor={encode_cursor(cursor)}", key=made.key)
    assert answer.status_code == 400, answer.text
