"""Whether a schema may take the place of a released one under the same version.

The log is kept for ever, so both ways count: readers built for the released schema meet new events, and new readers
meet old events in a replay. Allowed are new optional fields and words for people; everything else is a new version.

Understood is what Pydantic writes. A difference in a keyword that is not understood is refused, never waved through.
Sources: Confluent's and Karapace's rules for FULL compatibility of JSON Schema, with an open content model.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_WORDS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default", "deprecated"})
_HANDLED = frozenset({"$ref", "anyOf", "oneOf", "type", "enum", "const", "properties", "required", "items"})
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def incompatible(released: Schema, present: Schema) -> list[str]:
    """What forbids `present` in place of `released`, a sentence each; empty where it may take its place."""
    found: list[str] = []
    found += [f"{where}: {what}" for where, what in _removed(released, present)]
    old, new = Document(released), Document(present)
    for reader, writer, who in (
        (old, new, "readers of the released version cannot take it"),
        (new, old, "events that are in the log would not be valid any more"),
    ):
        for where, what in _Reading(reader, writer).check():
            said = f"{where}: {what}: {who}"
            if said not in found:
                found.append(said)
    return found


_APPLY: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
}


class Document:
    """A schema document with its definitions."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            node: Any = self.document
            for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")] if part else node
            schema = {**cast(Schema, node), **{name: value for name, value in schema.items() if name != "$ref"}}
        return schema

    def branches(self, schema: Schema) -> list[Schema]:
        """The alternatives that a schema allows, each with one type (or none, which means any)."""
        schema = self.resolve(schema)
        rest = {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return [branch for each in schema[union] for branch in self.branches({**rest, **self.resolve(each)})]
        if isinstance(rest.get("type"), list):
            return [_applying(rest, one) for one in rest["type"]]
        return [rest]


class _Reading:
    """Whether everything that `writer` may write is something that `reader` takes."""

    def __init__(self, reader: Document, writer: Document) -> None:
        self._reader, self._writer = reader, writer
        self._open: set[str] = set()

    def check(self) -> Iterator[tuple[str, str]]:
        return self._any(self._reader.document, self._writer.document, "#")

    def _any(self, reader: Schema, writer: Schema, where: str) -> Iterator[tuple[str, str]]:
        """Each alternative of the writer must fit one of the reader's."""
        pair = json.dumps([reader, writer], sort_keys=True)
        if pair in self._open:  # a schema that contains itself
            return
        self._open.add(pair)
        taken = self._reader.branches(reader)
        for written in self._writer.branches(writer):
            tried = [list(self._one(each, written, where)) for each in _of_type(taken, written)]
            if not tried:
                yield where, f"{_shown(written)} may stand here, which is not among {_all_shown(taken)}"
            elif all(tried):
                yield from min(tried, key=len)
        self._open.discard(pair)

    def _one(self, reader: Schema, writer: Schema, where: str) -> Iterator[tuple[str, str]]:
        yield from _values(reader, writer, where)
        yield from _bounds(reader, writer, where)
        for name in sorted((reader.keys() | writer.keys()) - _WORDS - _HANDLED - {*_LEAST, *_MOST}):
            if name == "additionalProperties" and reader.get(name, True) is True:
                continue
            if name not in reader and name in {"pattern", "format", "uniqueItems", "additionalProperties"}:
                continue
            if reader.get(name) != writer.get(name):
                yield where, f"`{name}` is {json.dumps(writer.get(name))} instead of {json.dumps(reader.get(name))}"
        for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
            yield f"{where}/{name}", "is required by one side and may be missing on the other"
        written: Schema = writer.get("properties", {})
        for name, schema in reader.get("properties", {}).items():
            if name in written:
                yield from self._any(schema, written[name], f"{where}/{name}")
        if "items" in reader:
            yield from self._any(reader["items"], writer.get("items", {}), f"{where}/[]")


def _applying(schema: Schema, kind: str) -> Schema:
    """What is left of a schema with several types for one of them."""
    others = {name for each, names in _APPLY.items() if each != kind for name in names}
    return {name: value for name, value in schema.items() if name not in others} | {"type": kind}


def _of_type(taken: list[Schema], written: Schema) -> list[Schema]:
    kind = written.get("type")
    wider = {"integer": ("integer", "number")}.get(str(kind), (kind,))
    return [each for each in taken if "type" not in each or each["type"] in wider]


def _values(reader: Schema, writer: Schema, where: str) -> Iterator[tuple[str, str]]:
    taken, written = _listed(reader), _listed(writer)
    if taken is None:
        return
    if written is None:
        yield where, "any value may stand here, where one of a list is expected"
        return
    for value in written:
        if value not in taken:
            yield where, f"{json.dumps(value)} is not among the values of the other side"


def _listed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(reader: Schema, writer: Schema, where: str) -> Iterator[tuple[str, str]]:
    for names, within in ((_LEAST, lambda a, b: a >= b), (_MOST, lambda a, b: a <= b)):
        for name in names:
            if name in reader and not (name in writer and within(writer[name], reader[name])):
                yield where, f"`{name}` is {writer.get(name, 'open')}, the other side says {reader[name]}"


def _removed(released: Schema, present: Schema) -> Iterator[tuple[str, str]]:
    """Fields that are gone: formally fine where they were optional, but somebody reads them."""
    before, now = _fields(Document(released)), _fields(Document(present))
    for name in sorted(before - now):
        yield name, "the field is gone"


def _fields(side: Document) -> set[str]:
    found: set[str] = set()

    def walk(schema: Schema, where: str, depth: int) -> None:
        for branch in side.branches(schema) if depth else ():
            for name, each in branch.get("properties", {}).items():
                found.add(f"{where}/{name}")
                walk(each, f"{where}/{name}", depth - 1)
            if "items" in branch:
                walk(branch["items"], f"{where}/[]", depth - 1)

    walk(side.document, "#", 12)
    return found


def _shown(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _all_shown(schemas: list[Schema]) -> str:
    return ", ".join(_shown(each) for each in schemas) or "nothing"
