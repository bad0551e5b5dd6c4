"""`convene stack --demo`: the same scenario on real Kafka and PostgreSQL, with replicas, behind the gateway."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.native.ports import free_ports
from tests.e2e import scenario
from tests.e2e.convene import Running, until

pytestmark = [pytest.mark.timeout(1200), pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, kafka: object, postgres: object) -> Iterator[Running]:
    """The fixtures `kafka` and `postgres` say first whether this machine can have them at all."""
    folder = tmp_path_factory.mktemp("stack")
    running = Running(folder / "data", "stack", "--demo", "--port", str(free_ports(1)[0]))
    yield running
    if running.process.poll() is None:
        running.stop()


def test_the_scenario(stack: Running) -> None:
    said = stack.ready()
    scenario.the_demo_is_exactly_what_it_must_be(stack, said)
    scenario.each_label_is_there_and_each_of_them_sees_their_own(stack, said["url"])
    scenario.everything_is_well(stack)
    scenario.the_stream_tells_of_a_plan_its_alert_a_decision_and_its_reversal(stack)
    scenario.an_invited_person_posts_by_the_plain_page(stack, said["url"])


def test_a_killed_replica_is_replaced_and_nobody_notices(stack: Running) -> None:
    stack.ready()
    killed = [pid for pid in children(stack.process.pid) if "notifications" in command(pid)][:1]
    killed += [pid for pid in children(stack.process.pid) if "activities" in command(pid)][:1]
    assert len(killed) == 2
    tail = stack.tail("--types", "plan.posted,alert.opened")
    try:
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        first = stack.cli(
            *scenario.POST,
            "--as",
            "itu",
            "--title",
            "Spare parts for police networks",
            "--start",
            "2019-03-04",
            "--end",
            "2019-03-05",
        )
        second = stack.cli(
            *scenario.POST,
            "--as",
            "interpol",
            "--title",
            "Spare parts for police networks",
            "--start",
            "2019-03-04",
            "--end",
            "2019-03-05",
        )
        tail.wait_for("plan.posted", "alert.opened")
        (opened,) = tail.named("alert.opened")
        assert {side["plan"] for side in opened["data"]["sides"]} == {first["id"], second["id"]}
        until(lambda: len([pid for pid in children(stack.process.pid) if " serve " in command(pid)]) == 7)
    finally:
        tail.stop()


def test_everything_ends_with_its_parent(stack: Running) -> None:
    stack.ready()
    everybody = children(stack.process.pid)
    assert len(everybody) >= 7
    stack.process.kill()
    stack.process.wait(60)
    until(lambda: not [pid for pid in everybody if lives(pid)])


def children(pid: int) -> list[int]:
    """Direct children; the services and the guards of Kafka and PostgreSQL."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(each) for each in task.read_text().split()]
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
