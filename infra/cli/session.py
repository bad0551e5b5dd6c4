"""Which server a command talks to, and with whose key.

In this order: `CONVENE_URL` and `CONVENE_KEY`; what `convene login` stored; a `convene up` or `convene stack` that runs
on this machine, whose data folder holds the keys (`admin.key`, and `demo-keys.json` for a demo).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.output import USAGE, Failure

if TYPE_CHECKING:
    from convene import Convene

DEFAULT_URL = "http://127.0.0.1:8000"
SERVING, DEMO_KEYS, ADMIN_KEY = "serving.json", "demo-keys.json", "admin.key"

As = Annotated[
    str | None,
    typer.Option("--as", help="Act as this person of the demo (`unodc`, `coordinator`, `admin`).", envvar="CONVENE_AS"),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A server and a key; `source` says in words where they came from."""

    url: str
    key: str | None
    source: str
    data: Path | None = None


def login_file() -> Path:
    root = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(root) / "convene" / "login.json"


def target(who: str | None = None, *, admin: bool = False) -> Target:
    """Where to go. `admin`: prefer the administrator's key where the machine's own data folder has several.

    A key that was found by itself is only ever used with the server that it belongs to.
    """
    url, key = os.environ.get("CONVENE_URL"), os.environ.get("CONVENE_KEY")
    folder = running_folder()
    local = _of_folder(folder, who, admin) if folder else None
    if who:
        if local is None or (url and url != local.url):
            raise Failure("--as is for the demo: no `convene up --demo` runs here (see CONVENE_DATA)", USAGE)
        return local
    stored = _read(login_file())
    login = Target(str(stored["url"]), stored.get("key"), str(login_file())) if stored else None
    known = [each for each in (login, local) if each is not None]
    if url:
        found = next((each.key for each in known if each.url == url), None)
        return Target(url, key or found, "environment", folder)
    chosen = known[0] if known else Target(DEFAULT_URL, None, "default")
    return Target(chosen.url, key, "environment", chosen.data) if key else chosen


def _of_folder(folder: Path, who: str | None, admin: bool) -> Target:
    serving = _read(folder / SERVING) or {}
    url = str(serving.get("url", DEFAULT_URL))
    keys = demo_keys(folder)
    if who and who != "admin":
        if who not in keys:
            known = ", ".join(["admin", *keys])
            raise Failure(f"--as {who}: nobody of that name in {folder / DEMO_KEYS}; known: {known}", USAGE)
        return Target(url, keys[who], f"{folder / DEMO_KEYS} ({who})", folder)
    # an administrator runs the installation and sees no plan: in a demo, people start as its coordinator
    if keys and not admin and who is None:
        first = next(iter(keys))
        return Target(url, keys[first], f"{folder / DEMO_KEYS} ({first})", folder)
    path = folder / ADMIN_KEY
    try:
        return Target(url, path.read_text().strip(), str(path), folder)
    except OSError:
        return Target(url, None, f"{folder} (its {ADMIN_KEY} cannot be read)", folder)


def demo_keys(folder: Path) -> dict[str, str]:
    """name -> key of the demo's people, the coordinator first; empty without a demo."""
    found = _read(folder / DEMO_KEYS) or {}
    return {name: str(each["key"]) for name, each in found.get("people", {}).items()}


def running_folder() -> Path | None:
    """The data folder of a Convene that runs here: CONVENE_DATA, else ./var and the folders in it."""
    given = os.environ.get("CONVENE_DATA")
    candidates = [Path(given)] if given else [Path("var"), *sorted(Path("var").glob("*"))]
    for folder in candidates:
        serving = _read(folder / SERVING)
        if serving and _alive(int(serving.get("pid", 0))):
            return folder
    return candidates[0] if given and (candidates[0] / ADMIN_KEY).exists() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid > 0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@contextmanager
def connected(who: str | None = None, *, admin: bool = False) -> Iterator["Convene"]:
    """A client for the command's server."""
    from convene import Convene

    where = target(who, admin=admin)
    with Convene(where.url, where.key, tries=3, headers={"User-Agent": "convene-cli/1"}) as client:
        yield client
