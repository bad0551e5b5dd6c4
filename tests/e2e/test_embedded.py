"""`convene up --demo` as a person starts it: one process, SQLite, the real demo, the issue's scenario."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import scenario
from tests.e2e.convene import COMMAND, PATIENCE, Running

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("embedded") / "data", "up", "--demo", "--port", "0")
    yield running
    if running.process.poll() is None:
        running.kill()


def test_the_scenario(demo: Running) -> None:
    said = demo.ready()
    scenario.the_demo_is_exactly_what_it_must_be(demo, said)
    scenario.each_label_is_there_and_each_of_them_sees_their_own(demo, said["url"])
    scenario.everything_is_well(demo)
    scenario.the_stream_tells_of_a_plan_its_alert_a_decision_and_its_reversal(demo)
    scenario.an_invited_person_posts_by_the_plain_page(demo, said["url"])


def test_loading_again_changes_nothing(demo: Running) -> None:
    said = demo.ready()
    before = len(demo.cli("plans", "list"))
    again = demo.cli("demo", "load")
    assert again["plans"] == said["demo"]["plans"]
    assert len(demo.cli("plans", "list")) == before
    # the memory is lost, the Idempotency-Keys are not: still nothing is posted twice
    keys = demo.data / "demo-keys.json"
    held = json.loads(keys.read_text())
    keys.write_text(json.dumps(held | {"plans": {}}))
    assert demo.cli("demo", "load")["plans"] == said["demo"]["plans"]
    assert len(demo.cli("plans", "list")) == before


def test_a_second_process_on_the_folder_is_told_who_has_it(demo: Running) -> None:
    demo.ready()
    second = subprocess.run(
        [*COMMAND, "up", "--data", str(demo.data), "--port", "0"],
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert f"process {demo.process.pid}" in second.stderr


def test_weights_are_shown_learned_from_enough_decisions_only_and_put_in_force(demo: Running, tmp_path: Path) -> None:
    demo.ready()
    shown = demo.cli("weights", "show")
    assert shown["shipped"]
    learned = tmp_path / "learned.json"
    refused = demo.cli("weights", "fit", "--version", "house-1", "--out", str(learned), code=2)
    assert "too few" in refused
    assert not learned.exists()
    learned.write_text(json.dumps(shown["document"] | {"version": "house-1"}))
    assert demo.cli("weights", "install", str(learned), "--reason", "a test")["version"] == "house-1"
    now = demo.cli("weights", "show")
    assert (now["version"], now["shipped"], now["reason"]) == ("house-1", False, "a test")
    learned.write_text("{}")
    assert "not a table of weights" in demo.cli("weights", "install", str(learned), code=2)


def test_keys_are_for_their_owner_alone(demo: Running) -> None:
    demo.ready()
    private = [path for path in demo.data.iterdir() if path.suffix == ".key" or path.name == "demo-keys.json"]
    assert len(private) >= 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)
    log = demo.log.read_text()
    for path in private:
        if path.suffix == ".key":
            assert path.read_text().strip() not in log


def test_it_ends_at_once_with_a_stream_open_and_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Running(data, "up", "--demo", "--port", "0")
    try:
        plans = first.ready()["demo"]["plans"]
        tail = first.tail("--since", "2017-04-03T00:00:00Z")
        tail.wait_for("alert.opened")
        # the tail is still connected: an open stream must not hold the server
        assert first.stop() == 0
        tail.stop()
        assert not (data / "serving.json").exists()
    finally:
        first.kill()
    second = Running(data, "up", "--demo", "--port", "0")
    try:
        said = second.ready()
        assert said["demo"]["plans"] == plans
        assert said["demo"]["difference"] == []
        # the clock has gone on: what is posted now is later than what was posted before
        plan = second.cli(*scenario.POST, "--as", "unodc", "--title", "After the restart")
        older = second.cli("plans", "show", next(iter(plans.values())))
        assert plan["created_at"] > older["created_at"]
        assert plan["created_at"].startswith("2017-04-03")
    finally:
        os.kill(second.process.pid, signal.SIGTERM)
        assert second.process.wait(PATIENCE) == 0
