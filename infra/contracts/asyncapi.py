"""The events of a service: AsyncAPI 3.0, from its `EVENTS`, its table of subscriptions and the Kafka adapter's settings.

Messages are CloudEvents 1.0 in binary mode: attributes in `ce_` headers, the data alone as the value. The stream shows
the same events in structured mode. Sources: AsyncAPI 3.0.0; its Kafka binding 0.5.0; CloudEvents Kafka binding 1.0.2.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from infra.contracts.openapi import application
from infra.contracts.schemas import DIALECT, events_of, file_name, producer_of
from infra.routes import NOTIFICATIONS, SERVICES
from infra.services import runtime_of
from shared.bus.port import Topic
from shared.cloudevent import CONTENT_TYPE, SPECVERSION, event_type

BINDING = "0.5.0"
FORMAT = "application/schema+json;version=2020-12"
STREAM = "stream"

_TEXT = {"type": "string"}
_OPTIONAL: Mapping[str, str] = {
    "dataschema": "the `$id` of the data's schema",
    "correlationid": "id of the first event of the chain",
    "causationid": "id of the event that led to this one",
    "traceparent": "W3C Trace Context",
    "tlp": "the subject's label, so that a consumer can filter without looking into the data",
    "partner": "the subject's owner",
}


def asyncapi_of(service: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        app = application(service, Path(folder))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in runtime_of(app).publishes:
        own = list(events_of(service))
        channels[topic] = _channel(topic, own, service, service)
        if own:
            operations[f"publish.{topic}"] = _operation("send", topic, own, f"{service} publishes what has happened.")
    for consumer, topic, names in sorted(_consumed(service, app)):
        if topic not in channels:
            channels[topic] = _channel(topic, names, producer_of(names[0]), service)
        operations[consumer] = _operation("receive", topic, names, f"Consumer group `{consumer}`.") | {
            "bindings": {"kafka": {"groupId": {**_TEXT, "const": consumer}, "bindingVersion": BINDING}}
        }
    servers: dict[str, Any] = {
        "kafka": {"host": "{bootstrap}", "protocol": "kafka", "variables": {"bootstrap": {"default": "localhost:9092"}}}
    }
    messages = {event: _message(event) for event in events_of(service)}
    if service == NOTIFICATIONS:
        servers["api"] = {"host": "{host}", "protocol": "https", "variables": {"host": {"default": "localhost:8000"}}}
        _add_stream(channels, operations, messages)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": app.title, "version": app.version, "description": _PROMISE},
        "defaultContentType": CONTENT_TYPE,
        "servers": servers,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


_PROMISE = (
    "Events are facts and carry full state. At least once, in order per subject: drop what has a `sequence` at or below "
    "the last you applied for that subject. Ignore event types and fields that you do not know."
)


def _consumed(service: str, app: FastAPI) -> Iterable[tuple[str, str, list[str]]]:
    """(consumer, topic, event names) of everything the service reads."""
    for consumer, dispatcher in runtime_of(app).dispatchers.items():
        for topic in dispatcher.subscription.topics:
            yield consumer, topic, list(dispatcher.subscription.handlers)
    if service == NOTIFICATIONS:
        # the projector is a loop of its own, not a subscription
        from services.notifications.consumers.feed import TOPICS
        from services.notifications.handlers.feed import CONSUMER

        for topic in TOPICS:
            yield CONSUMER, topic, _shown()


def _shown() -> list[str]:
    """The events that the feed, and with it the stream, shows."""
    from services.notifications.consumed import FAMILIES

    return [event for each in SERVICES for event in events_of(each) if event.partition(".")[0] in FAMILIES]


def _channel(topic: str, events: Iterable[str], producer: str, reader: str) -> dict[str, Any]:
    from shared.bus.kafka.bus import TOPIC_SETTINGS

    settings: dict[str, Any] = {
        name: int(value) if value.lstrip("-").isdigit() else value for name, value in TOPIC_SETTINGS.items()
    }
    where = "#" if producer == reader else f"../../{producer}/contracts/asyncapi.json#"
    return {
        "address": topic,
        "description": f"Facts of {producer}. The key is the subject, so order holds per subject.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {event: {"$ref": f"{where}/components/messages/{event}"} for event in events},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": Topic(topic).partitions,
                "topicConfiguration": settings,
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(action: str, channel: str, events: Iterable[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{event}"} for event in events],
    }


def _message(event: str) -> dict[str, Any]:
    return {
        "name": event_type(event),
        "title": event,
        "contentType": CONTENT_TYPE,
        "headers": _headers(event),
        "payload": {"schemaFormat": FORMAT, "schema": {"$ref": f"./schemas/{file_name(event)}"}},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {
            "kafka": {"key": {**_TEXT, "description": "the subject: the aggregate's id"}, "bindingVersion": BINDING}
        },
    }


def _headers(event: str) -> dict[str, Any]:
    required = {"content-type": {**_TEXT, "const": CONTENT_TYPE}} | {
        f"ce_{name}": schema for name, schema in _attributes(event, producer_of(event)).items()
    }
    optional = {f"ce_{name}": {**_TEXT, "description": said} for name, said in _OPTIONAL.items()}
    return {"type": "object", "required": list(required), "properties": required | optional}


def _attributes(event: str, producer: str) -> dict[str, Any]:
    return {
        "specversion": {**_TEXT, "const": SPECVERSION},
        "id": {**_TEXT, "description": "unique; a repeat has the same"},
        "source": {**_TEXT, "const": f"/services/{producer}"},
        "type": {**_TEXT, "const": event_type(event)},
        "subject": {**_TEXT, "description": "the aggregate's id; also the key"},
        "sequence": {**_TEXT, "pattern": "^[1-9][0-9]*$", "description": "the aggregate's version after this fact"},
        "time": {**_TEXT, "format": "date-time"},
    }


def _add_stream(channels: dict[str, Any], operations: dict[str, Any], messages: dict[str, Any]) -> None:
    """`GET /api/v1/stream`: server-sent events, each a structured CloudEvent, as far as the reader may see it."""
    shown = _shown()
    for event in shown:
        messages[f"{STREAM}.{event}"] = _streamed(event)
    channels[STREAM] = {
        "address": "/api/v1/stream",
        "title": "The event stream",
        "description": "Server-sent events. `id:` is a position, for this reader alone: send the last one as "
        "`Last-Event-ID` to go on after it. `event:` is the event's name, `data:` the CloudEvent on one line. Comment "
        "lines are heartbeats. A position whose history is gone is a 410. Sides and plans that the reader may not see "
        "are left out. With the event that takes a plan or an alert out of the reader's sight, `data` is its id, its version "
        "and `gone: true`, once: drop what you hold of it.",
        "servers": [{"$ref": "#/servers/api"}],
        "messages": {event: {"$ref": f"#/components/messages/{STREAM}.{event}"} for event in shown},
    }
    operations[STREAM] = _operation("send", STREAM, shown, "Follow events as they happen.") | {
        "bindings": {"http": {"method": "GET", "bindingVersion": "0.3.0"}}
    }


def _streamed(event: str) -> dict[str, Any]:
    producer = producer_of(event)
    attributes = _attributes(event, producer) | {"datacontenttype": {**_TEXT, "const": CONTENT_TYPE}}
    data: dict[str, Any] = {"$ref": f"../../{producer}/contracts/schemas/{file_name(event)}"}
    # readers without full sight get less: no facts and no person's id, or no hidden side, or only that something overlaps
    data = {"anyOf": [data, _PLAN, _GONE] if event.startswith("plan.") else [data, _PARTLY, _BLIND, _GONE]}
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "type": "object",
        "required": [*attributes, "data"],
        "properties": {
            **attributes,
            **{name: {**_TEXT, "description": said} for name, said in _OPTIONAL.items()},
            "data": data,
        },
    }
    return {
        "name": event,
        "title": f"{event}, on the stream",
        "contentType": "text/event-stream",
        "payload": {"schemaFormat": FORMAT, "schema": schema},
    }


_SIDES: Mapping[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["plan", "version", "partner"],
        "properties": {"plan": _TEXT, "version": {"type": "integer"}, "partner": {"type": ["string", "null"]}},
    },
}
_PLAN: Mapping[str, Any] = {
    "description": "the plan; ids of people are there for its owner, coordinators in scope and administrators alone",
    "type": "object",
    "required": ["id", "version", "plan"],
    "properties": {
        "id": _TEXT,
        "version": {"type": "integer"},
        "plan": {"type": "object", "required": ["id", "version", "owner", "title", "type", "status", "tlp"]},
    },
}
_PARTLY: Mapping[str, Any] = {
    "description": "some sides are hidden, and with them all that was derived from them",
    "type": "object",
    "required": ["id", "version", "sides"],
    "properties": {"id": _TEXT, "version": {"type": "integer"}, "sides": _SIDES},
}
_BLIND: Mapping[str, Any] = {
    "description": "a plan of yours overlaps with something that you may not see; `contacts` says whom to call",
    "type": "object",
    "required": ["id", "blind", "sides", "contacts"],
    "properties": {
        "id": _TEXT,
        "alert": _TEXT,
        "blind": {"const": True},
        "sides": _SIDES,
        "contacts": {
            "type": "array",
            "items": {"type": "object", "required": ["kind"], "properties": {"kind": _TEXT, "partner": _TEXT}},
        },
    },
}
_GONE: Mapping[str, Any] = {
    "description": "the plan or alert was seen until now, and is not for this reader any more: drop it",
    "type": "object",
    "required": ["id", "version", "gone"],
    "properties": {"id": _TEXT, "version": {"type": "integer"}, "gone": {"const": True}},
    "additionalProperties": False,
}
