"""Documents that a schema allows, made from the schema alone: for readers who were written without knowing its producer."""

from typing import Any

from hypothesis import strategies as st

from infra.contracts.compatibility import Document

_ANYTHING = st.sampled_from([None, True, 0, -1.5, "", "word", [], {}, [1, "a", None], {"a": {"b": [None]}}])
UNKNOWN = "zz_of_a_later_release"


def payloads(schema: dict[str, Any], *, unknown: bool = False) -> st.SearchStrategy[Any]:
    """Every field that may be there, there or not. With `unknown`, each object has a field that no reader knows."""
    return _of(schema, Document(schema), unknown)


def _of(schema: dict[str, Any], document: Document, unknown: bool) -> st.SearchStrategy[Any]:
    branches = document.branches(schema)
    return st.one_of([_branch(dict(each), document, unknown) for each in branches])


def _branch(schema: dict[str, Any], document: Document, unknown: bool) -> st.SearchStrategy[Any]:
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "string":
        return _text(schema)
    if kind == "integer":
        return st.integers(schema.get("minimum", -(2**31)), schema.get("maximum", 2**31))
    if kind in {"boolean", "null"}:
        return st.booleans() if kind == "boolean" else st.none()
    if kind == "array":
        most = min(schema.get("maxItems", 3), 3)
        return st.lists(_of(schema.get("items", {}), document, unknown), max_size=most)
    if kind == "object":
        return _object(schema, document, unknown)
    assert kind is None, f"no payloads of type {kind} yet"
    return _ANYTHING


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    assert "pattern" not in schema, "no payloads for patterns yet"
    if schema.get("format") == "date":
        return st.dates().map(lambda day: day.isoformat())
    if schema.get("format") == "date-time":
        return st.datetimes(timezones=st.timezones()).map(lambda instant: instant.astimezone().isoformat())
    most = schema.get("maxLength", 200)
    short = st.text(
        st.characters(exclude_categories=["Cs"]), min_size=schema.get("minLength", 0), max_size=min(most, 8)
    )
    return short | st.just("x" * most)  # the longest that is allowed is what a narrower reader chokes on


def _object(schema: dict[str, Any], document: Document, unknown: bool) -> st.SearchStrategy[dict[str, Any]]:
    required = set(schema.get("required", ()))
    fields = {name: _of(each, document, unknown) for name, each in schema.get("properties", {}).items()}
    made = st.fixed_dictionaries(
        {name: each for name, each in fields.items() if name in required},
        optional={name: each for name, each in fields.items() if name not in required},
    )
    if not fields:
        return st.dictionaries(st.sampled_from(["a", "b"]), _ANYTHING, max_size=2)
    return st.builds(lambda found, more: {**found, UNKNOWN: more}, made, _ANYTHING) if unknown else made
