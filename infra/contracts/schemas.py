"""One JSON Schema per event version, from the producers' models.

Source: JSON Schema 2020-12. Schemas are open: whoever reads events ignores what it does not know, so a validator must,
too; that a producer sends nothing undeclared is held against its models, which are closed (tests/contract).
"""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from infra.routes import SERVICES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1
"""Of all events so far. An incompatible change is a new version beside the old one, for as long as anybody reads it."""


def events_of(service: str) -> Mapping[str, type[BaseModel]]:
    """Event name -> model of its data, as the service's `events.py` has them."""
    return importlib.import_module(f"services.{service}.events").EVENTS


def producer_of(event: str) -> str:
    """The service that publishes `plan.posted`. LookupError where nobody does."""
    for service in SERVICES:
        if event in events_of(service):
            return service
    raise LookupError(f"no service publishes {event}")


def file_name(event: str, version: int = VERSION) -> str:
    return f"{event}.v{version}.json"


def schema_of(event: str, model: type[BaseModel], version: int = VERSION) -> dict[str, Any]:
    """The event's data. `$id` is a name, not an address."""
    found = model.model_json_schema(mode="validation")
    _tidy(found)
    found.pop("title", None)
    described = found.pop("description", None) or (inspect.getdoc(model) or "").strip()
    return {
        "$schema": DIALECT,
        "$id": f"urn:convene:event:{event}:v{version}",
        "title": f"{event} v{version}",
        "description": _line(described),
        **found,
    }


def schemas_of(service: str) -> dict[str, dict[str, Any]]:
    """File name -> schema."""
    return {file_name(event): schema_of(event, model) for event, model in events_of(service).items()}


def _tidy(node: Any) -> None:
    """Open content, and no titles made from names: they say nothing and change with every renaming."""
    if isinstance(node, list):
        for each in cast(list[Any], node):
            _tidy(each)
    elif isinstance(node, dict):
        found = cast(dict[str, Any], node)
        if found.get("additionalProperties") is False:
            del found["additionalProperties"]
        if isinstance(found.get("description"), str):
            found["description"] = _line(found["description"])
        for name, each in found.items():
            if name in {"properties", "$defs"}:
                for one in each.values():
                    one.pop("title", None)
                    _tidy(one)
            elif name not in {"default", "enum", "const", "examples"}:
                _tidy(each)


def _line(text: str) -> str:
    return " ".join(text.split())
