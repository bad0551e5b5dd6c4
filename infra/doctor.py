"""`convene doctor`: is the server there, whole and of our version; is the key good; does a stream deliver."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from infra.cli.session import Target
from infra.front import release
from shared.clock import SystemClock
from shared.sqlite import FIXED_IN, sqlite3

LEAST_DISK = 1 << 30
MOST_SKEW = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """ok: None for a remark that is neither good nor bad."""

    name: str
    ok: bool | None
    finding: str

    @property
    def mark(self) -> str:
        return {True: "ok", False: "FAILED", None: "note"}[self.ok]

    def as_json(self) -> dict[str, Any]:
        return {"check": self.name, "ok": self.ok, "finding": self.finding}


def examine(where: Target, seconds: float) -> list[Check]:
    """Every check that can be made; what needs the server is left out when there is none."""
    found = list(_here(where))
    headers = {"Authorization": f"Bearer {where.key}"} if where.key else {}
    with httpx.Client(base_url=where.url, headers=headers, timeout=10) as client:
        try:
            response = client.get("/readyz")
        except httpx.TransportError as error:
            return [*found, Check("server", False, f"{where.url} does not answer: {error}")]
        found.append(Check("server", True, f"{where.url} ({where.source})"))
        found += _server(response)
        found += [_guarded("key", _key, client, where), _guarded("stream", _stream, client, seconds)]
    return found


def _here(where: Target) -> Iterator[Check]:
    version = ".".join(str(part) for part in sqlite3.sqlite_version_info)
    sound = sqlite3.sqlite_version_info >= FIXED_IN
    needed = ".".join(str(part) for part in FIXED_IN)
    yield Check("sqlite", sound, version + ("" if sound else f": older than {needed}, whose WAL can corrupt a file"))
    free = shutil.disk_usage(where.data or Path.cwd()).free
    yield Check("disk", free >= LEAST_DISK, f"{free / (1 << 30):.1f} GiB free at {where.data or Path.cwd()}")


def _server(response: httpx.Response) -> Iterator[Check]:
    try:
        said = response.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        yield Check("ready", False, f"/readyz answered {response.status_code} without JSON: is this Convene?")
        return
    theirs, ours = str(said.get("version", "unknown")), release()
    yield Check("version", theirs == ours, theirs if theirs == ours else f"server {theirs}, this command {ours}")
    for name, state in said.get("services", {}).items():
        checks = dict(state.get("checks", {}))
        wall = checks.pop("row_security", "ok")
        wrong = [f"{check}: {each}" for check, each in checks.items() if isinstance(each, str) and each not in {"ok"}]
        parked = sum(each.get("parked", 0) for each in checks.values() if isinstance(each, dict))
        words = ["ready" if state.get("ready") else "not ready", *wrong, *([f"{parked} parked"] if parked else [])]
        yield Check(name, bool(state.get("ready")) and not wrong, ", ".join(words))
        if wall != "ok":
            yield Check(name, None, f"row level security {wall} (docs/how-to/run-on-postgresql.md)")
    date = response.headers.get("Date")
    if date:
        skew = abs((SystemClock().now() - parsedate_to_datetime(date)).total_seconds())
        yield Check("clock", skew <= MOST_SKEW, f"{skew:.0f} s apart from the server's")


def _guarded(name: str, check: Callable[..., Check], *arguments: Any) -> Check:
    try:
        return check(*arguments)
    except httpx.HTTPError as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def _key(client: httpx.Client, where: Target) -> Check:
    if not where.key:
        return Check("key", None, "none: you see what everybody sees (convene login URL)")
    response = client.get("/api/v1/me")
    if response.status_code != 200:
        return Check("key", False, f"{response.status_code}: the key from {where.source} is not accepted")
    me = response.json()
    return Check("key", True, f"{me.get('id')} ({', '.join(me.get('roles', ()))}), from {where.source}")


def _stream(client: httpx.Client, seconds: float) -> Check:
    clock = SystemClock()
    started = clock.monotonic()
    with client.stream("GET", "/api/v1/stream", timeout=httpx.Timeout(10, read=seconds)) as response:
        if response.status_code != 200:
            return Check("stream", False, f"answered {response.status_code}")
        kind = response.headers.get("Content-Type", "")
        if not kind.startswith("text/event-stream"):
            return Check("stream", False, f"is {kind or 'of no type'}: something on the way rewrites it")
        try:
            for _ in response.iter_raw():
                return Check("stream", True, f"first bytes after {clock.monotonic() - started:.2f} s")
        except httpx.ReadTimeout:
            return Check("stream", False, f"nothing in {seconds:.0f} s: does a proxy hold it back?")
    return Check("stream", False, "ended without a byte")
