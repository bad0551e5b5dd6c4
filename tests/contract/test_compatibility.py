"""A released schema is a promise: what may follow it under the same version, and what may not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.contracts.compatibility import incompatible
from infra.contracts.schemas import events_of, file_name, producer_of, schema_of
from infra.routes import SERVICES

RELEASED = {path.name: json.loads(path.read_text()) for path in (Path(__file__).parent / "released").glob("*.json")}
Change = Callable[[dict[str, Any]], Any]


def present() -> dict[str, dict[str, Any]]:
    return {
        file_name(event): schema_of(event, model) for service in SERVICES for event, model in events_of(service).items()
    }


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_what_is_released_still_holds(name: str) -> None:
    now = present()
    assert name in now, f"{name} is released, but nobody publishes it any more"
    assert incompatible(RELEASED[name], now[name]) == [], "publish a new version beside this one"


def test_something_is_released() -> None:
    assert {producer_of(name.removesuffix(".v1.json")) for name in RELEASED} == {"activities", "partners"}


def _facts(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"]["FactsOut"]


def _in(*path: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def walk(schema: dict[str, Any]) -> dict[str, Any]:
        for part in path:
            schema = schema[part]
        return schema

    return walk


_plan = _in("$defs", "PlanOut", "properties")
_columns = _in("$defs", "ColumnsOut", "properties")

BREAKING: dict[str, Change] = {
    "an optional field is gone": lambda schema: schema["properties"].pop("columns"),
    "a required field is gone": lambda schema: (_facts(schema)["properties"].pop("owner"), _facts(schema)["required"].remove("owner")),
    "a field has another name": lambda schema: _columns(schema).update(kind=_columns(schema).pop("type")),
    "an optional field must be there": lambda schema: schema["required"].append("columns"),
    "a new field must be there": lambda schema: (schema["properties"].update(new={"type": "string"}), schema["required"].append("new")),
    "a required field may be missing": lambda schema: schema["required"].remove("facts"),
    "a value is no longer among those allowed": lambda schema: _facts(schema)["properties"]["label"]["enum"].remove("RED"),
    "a value that readers do not know": lambda schema: _facts(schema)["properties"]["label"]["enum"].append("BLUE"),
    "a list of values where anything was": lambda schema: _plan(schema)["type"].update(enum=["training"]),
    "another type": lambda schema: schema["properties"].update(version={"type": "string"}),
    "a narrower type": lambda schema: _columns(schema).update(mode={"type": "string", "maxLength": 80}),
    "a wider type": lambda schema: _columns(schema).update(type={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "any type at all": lambda schema: schema["properties"].update(version={}),
    "a shorter text": lambda schema: schema["properties"]["id"].update(maxLength=10),
    "a longer text": lambda schema: schema["properties"]["id"].update(maxLength=100),
    "a text without limit": lambda schema: schema["properties"]["id"].pop("maxLength"),
    "a pattern": lambda schema: schema["properties"]["id"].update(pattern="^plan_"),
    "another format": lambda schema: _plan(schema)["created_at"].update(format="date"),
    "a list of something else": lambda schema: _columns(schema)["themes"].update(items={"type": "integer"}),
    "a list instead of one": lambda schema: _columns(schema).update(type={"type": "array", "items": {"type": "string"}}),
    "closed to further fields": lambda schema: schema.update(additionalProperties=False),
    "a keyword that nobody understands": lambda schema: schema["properties"]["id"].update(contentEncoding="base64"),
    "deep inside": lambda schema: _columns(schema)["start"]["anyOf"][0].update(format="date-time"),
}  # fmt: skip

HARMLESS: dict[str, Change] = {
    "nothing": lambda schema: None,
    "a new optional field": lambda schema: schema["properties"].update(new={"type": "string"}),
    "a new optional field inside": lambda schema: _facts(schema)["properties"].update(new={"$ref": "#/$defs/ColumnsOut"}),
    "other words": lambda schema: (schema.update(title="x", description="y"), _plan(schema)["title"].update(description="z")),
    "a definition under another name": lambda schema: (
        schema["$defs"].update(Sight=schema["$defs"].pop("FactsOut")),
        schema["properties"].update(facts={"$ref": "#/$defs/Sight"}),
    ),
    "a definition written out": lambda schema: schema["properties"].update(facts=copy.deepcopy(_facts(schema))),
    "alternatives in another order": lambda schema: _columns(schema)["mode"]["anyOf"].reverse(),
    "two types as a list": lambda schema: _columns(schema).update(mode={"type": ["null", "string"], "maxLength": 80}),
}  # fmt: skip


@pytest.mark.parametrize("change", BREAKING)
def test_breaking_changes_are_refused(change: str) -> None:
    released = RELEASED["plan.posted.v1.json"]
    changed = copy.deepcopy(released)
    BREAKING[change](changed)
    assert incompatible(released, changed)


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_changes_are_not(change: str) -> None:
    released = RELEASED["plan.posted.v1.json"]
    changed = copy.deepcopy(released)
    HARMLESS[change](changed)
    assert incompatible(released, changed) == []


def test_the_refusal_names_the_place_and_whom_it_hurts() -> None:
    released = RELEASED["plan.posted.v1.json"]
    changed = copy.deepcopy(released)
    _facts(changed)["properties"]["label"]["enum"].append("BLUE")
    assert incompatible(released, changed) == [
        '#/facts/label: "BLUE" is not among the values of the other side: readers of the released version cannot take it'
    ]


def test_a_schema_that_contains_itself_is_judged() -> None:
    tree: dict[str, Any] = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
            }
        },
    }
    changed = copy.deepcopy(tree)
    assert incompatible(tree, changed) == []
    changed["$defs"]["Node"]["properties"]["name"]["type"] = "integer"
    assert incompatible(tree, changed)
