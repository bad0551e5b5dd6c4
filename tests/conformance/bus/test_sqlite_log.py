"""What only a file can do to us: other processes, locks, sudden ends. And the factory, which is for all of them."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.bus.factory import make_bus
from shared.bus.kafka.bus import KafkaBus
from shared.bus.memory import MemoryBus
from shared.bus.port import BusUnavailable, Topic
from shared.bus.sqlite_log import SqliteBus
from shared.sqlite import FIXED_IN, install, sqlite3
from tests.conformance.bus.harness import numbered, read_all, read_nothing, values


def test_the_process_has_a_sound_sqlite() -> None:
    aiosqlite = pytest.importorskip("aiosqlite")
    install()
    assert sys.modules["sqlite3"] is sqlite3
    if sys.platform == "linux":
        assert sqlite3.sqlite_version_info >= FIXED_IN
    assert aiosqlite.core.sqlite3 is sqlite3, "two SQLite libraries in one process break each other's locks"


def test_installing_too_late_is_an_error() -> None:
    code = (
        "import sys, sqlite3\n"
        "if sqlite3.sqlite_version_info >= (3, 51, 3): sys.exit(0)\n"
        "import aiosqlite\n"
        "try: import shared.sqlite\n"
        "except RuntimeError: sys.exit(0)\n"
        "sys.exit('not noticed')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_the_log_is_as_durable_as_sqlite_can_make_it(tmp_path: Path) -> None:
    bus = SqliteBus(tmp_path / "deep" / "er" / "log.db")
    await bus.start()
    found = {name: await bus._storage._rows(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": [("wal",)], "synchronous": [(2,)]}
    await bus.stop()


async def test_what_was_published_survives_a_sudden_death(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from shared.bus.port import Outgoing, Topic\n"
        "from shared.bus.sqlite_log import SqliteBus\n"
        "async def main():\n"
        "    bus = SqliteBus(sys.argv[1])\n"
        "    await bus.start()\n"
        "    await bus.create_topics([Topic('t')])\n"
        "    for n in range(20):\n"
        "        await bus.publish([Outgoing('t', 'k', b'%d' % n)])\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, tmp_path / "log.db"], check=False)
    bus = SqliteBus(tmp_path / "log.db")
    await bus.start()
    reader = bus.consumer(None, ["t"])
    await reader.start()
    assert values(await read_all(reader, 20)) == [str(n) for n in range(20)]
    await bus.stop()


async def test_a_locked_file_is_an_outage_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bus.sqlite_log.BUSY_SECONDS", 0.2)
    bus = SqliteBus(tmp_path / "log.db")
    await bus.start()
    await bus.create_topics([Topic("t")])
    thief = sqlite3.connect(tmp_path / "log.db", isolation_level=None, check_same_thread=False)
    thief.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusUnavailable, match="locked"):
        await bus.publish(numbered("t", ["k"], 3))
    thief.execute("ROLLBACK")
    thief.close()
    reader = bus.consumer(None, ["t"])
    await reader.start()
    await read_nothing(reader)
    await bus.publish(numbered("t", ["k"], 3))
    assert values(await read_all(reader, 3)) == ["k:0", "k:1", "k:2"]
    await bus.stop()


async def test_waiting_for_the_file_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    bus = SqliteBus(tmp_path / "log.db")
    await bus.start()
    await bus.create_topics([Topic("t")])
    thief = sqlite3.connect(tmp_path / "log.db", isolation_level=None, check_same_thread=False)
    thief.execute("BEGIN IMMEDIATE")
    publishing = asyncio.create_task(bus.publish(numbered("t", ["k"], 1)))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not publishing.done()
    thief.execute("ROLLBACK")
    thief.close()
    await publishing
    await bus.stop()
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("sqlite-log") and thread.is_alive()
    ]


async def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    with pytest.raises(BusUnavailable):
        await SqliteBus(tmp_path / "log.db").start()


async def test_the_factory_knows_three_schemes(tmp_path: Path) -> None:
    assert isinstance(make_bus("memory://", client_id="x"), MemoryBus)
    assert isinstance(make_bus(f"sqlite:///{tmp_path}/log.db", client_id="x"), SqliteBus)
    assert isinstance(make_bus("kafka://a:9092,b:9092", client_id="x"), KafkaBus)


@pytest.mark.parametrize("url", ["", "kafka://", "kafka:a:9092", "sqlite://", "sqlite:///", "redis://a", "memory://x"])
def test_the_factory_refuses_the_rest(url: str) -> None:
    with pytest.raises(ValueError, match="is no bus"):
        make_bus(url, client_id="x")
