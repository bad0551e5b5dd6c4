"""CloudEvents 1.0: the envelope of every fact that leaves a service.

Source: CloudEvents specification 1.0.2, Kafka binding (binary mode: attributes are `ce_` headers, the value is the
data) and JSON format (structured mode, what streams and `/events` show). The official SDK is the oracle in the tests.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from shared.bus.port import MAX_VALUE_BYTES, Delivered, Outgoing, RecordTooLarge

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"
PREFIX = "org.convene."
_TYPE = re.compile(r"^org\.convene\.(?P<name>[a-z_]+\.[a-z_]+)\.v(?P<version>[1-9][0-9]*)$")
_REQUIRED = ("id", "source", "specversion", "type")
_EXTENSIONS = ("correlationid", "causationid", "traceparent", "tlp", "partner")


class MalformedEvent(ValueError):
    """The bytes are not an event of ours. It will not become one by trying again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One immutable fact.

    type           `org.convene.plan.posted.v1`
    subject        id of the aggregate; also the key, hence the unit of order
    sequence       version of the aggregate after this fact: a consumer drops what is not above the last it applied
    data           full state (for plans) or ids and sides (for alerts, matches, decisions); never a person's name
    correlationid  id of the first event of the chain; causationid: id of the event (or command) that led to this one
    tlp, partner   label and owner of the subject, so that a consumer can filter without looking into the data
    """

    id: str
    source: str
    type: str
    subject: str
    sequence: int
    time: datetime
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None
    tlp: str | None = None
    partner: str | None = None
    dataschema: str | None = None

    @property
    def name(self) -> str:
        """`plan.posted`: the type without prefix and version, as streams and filters show it."""
        found = _TYPE.match(self.type)
        return found["name"] if found else self.type

    @property
    def version(self) -> int:
        found = _TYPE.match(self.type)
        return int(found["version"]) if found else 0

    def traced(self, traceparent: str | None) -> "Event":
        return replace(self, traceparent=traceparent)


def event_type(name: str, version: int = 1) -> str:
    """`plan.posted` -> `org.convene.plan.posted.v1`."""
    return f"{PREFIX}{name}.v{version}"


def format_time(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, so that texts sort as instants do."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)


def _attributes(event: Event) -> Iterable[tuple[str, str]]:
    yield "id", event.id
    yield "source", event.source
    yield "specversion", SPECVERSION
    yield "type", event.type
    yield "subject", event.subject
    yield "time", format_time(event.time)
    yield "sequence", str(event.sequence)
    for name in ("dataschema", *_EXTENSIONS):
        value = getattr(event, name)
        if value is not None:
            yield name, value


def encode_data(event: Event) -> bytes:
    return json.dumps(event.data, ensure_ascii=False, separators=(",", ":")).encode()


def to_outgoing(topic: str, event: Event) -> Outgoing:
    """Binary mode. Raises RecordTooLarge where the data exceeds MAX_VALUE_BYTES."""
    value = encode_data(event)
    if len(value) > MAX_VALUE_BYTES:
        raise RecordTooLarge(f"{event.type} {event.subject}: {len(value)} bytes, the limit is {MAX_VALUE_BYTES}")
    headers = [("ce_" + name, text.encode()) for name, text in _attributes(event)]
    return Outgoing(topic, event.subject, value, (("content-type", CONTENT_TYPE.encode()), *headers))


def from_delivered(delivered: Delivered) -> Event:
    """Read binary mode. Raises MalformedEvent naming what is wrong; unknown headers are ignored."""
    try:
        headers = {name: raw.decode() for name, raw in delivered.headers}
        attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
        data: Any = json.loads(delivered.value) if delivered.value else {}
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise MalformedEvent(f"not readable: {error}") from error
    return _build(attributes, data)


def to_structured(event: Event) -> dict[str, Any]:
    """JSON format, as streams, `/events` and webhooks show it. `sequence` is a string, as CloudEvents has it."""
    return dict(_attributes(event)) | {"datacontenttype": CONTENT_TYPE, "data": dict(event.data)}


def from_structured(document: Mapping[str, Any]) -> Event:
    attributes = {name: str(value) for name, value in document.items() if name != "data"}
    return _build(attributes, document.get("data", {}))


def _build(attributes: Mapping[str, str], data: Any) -> Event:
    missing = [name for name in (*_REQUIRED, "subject", "sequence", "time") if not attributes.get(name)]
    if missing:
        raise MalformedEvent(f"missing attribute(s): {', '.join(missing)}")
    if attributes["specversion"] != SPECVERSION:
        raise MalformedEvent(f"specversion {attributes['specversion']!r}, expected {SPECVERSION}")
    if not isinstance(data, dict):
        raise MalformedEvent("data is not a JSON object")
    try:
        sequence, instant = int(attributes["sequence"]), parse_time(attributes["time"])
    except ValueError as error:
        raise MalformedEvent(str(error)) from error
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        subject=attributes["subject"],
        sequence=sequence,
        time=instant,
        data=cast(dict[str, Any], data),
        dataschema=attributes.get("dataschema"),
        **{name: attributes.get(name) for name in _EXTENSIONS},
    )
