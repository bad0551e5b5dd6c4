"""Apache Kafka in KRaft mode, one broker or three, as child processes of this one."""

import json
import os
import signal
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.native import probe
from infra.native.cache import locked
from infra.native.errors import AlreadyRunning, NativeError, StartFailed
from infra.native.jars import Progress, kafka_jars
from infra.native.java import find_java
from infra.native.ports import LOOPBACK, free_ports
from infra.native.process import GuardedProcess
from infra.native.settings import KAFKA_JVM_OPTIONS, kafka_settings

_POLL_SECONDS = 0.1

_LOG4J = """\
status = error
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = stdout
logger.kafka.name = kafka.server
logger.kafka.level = info
"""


class KafkaCluster:
    """A cluster on 127.0.0.1 whose whole state is the folder `data`: a second object on it steers the same brokers.

    `data` holds `cluster.json` (ids and ports, chosen once and kept), and for each broker `N.properties`, `N.log`,
    `N.lock` and its data `N/`. Brokers are numbered from 1. Every method blocks until it is true, and may be called
    from any thread; in async code use `asyncio.to_thread`.

    The brokers end when process `owner` (default: the process that starts them) ends, however it ends.
    """

    def __init__(
        self,
        data: Path,
        *,
        brokers: int = 1,
        quick_failover: bool = False,
        owner: int | None = None,
        extra_settings: dict[str, str] | None = None,
    ) -> None:
        """ValueError unless `brokers` is 1 or 3. `quick_failover`: a killed broker is noticed after 3 s, not 9 s."""
        self._settings = kafka_settings(brokers, quick_failover=quick_failover) | (extra_settings or {})
        self.data = data.resolve()
        self.brokers = tuple(range(1, brokers + 1))
        self._owner = owner
        self.data.mkdir(parents=True, exist_ok=True)
        self._layout = self._read_or_choose_layout()
        self._processes = {n: GuardedProcess(self.data, str(n)) for n in self.brokers}

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:PORT,...`, for `BUS_URL=kafka://...`; the same after every restart."""
        return ",".join(f"{LOOPBACK}:{self.port(n)}" for n in self.brokers)

    def port(self, broker: int) -> int:
        """The port on which clients reach `broker`."""
        return self._layout["brokers"][str(broker)]["port"]

    def pid(self, broker: int = 1) -> int | None:
        """The pid of a broker's Java process, None when it does not run."""
        return self._processes[broker].pid

    def log_file(self, broker: int = 1) -> Path:
        """Where a broker writes its log."""
        return self._processes[broker].log

    @property
    def running(self) -> bool:
        """Whether any broker runs."""
        return any(process.running for process in self._processes.values())

    def start(self, *, share: bool = False, timeout: float = 120.0, progress: Progress | None = None) -> None:
        """Fetches the jars if need be, formats the folders once, starts the brokers, waits until they are ready.

        With `share`, brokers that another process started on the same folder are used as they are; without, they
        raise AlreadyRunning. Also raises NotAvailable, ChecksumMismatch, or StartFailed with the end of the log;
        whatever this call started is stopped again then.
        """
        started: list[GuardedProcess] = []
        try:
            with locked(self.data / "start.lock"):
                if self.running and not share:
                    raise AlreadyRunning(f"Kafka already runs on {self.data}")
                jars = kafka_jars(progress=progress)
                self._format(jars)
                for broker, process in self._processes.items():
                    if not process.running:
                        self._launch(broker, jars)
                        started.append(process)
            self.wait_ready(timeout=timeout)
        except BaseException:
            for process in started:
                process.stop()
            raise

    def stop(self) -> None:
        """Ends every broker: in order if it can, by force after 20 s. Nothing is left, and stopping twice is fine."""
        with ThreadPoolExecutor(max_workers=len(self.brokers)) as pool:
            # All at once: three controllers that go one by one leave the last without a quorum to say goodbye to.
            list(pool.map(lambda process: process.stop(), self._processes.values()))

    def kill(self, broker: int = 1) -> None:
        """`kill -9` of one broker; returns when the process is gone."""
        self._processes[broker].kill()

    def restart(self, broker: int | None = None, *, timeout: float = 120.0) -> None:
        """Stops (if it runs) and starts one broker, or all, on the same port and data; waits until ready."""
        chosen = self.brokers if broker is None else (broker,)
        with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
            list(pool.map(lambda n: self._processes[n].stop(), chosen))
        jars = kafka_jars()
        for number in chosen:
            self._launch(number, jars)
        self.wait_ready(timeout=timeout)

    def pause(self, broker: int = 1) -> None:
        """Freezes one broker (SIGSTOP): its connections stay open and nothing answers."""
        self._processes[broker].signal(signal.SIGSTOP)

    def resume(self, broker: int = 1) -> None:
        """Lets a paused broker go on (SIGCONT)."""
        self._processes[broker].signal(signal.SIGCONT)

    def metadata(self, broker: int | None = None) -> probe.ClusterMetadata:
        """The cluster as `broker` (default: any that runs) sees it now; OSError if none answers."""
        chosen = broker or next((n for n in self.brokers if self._processes[n].running), self.brokers[0])
        return probe.metadata(self.port(chosen))

    def wait_ready(self, *, timeout: float = 120.0) -> None:
        """Waits until every running broker names every running broker, replicas are in sync and groups work."""
        running = [n for n in self.brokers if self._processes[n].running]

        def ready() -> bool:
            for broker in running:
                seen = probe.metadata(self.port(broker))
                if seen.controller < 0 or not seen.brokers >= set(running):
                    return False
                if len(running) == len(self.brokers) and not seen.fully_replicated:
                    return False
            # Fewer than all: internal topics that are not there yet cannot be created with all their replicas.
            return len(running) < len(self.brokers) or all(probe.coordinator_ready(self.port(n)) for n in running)

        self._wait(ready, running, timeout)

    def _wait(self, ready: Callable[[], bool], brokers: list[int], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                if ready():
                    return
            except (OSError, ValueError):
                pass  # not listening yet, or half an answer from a broker that ends
            for broker in brokers:
                if not self._processes[broker].running:
                    raise StartFailed(f"Kafka broker {broker} ended:\n{self._processes[broker].log_tail()}")
            if time.monotonic() > deadline:
                tails = "\n".join(self._processes[n].log_tail(8) for n in brokers)
                raise StartFailed(f"Kafka was not ready after {timeout:.0f} s:\n{tails}")
            time.sleep(_POLL_SECONDS)

    def _launch(self, broker: int, jars: list[Path]) -> None:
        (self.data / "log4j2.properties").write_text(_LOG4J)
        self._write_properties(broker)
        # JAVA_TOOL_OPTIONS and friends of the surroundings would change the heap behind our back.
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "JAVA_", "JDK_"))
        }
        self._processes[broker].start(
            [*self._java(jars, "kafka.Kafka"), str(self._properties(broker))],
            owner=self._owner,
            environment=environment,
        )

    def _java(self, jars: list[Path], main_class: str) -> list[str]:
        class_path = os.pathsep.join(str(jar) for jar in jars)
        logging = f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}"
        return [str(find_java()), *KAFKA_JVM_OPTIONS, logging, "-cp", class_path, main_class]

    def _properties(self, broker: int) -> Path:
        return self.data / f"{broker}.properties"

    def _write_properties(self, broker: int) -> None:
        own = self._layout["brokers"][str(broker)]
        controllers = (f"{LOOPBACK}:{self._layout['brokers'][str(n)]['controller_port']}" for n in self.brokers)
        placed = {
            "node.id": str(broker),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{own['port']},CONTROLLER://{LOOPBACK}:{own['controller_port']}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{own['port']},"
            f"CONTROLLER://{LOOPBACK}:{own['controller_port']}",
            "controller.quorum.bootstrap.servers": ",".join(controllers),
            "log.dirs": str(self.data / str(broker)),
        }
        lines = (f"{key}={value}\n" for key, value in (self._settings | placed).items())
        self._properties(broker).write_text("".join(lines))

    def _format(self, jars: list[Path]) -> None:
        """Formats the folders that are not yet; a folder whose formatting was cut short is done again."""
        todo = [n for n in self.brokers if not (self.data / f"{n}.formatted").exists()]
        if todo:
            (self.data / "log4j2.properties").write_text(_LOG4J)
            with ThreadPoolExecutor(max_workers=len(todo)) as pool:
                list(pool.map(lambda n: self._format_one(n, jars), todo))

    def _format_one(self, broker: int, jars: list[Path]) -> None:
        self._write_properties(broker)
        folder = self.data / str(broker)
        if folder.exists():
            # Never started, because the mark below is missing: there is nothing in it to lose.
            folder.rename(self.data / f"{broker}.unformatted-{time.monotonic_ns()}")
        if len(self.brokers) == 1:
            voters = ["--standalone"]
        else:
            described = (
                f"{n}@{LOOPBACK}:{own['controller_port']}:{own['directory_id']}"
                for n, own in self._layout["brokers"].items()
            )
            voters = ["--initial-controllers", ",".join(described)]
        command = [*self._java(jars, "kafka.tools.StorageTool"), "format", *voters]
        command += ["-t", self._layout["cluster_id"], "-c", str(self._properties(broker))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            told = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("\tat ")]
            raise StartFailed(f"Kafka could not format broker {broker}: {' '.join(told)[-800:]}")
        (self.data / f"{broker}.formatted").touch()

    def _read_or_choose_layout(self) -> dict[str, Any]:
        path = self.data / "cluster.json"
        with locked(self.data / "layout.lock"):
            if not path.exists():
                ports = iter(free_ports(2 * len(self.brokers)))
                layout = {
                    "cluster_id": _kafka_id(),
                    "brokers": {
                        str(n): {"port": next(ports), "controller_port": next(ports), "directory_id": _kafka_id()}
                        for n in self.brokers
                    },
                }
                unfinished = path.with_suffix(".new")
                unfinished.write_text(json.dumps(layout, indent=2))
                unfinished.replace(path)
            layout = json.loads(path.read_text())
        if len(layout["brokers"]) != len(self.brokers):
            raise NativeError(
                f"{self.data} holds a cluster of {len(layout['brokers'])} brokers, not {len(self.brokers)}:"
                " choose another folder"
            )
        return layout


def _kafka_id() -> str:
    # Kafka's Uuid.toString: 16 random bytes as base64url; one that begins with a dash reads as an option.
    while True:
        drawn = urlsafe_b64encode(uuid.UUID(bytes=os.urandom(16), version=4).bytes).decode().rstrip("=")
        if not drawn.startswith("-"):
            return drawn
