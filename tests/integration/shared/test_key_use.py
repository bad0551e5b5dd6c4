"""When a key was last seen: to the hour, without a write for each request, and by whatever the key opened."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.event import listen, remove

from shared.auth import Authenticator, hash_api_key
from shared.db import Database
from shared.registry import Proof
from shared.tokens import sign
from tests.integration.shared.test_registry import API_KEY, NOW, SIGNING, Registry, known, metadata

HOUR = 3600.0


@pytest.fixture
async def registry(kernel_url: str) -> AsyncIterator[Registry]:
    db = Database(kernel_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    made = Registry(db)
    await made.person()
    await made.api_key()
    await made.signing_key()
    yield made
    await db.dispose()


async def used(registry: Registry) -> datetime | None:
    async with registry.db.read() as session:
        return (await session.execute(select(known.api_key.c.used_at))).scalar_one()


async def test_it_is_the_hour_in_which_the_key_was_last_good_for_something(registry: Registry) -> None:
    use = registry.authenticator.use
    await use.flush()
    assert await used(registry) is None
    registry.clock.advance(1800)
    await registry.who()
    await use.flush()
    assert await used(registry) == NOW  # 09:30 is told as 09:00
    registry.clock.advance(5 * HOUR)
    assert await registry.refused(API_KEY + "x")
    await use.flush()
    assert await used(registry) == NOW
    await registry.who()
    await use.flush()
    assert await used(registry) == NOW + timedelta(hours=5)


async def test_a_token_and_an_open_stream_are_a_use_of_their_key(registry: Registry) -> None:
    use = registry.authenticator.use
    token, _ = sign(SIGNING, "per_nora", frozenset({"read"}), NOW, api_key="key_one")
    await registry.who(token)
    await use.flush()
    assert await used(registry) == NOW
    registry.clock.advance(3 * HOUR)
    assert await registry.authenticator.again(Proof("key_one"))
    await use.flush()
    assert await used(registry) == NOW + timedelta(hours=3)


async def test_many_requests_are_one_write_an_hour(registry: Registry) -> None:
    use, written = registry.authenticator.use, list[str]()

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().upper().startswith("UPDATE"):
            written.append(statement)

    listen(Engine, "before_cursor_execute", count)
    try:
        for _ in range(50):
            await registry.who()
            await use.flush()
            registry.clock.advance(60)  # fifty minutes, a flush in each
    finally:
        remove(Engine, "before_cursor_execute", count)
    assert len(written) == 1


async def test_two_processes_never_set_it_back(registry: Registry) -> None:
    other = Authenticator(registry.db, known, registry.clock)
    await registry.who()
    registry.clock.advance(2 * HOUR)
    await other.principal(f"Bearer {API_KEY}")
    await other.use.flush()
    await registry.authenticator.use.flush()  # saw it two hours earlier, and writes it only now
    assert await used(registry) == NOW + timedelta(hours=2)


async def test_what_could_not_be_written_is_written_later(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    use = registry.authenticator.use
    await registry.who()
    with monkeypatch.context() as away:
        away.setattr(registry.db, "write", lambda: (_ for _ in ()).throw(ConnectionError()))
        with pytest.raises(ConnectionError):
            await use.flush()
    await use.flush()
    assert await used(registry) == NOW


async def test_what_was_seen_is_written_when_the_service_stops(registry: Registry) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(registry.authenticator.use.run(stop))
    await registry.who()
    stop.set()
    await task
    assert await used(registry) == NOW


async def test_a_new_version_of_the_key_keeps_its_last_use(registry: Registry) -> None:
    await registry.who()
    await registry.authenticator.use.flush()
    await registry.api_key(2, revoked=True)
    assert await used(registry) == NOW


async def test_the_text_of_a_key_is_compared_with_nothing(registry: Registry) -> None:
    """The database looks for a digest, so how long it takes tells nothing of how much of a key was guessed."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append(f"{statement} {parameters}")

    listen(Engine, "before_cursor_execute", note)
    try:
        await registry.who()
        assert await registry.refused(API_KEY[:-1] + "y")
    finally:
        remove(Engine, "before_cursor_execute", note)
    text = " ".join(sent)
    assert hash_api_key(API_KEY) in text
    assert hash_api_key(API_KEY[:-1] + "y") in text
    assert API_KEY[4:20] not in text
