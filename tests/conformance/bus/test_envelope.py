"""CloudEvents over the bus, with the official SDK as the oracle: what we write it reads, what it writes we read."""

import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.bus.port import Bus, Outgoing
from shared.cloudevent import Event, event_type, from_delivered, from_structured, to_outgoing, to_structured
from tests.conformance.bus.harness import read_all

FULL = Event(
    id="evt_0192f0c1000070008000000000000001",
    source="/activities",
    type=event_type("plan.posted"),
    subject="plan_0192f0c1000070008000000000000002",
    sequence=7,
    time=datetime(2026, 11, 22, 4, 30, 0, 123456, tzinfo=UTC),
    data={"title": "Formation à l'enquête numérique — 数字取证", "venue": {"country": "SEN"}, "series": [1, 2.5, None]},
    correlationid="evt_0192f0c1000070008000000000000000",
    causationid="evt_0192f0c1000070008000000000000000",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tlp="AMBER+STRICT",
    partner="partner_0192f0c1000070008000000000000003",
    dataschema="/contracts/plan.posted.v1.json",
)
SMALL = Event(
    id="evt_1",
    source="/partners",
    type=event_type("person.erased", 2),
    subject="person_1",
    sequence=1,
    time=datetime(2026, 1, 1, tzinfo=UTC),
)
both = pytest.mark.parametrize("event", [FULL, SMALL], ids=["full", "small"])


def _known_to_the_sdk(event: Event, oracle: object) -> None:
    assert oracle.get_id() == event.id
    assert oracle.get_source() == event.source
    assert oracle.get_type() == event.type
    assert oracle.get_subject() == event.subject
    assert oracle.get_specversion() == "1.0"
    assert oracle.get_time() == event.time
    assert oracle.get_datacontenttype() == "application/json"
    assert oracle.get_dataschema() == event.dataschema
    assert oracle.get_extension("sequence") == str(event.sequence)
    for name in ("correlationid", "causationid", "traceparent", "tlp", "partner"):
        assert oracle.get_extension(name) == getattr(event, name)
    assert oracle.get_data() == dict(event.data)


@both
async def test_an_event_comes_back_and_the_sdk_reads_the_same(bus: Bus, topic: str, event: Event) -> None:
    await bus.publish([to_outgoing(topic, event)])
    reader = bus.consumer(None, [topic])
    await reader.start()
    (record,) = await read_all(reader, 1)
    assert from_delivered(record) == event
    oracle = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
    _known_to_the_sdk(event, oracle)
    assert oracle.get_extension("partitionkey") == event.subject


@both
async def test_what_the_sdk_writes_we_read(bus: Bus, topic: str, event: Event) -> None:
    attributes = {**to_structured(event), "time": event.time}
    data = attributes.pop("data")
    message = to_binary(CloudEvent(attributes, data), JSONFormat(), key_mapper=lambda written: written.get_subject())
    await bus.publish([Outgoing(topic, message.key, message.value, tuple(message.headers.items()))])
    reader = bus.consumer(None, [topic])
    await reader.start()
    (record,) = await read_all(reader, 1)
    assert from_delivered(record) == event


@both
def test_structured_json_is_the_sdks_too(event: Event) -> None:
    written = json.dumps(to_structured(event)).encode()
    oracle = JSONFormat().read(CloudEvent, written)
    _known_to_the_sdk(event, oracle)
    assert from_structured(json.loads(JSONFormat().write(oracle))) == event
