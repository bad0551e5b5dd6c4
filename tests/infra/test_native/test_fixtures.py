"""What the fixtures of `tests/fixtures/stack.py` promise to the rest of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.native.kafka import KafkaCluster

ROOT = Path(__file__).resolve().parents[3]


def _run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  kafka: real Kafka\n")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=ROOT,
        env={**inherited, **environment, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def _run_with_a_part_missing(folder: Path, require: str) -> "subprocess.CompletedProcess[str]":
    (folder / "conftest.py").write_text(
        "import infra.native.kafka as k\n"
        "from infra.native.errors import NotAvailable\n"
        "def gone(**_): raise NotAvailable('no jars on this machine')\n"
        "k.kafka_jars = gone\n"
        "pytest_plugins = ['tests.fixtures.stack']\n"
    )
    (folder / "test_two.py").write_text("def test_one(kafka): pass\ndef test_two(new_kafka): new_kafka()\n")
    return _run(folder, CONVENE_REQUIRE=require)


def test_a_part_that_cannot_be_had_is_skipped_loudly(tmp_path: Path):
    run = _run_with_a_part_missing(tmp_path, require="postgres")
    assert run.returncode == 0, run.stdout
    assert "NOT RUN: 2 tests: kafka: no jars on this machine" in run.stdout
    assert "2 skipped" in run.stdout
    assert list(tmp_path.glob("convene-test-*")) == []


def test_a_part_that_is_required_and_cannot_be_had_is_an_error(tmp_path: Path):
    run = _run_with_a_part_missing(tmp_path, require="postgres, kafka")
    assert run.returncode == 1
    assert "CONVENE_REQUIRE names kafka, but it cannot be had: no jars on this machine" in run.stdout


_SHARED = """
import os, pathlib, time
SEEN = pathlib.Path(__file__).with_name("seen")

def test_starts_the_broker_and_crashes(kafka):
    SEEN.write_text(str(kafka.pid()))
    os.kill(os.getpid(), 9)

def test_uses_it_afterwards(request):
    while not SEEN.exists():
        time.sleep(0.1)
    time.sleep(2)
    kafka = request.getfixturevalue("kafka")
    assert kafka.metadata().brokers == {1}
    assert str(kafka.pid()) == SEEN.read_text(), "another broker"
"""


def test_workers_share_one_broker_that_outlives_a_crashed_worker_but_not_the_run(kafka: KafkaCluster, tmp_path: Path):
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['tests.fixtures.stack']\n")
    (tmp_path / "test_shared.py").write_text(_SHARED)
    run = _run(tmp_path, "-n", "2")
    assert "1 failed, 1 passed" in run.stdout, run.stdout
    assert "crashed while running 'test_shared.py::test_starts" in run.stdout
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "seen").read_text()), 0)
    assert list(tmp_path.glob("convene-test-*")) == []
