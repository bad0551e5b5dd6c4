"""Contracts as files: what there should be, written, or compared with what there is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.contracts.asyncapi import asyncapi_of
from infra.contracts.openapi import openapi_of
from infra.contracts.schemas import schemas_of
from infra.routes import SERVICES

ROOT = Path(__file__).resolve().parents[2]


def rendered(service: str) -> dict[str, str]:
    """Path below the service's `contracts/` -> content. The same code gives the same bytes."""
    return {
        "openapi.json": _text(openapi_of(service)),
        "asyncapi.json": _text(asyncapi_of(service)),
        **{f"schemas/{name}": _text(schema) for name, schema in schemas_of(service).items()},
    }


def folder_of(service: str, root: Path = ROOT) -> Path:
    return root / "services" / service / "contracts"


def drift(root: Path = ROOT) -> list[str]:
    """What is missing, left over or different, a sentence each; nothing where code and files agree."""
    found: list[str] = []
    for service in SERVICES:
        folder = folder_of(service, root)
        wanted = rendered(service)
        there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        for name in sorted(wanted.keys() | there.keys()):
            path = folder.relative_to(root) / name
            if name not in there:
                found.append(f"{path} is missing")
            elif name not in wanted:
                found.append(f"{path} is nobody's any more")
            elif there[name].read_text(encoding="utf-8") != wanted[name]:
                found.append(f"{path} differs from the code")
    return found


def write(root: Path = ROOT) -> list[str]:
    """Make the files what the code says; the changes made."""
    changes = drift(root)
    for service in SERVICES:
        folder = folder_of(service, root)
        wanted = rendered(service)
        for name, content in wanted.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        for path in list(folder.rglob("*")):
            if path.is_file() and str(path.relative_to(folder)) not in wanted:
                path.unlink()
    return changes


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
