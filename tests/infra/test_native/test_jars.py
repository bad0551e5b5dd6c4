"""Kafka's jars: only the bytes that the committed list names ever reach a broker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.native.cache import cache_folder
from infra.native.errors import ChecksumMismatch
from infra.native.jars import kafka_jars, read_jar_list
from infra.native.kafka import KafkaCluster
from infra.native.settings import KAFKA_VERSION

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def linked_cache(kafka: KafkaCluster, tmp_path: Path) -> Path:
    """A jar folder of our own that links to the real jars (`kafka` saw to it that they are there)."""
    folder = tmp_path / "cache" / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True)
    for jar in kafka_jars():
        (folder / jar.name).symlink_to(jar)
    return folder


def test_the_jar_list_names_kafka_and_a_log_binding_with_checksums():
    jars = read_jar_list()
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in jars}
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}


def test_a_tampered_jar_is_refused_and_named(linked_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    victim = linked_cache / f"kafka-clients-{KAFKA_VERSION}.jar"
    bytes_ = bytearray(victim.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    victim.unlink()
    victim.write_bytes(bytes_)
    monkeypatch.setenv("CONVENE_CACHE", str(tmp_path / "cache"))
    cluster = KafkaCluster(tmp_path / "data")
    with pytest.raises(ChecksumMismatch, match=f"kafka-clients-{KAFKA_VERSION}.jar"):
        cluster.start()
    assert not cluster.running


def _fake_maven(folder: Path, body: str) -> None:
    folder.mkdir(exist_ok=True)
    script = folder / "mvn"
    script.write_text(f"#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) out=${{a#*=}};; esac; done\n{body}\n")
    script.chmod(0o755)


def test_a_tampered_download_never_reaches_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    names = " ".join(jar.filename for jar in read_jar_list())
    _fake_maven(tmp_path / "bin", f'for j in {names}; do echo evil > "$out/$j"; done')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(ChecksumMismatch):
        kafka_jars(folder=tmp_path / "jars", via="mvn")
    assert list((tmp_path / "jars").glob("**/*.jar")) == []


def test_two_processes_that_ask_at_once_fetch_once(linked_cache: Path, tmp_path: Path):
    _fake_maven(tmp_path / "bin", f'echo x >> {tmp_path}/calls; sleep 1; cp {linked_cache}/*.jar "$out/"')
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "CONVENE_CACHE": str(tmp_path / "new"),
    }
    ask = "from infra.native.jars import kafka_jars; print(len(kafka_jars(via='mvn')))"
    askers = [
        subprocess.Popen([sys.executable, "-c", ask], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [asker.communicate()[0].strip() for asker in askers]
    assert answers == [str(len(read_jar_list()))] * 2
    assert (tmp_path / "calls").read_text().count("x") == 1


def test_the_cache_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CONVENE_CACHE", str(tmp_path / "here"))
    assert cache_folder("kafka") == tmp_path / "here" / "kafka"
