"""Nothing is left behind, however the owner ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.native.errors import StartFailed
from infra.native.kafka import KafkaCluster
from infra.native.ports import free_ports
from infra.native.postgres import PostgresServer
from infra.native.process import GuardedProcess

ROOT = Path(__file__).resolve().parents[3]

_OWNER = """
import sys, time
from pathlib import Path
from infra.native.process import GuardedProcess
print(GuardedProcess(Path(sys.argv[1]), "server").start(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]), flush=True)
time.sleep(600)
"""


def _owner_of(program: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_server_ends_when_its_owner_is_killed_even_if_it_ignores_the_signal(tmp_path: Path):
    server = GuardedProcess(tmp_path, "server", grace=1)
    with _owner_of(_OWNER.replace('"server")', '"server", grace=1)'), tmp_path) as owner:
        assert owner.stdout is not None
        assert int(owner.stdout.readline()) == server.pid
        owner.kill()
    assert server.wait_gone(30)


def test_a_paused_server_ends_when_its_owner_is_killed(tmp_path: Path):
    server = GuardedProcess(tmp_path, "server")
    with _owner_of(_OWNER.replace("trap '' TERM; ", ""), tmp_path) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        server.signal(signal.SIGSTOP)
        owner.kill()
    assert server.wait_gone(15)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_a_server_ends_when_its_guard_is_killed(tmp_path: Path):
    server = GuardedProcess(tmp_path, "server")
    pid = server.start(["sleep", "600"])
    guard = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(guard, signal.SIGKILL)
    assert server.wait_gone(10)


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path):
    server = GuardedProcess(tmp_path, "server")
    starter = threading.Thread(target=server.start, args=(["sleep", "600"],))
    starter.start()
    starter.join()
    try:
        assert not server.wait_gone(1)
    finally:
        server.stop()
    assert not server.running


def test_a_command_that_does_not_exist_is_an_error_at_once(tmp_path: Path):
    with pytest.raises(StartFailed, match="no-such-program"):
        GuardedProcess(tmp_path, "server").start([str(tmp_path / "no-such-program")])


_STACK_OWNER = """
import sys, time
from pathlib import Path
from infra.native.kafka import KafkaCluster
from infra.native.postgres import PostgresServer
folder = Path(sys.argv[1])
KafkaCluster(folder / "kafka").start()
PostgresServer(folder / "database").start()
print("up", flush=True)
time.sleep(600)
"""


def test_no_broker_and_no_database_outlive_a_killed_owner(
    kafka: KafkaCluster, new_postgres: Callable[[], PostgresServer]
):
    folder = new_postgres().data  # `kafka` and this one saw to it that both can be had
    left = [GuardedProcess(folder / "kafka", "1"), GuardedProcess(folder / "database", "postgres")]
    with _owner_of(_STACK_OWNER, folder) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert all(process.running for process in left)
        owner.kill()
    assert all(process.wait_gone(40) for process in left)


def test_ports_lie_below_the_range_for_outgoing_connections():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    if sys.platform == "linux":
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        assert max(ports) < first
