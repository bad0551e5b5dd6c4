"""What the consumers read is held against what the producers promise: every document of the schema, and later ones."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from infra.contracts.schemas import events_of, producer_of, schema_of
from services.activities.consumed import PlanChanged
from services.notifications import consumed as notifications
from shared import registry
from shared.cloudevent import Event, MalformedEvent, event_type
from tests.contract.payloads import payloads

Reader = Callable[[Event], Any]


NOT_SHOWN = {"weights.installed"}
"""For those who run the installation: on the topic, on nobody's stream."""


def _readers() -> dict[str, tuple[str, Reader]]:
    """Test id -> event name, and how a consumer reads its data; one event for each of the producer's models."""
    found: dict[str, tuple[str, Reader]] = {}
    models: set[tuple[str, type[BaseModel]]] = set()

    def add(consumer: str, event: str, read: Reader) -> None:
        model = events_of(producer_of(event))[event]
        if (consumer, model) not in models:
            models.add((consumer, model))
            found[f"{consumer}-{event}"] = event, read

    for event, (_, model) in registry._MODELS.items():
        add("registry", event, lambda one, model=model: model.model_validate(one.data))
    ways = {"plan": notifications.plan_in, "alert": notifications.alert_in}
    for event in sorted(events_of("activities").keys() - NOT_SHOWN):
        family = event.partition(".")[0]
        assert family in notifications.FAMILIES, f"{event} would not be shown on the stream"
        add("notifications", event, ways.get(family, notifications.sides_in))
        if family == "plan":
            add("activities", event, lambda one: PlanChanged.model_validate(one.data))
    return found


READERS = _readers()
CHECKED = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # payloads are small as they come; shrinking them takes longer than all the rest
)


def _event(name: str, data: dict[str, Any]) -> Event:
    return Event(
        id="evt_1", source=f"/services/{producer_of(name)}", type=event_type(name), subject=data["id"],
        sequence=1, time=datetime(2027, 1, 1, tzinfo=UTC), data=data,
    )  # fmt: skip


@pytest.mark.parametrize("unknown", [False, True], ids=["as-promised", "with-fields-of-a-later-release"])
@pytest.mark.parametrize("reader", READERS)
def test_consumers_take_whatever_the_schema_allows(reader: str, unknown: bool) -> None:
    name, read = READERS[reader]
    schema = schema_of(name, events_of(producer_of(name))[name])

    @CHECKED
    @given(payloads(schema, unknown=unknown))
    def holds(data: dict[str, Any]) -> None:
        read(_event(name, data))

    holds()


def _refuses(schema: dict[str, Any], read: Callable[[Event], Any]) -> bool:
    @CHECKED
    @given(payloads(schema))
    def holds(data: dict[str, Any]) -> None:
        read(_event("plan.posted", data))

    try:
        holds()
    except (ValidationError, MalformedEvent, BaseExceptionGroup, KeyError):
        return True
    return False


@pytest.mark.parametrize(
    "fault",
    [
        lambda schema: schema["$defs"]["FactsOut"]["properties"].update(owner={"type": "integer"}),
        lambda schema: schema["$defs"]["FactsOut"]["properties"].update(label={"type": "string"}),
        lambda schema: schema["required"].remove("facts"),
        lambda schema: schema["$defs"]["ColumnsOut"]["properties"].update(start={"type": "string"}),
        lambda schema: schema["properties"].update(id={"type": "string", "minLength": 1, "maxLength": 200}),
    ],
    ids=["another-type", "open-values", "may-be-missing", "another-format", "longer"],
)
def test_a_producer_that_promises_less_is_found(fault: Callable[[dict[str, Any]], Any]) -> None:
    schema = schema_of("plan.posted", events_of("activities")["plan.posted"])
    assert not _refuses(schema, notifications.plan_in)
    fault(schema)
    assert _refuses(schema, notifications.plan_in)


@given(st.data())
@CHECKED
def test_a_reader_that_forbids_what_it_does_not_know_is_found(data: st.DataObject) -> None:
    schema = schema_of("plan.posted", events_of("activities")["plan.posted"])
    document = data.draw(payloads(schema, unknown=True))
    with pytest.raises(ValidationError):
        events_of("activities")["plan.posted"].model_validate(document)
