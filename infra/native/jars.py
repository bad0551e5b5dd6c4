"""Kafka's jars: fetched once into the cache, and every one of them checked against the committed list.

`kafka-jars.txt` names exact versions with their SHA-256, so both ways of fetching (Maven where it is installed, the
Python package `jgo` elsewhere) end in the same bytes, and nothing is resolved at run time: asked for Kafka and log4j
together, jgo's resolver would pick kafka-clients 3.9.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from infra.native.cache import cache_folder, locked
from infra.native.errors import ChecksumMismatch, NotAvailable
from infra.native.settings import KAFKA_VERSION

Progress = Callable[[str, int, int], None]
"""Called with (what just happened, jars done, jars in all), from the thread that fetches."""

Way = Literal["auto", "mvn", "jgo"]

JAR_LIST = Path(__file__).with_name("kafka-jars.txt")
_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_TRIES = 3


@dataclass(frozen=True)
class Jar:
    """One line of the list."""

    group: str
    artifact: str
    version: str
    sha256: str
    filename: str


def read_jar_list(path: Path = JAR_LIST) -> tuple[Jar, ...]:
    """The committed list; ValueError names a line that does not read `group:artifact:version  sha256  filename`."""
    jars: list[Jar] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            coordinates, sha256, filename = line.split()
            group, artifact, version = coordinates.split(":")
        except ValueError:
            raise ValueError(f"{path.name}: cannot read the line {line!r}") from None
        jars.append(Jar(group, artifact, version, sha256, filename))
    return tuple(jars)


@cache
def _listed() -> tuple[Jar, ...]:
    return read_jar_list()


def kafka_jars(*, folder: Path | None = None, via: Way = "auto", progress: Progress | None = None) -> list[Path]:
    """The jars of Kafka's class path, fetched first if the cache lacks any.

    Every jar is hashed on every call (44 MB, 0.2 s): a broker never starts from a file that the list does not name.
    Two processes that ask at once fetch once. Raises ChecksumMismatch (names the jar) or NotAvailable (no way to
    fetch; says what was tried). `via` narrows the ways to one, `folder` replaces the cache folder.
    """
    folder = folder or cache_folder(f"kafka-{KAFKA_VERSION}")
    folder.mkdir(parents=True, exist_ok=True)
    jars = _listed()
    with locked(folder / ".lock"):
        missing = [jar for jar in jars if not (folder / jar.filename).exists()]
        if missing:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as staging:
                for jar, fetched in _fetch(missing, Path(staging), via, progress or _silent).items():
                    verify(jar, fetched)
                    # A rename within one folder: whoever is killed here leaves whole jars only.
                    os.replace(fetched, folder / jar.filename)
    paths = [folder / jar.filename for jar in jars]
    for jar, path in zip(jars, paths, strict=True):
        verify(jar, path)
    return paths


def verify(jar: Jar, path: Path) -> None:
    """Raises ChecksumMismatch unless `path` holds exactly the bytes that the list names for `jar`."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise ChecksumMismatch(
            f"{jar.filename} is not the file that {JAR_LIST.name} names: expected SHA-256 {jar.sha256}, found {found}"
            f" in {path}. Nothing was started. If you trust the network, delete that file and it is fetched again."
        )


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def _fetch(jars: Sequence[Jar], staging: Path, via: Way, progress: Progress) -> dict[Jar, Path]:
    failures: list[str] = []
    if via in ("auto", "mvn"):
        try:
            return _fetch_with_maven(jars, staging / "mvn", progress)
        except NotAvailable as reason:
            failures.append(str(reason))
    if via in ("auto", "jgo"):
        try:
            return _fetch_with_jgo(jars, staging / "jgo", progress)
        except NotAvailable as reason:
            failures.append(str(reason))
    raise NotAvailable(f"Kafka's jars cannot be fetched: {'; '.join(failures)}")


def _fetch_with_maven(jars: Sequence[Jar], staging: Path, progress: Progress) -> dict[Jar, Path]:
    mvn = shutil.which("mvn")
    if mvn is None:
        raise NotAvailable("mvn is not installed")
    target = staging / "jars"
    target.mkdir(parents=True)
    (staging / "pom.xml").write_text(_pom(jars), encoding="utf-8")
    command = [mvn, "--batch-mode", "-f", str(staging / "pom.xml"), f"{_DEPENDENCY_PLUGIN}:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done: set[str] = set()
    last: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = [*last[-7:], line.rstrip()]
            for jar in jars:
                if jar.filename not in done and f"{jar.filename}" in line and "Downloading" not in line:
                    done.add(jar.filename)
                    progress(jar.filename, len(done), len(jars))
    fetched = {jar: target / jar.filename for jar in jars}
    if process.returncode != 0 or not all(path.exists() for path in fetched.values()):
        raise NotAvailable("mvn failed: " + " | ".join(line for line in last if "ERROR" in line)[:600])
    return fetched


def _pom(jars: Sequence[Jar]) -> str:
    # Everything is excluded below each jar: the list is already the whole closure.
    dependencies = "".join(
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId>"
        "</exclusion></exclusions></dependency>"
        for jar in jars
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>org.convene</groupId><artifactId>kafka-jars</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _fetch_with_jgo(jars: Sequence[Jar], staging: Path, progress: Progress) -> dict[Jar, Path]:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError:
        raise NotAvailable("the Python package jgo is not installed (pip install 'convene[stack]')") from None
    context = MavenContext(resolver=PythonResolver(), repo_cache=staging, timeout=60)

    def one(jar: Jar) -> Path:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        for attempt in range(_TRIES):
            try:
                return artifact.resolve()
            except (OSError, RuntimeError) as broken:  # requests' errors are OSErrors
                # What a broken connection left behind looks like a finished download to the next try.
                if artifact.cached_path is not None:
                    artifact.cached_path.unlink(missing_ok=True)
                if attempt == _TRIES - 1:
                    raise NotAvailable(f"jgo could not fetch {jar.filename}: {broken}") from broken
        raise AssertionError("unreachable")

    fetched: dict[Jar, Path] = {}
    with ThreadPoolExecutor(max_workers=4) as pool:
        for jar, path in zip(jars, pool.map(one, jars), strict=True):
            fetched[jar] = path
            progress(jar.filename, len(fetched), len(jars))
    return fetched
