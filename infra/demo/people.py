"""The demo's people: who they are, and the file that keeps their keys (mode 0600) so that a second load finds them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COORDINATORS: Mapping[str, dict[str, Any]] = {
    # the first one is who the command line acts as when nobody is named
    "coordinator": {
        "name": "World coordinator (demo)",
        "roles": ["coordinator"],
        "scope": {"regions": ["001"]},
    },
    "coordinator-asia": {
        "name": "Coordinator for South-eastern Asia (demo)",
        "roles": ["coordinator"],
        "scope": {"regions": ["035"]},
    },
}


def focal_point(slug: str, acronym: str) -> dict[str, Any]:
    return {"name": f"Focal point of {acronym} (demo)", "roles": ["focal_point"], "partners": [slug]}


def address(name: str) -> str:
    """An address that can never receive mail (RFC 2606), by which a person is found again."""
    return f"{name}@demo.invalid"


@dataclass
class State:
    """What has been made so far. Saved after every step: a load that was cut off goes on where it stopped."""

    path: Path
    people: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    plans: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, path: Path) -> "State":
        try:
            held = json.loads(path.read_text())
            return cls(path, dict(held["people"]), dict(held["plans"]))
        except (OSError, ValueError, KeyError):
            return cls(path)

    def save(self) -> None:
        content = json.dumps({"people": self.people, "plans": self.plans}, indent=1)
        unfinished = self.path.with_name(self.path.name + ".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        unfinished.replace(self.path)
