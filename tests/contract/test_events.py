"""What the services really send is what their schemas promise: every event type, driven through the public APIs."""

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from sqlalchemy import select

from infra.contracts import files
from infra.contracts.schemas import events_of
from services.activities.matching.weights import SHIPPED, document
from services.notifications.domain import Contact, Side
from services.notifications.queries.sight import Shown, Way
from services.partners import orm
from shared.bus.memory import MemoryBus
from shared.bus.port import Outgoing
from shared.clock import FixedClock
from shared.cloudevent import Event, from_structured, to_outgoing, to_structured
from shared.reader import SERVICE
from tests.contract.test_consumers import NOT_SHOWN
from tests.integration.partners.harness import NOW, House, Houses, migrate
from tests.support.activities import CORA, IVAN, NORA, OLA, TARO, WANDA, WORLD_BANK, facts_on, running, training


def message_of(service: str, event: str) -> dict[str, Any]:
    document = json.loads((files.folder_of(service) / "asyncapi.json").read_text())
    return document["components"]["messages"][event]


def faults(service: str, event: Event) -> list[str]:
    """What of an event breaks the committed contract: its data, its headers, or a field that is not declared."""
    folder = files.folder_of(service)
    schema = json.loads((folder / "schemas" / f"{event.name}.v{event.version}.json").read_text())
    checker = Draft202012Validator.FORMAT_CHECKER
    found = [error.message for error in Draft202012Validator(schema, format_checker=checker).iter_errors(event.data)]
    sent: Outgoing = to_outgoing("any", event)
    headers = {name: raw.decode() for name, raw in sent.headers}
    promised = message_of(service, event.name)["headers"]
    found += [error.message for error in jsonschema.Draft7Validator(promised).iter_errors(headers)]
    found += [f"header {name} is not declared" for name in headers.keys() - promised["properties"].keys()]
    try:
        # the models are closed: a field that the schema does not know would be sent unnoticed otherwise
        events_of(service)[event.name].model_validate(dict(event.data))
    except ValueError as error:
        found.append(str(error))
    return found


def assert_as_promised(service: str, sent: Iterable[Event]) -> None:
    events = list(sent)
    assert {event.name for event in events} == set(events_of(service)), "not every event type was driven"
    wrong = [f"{event.name}: {fault}" for event in events for fault in faults(service, event)]
    assert wrong == []


@pytest.fixture
async def activities(tmp_path: Path) -> list[Event]:
    """A year at activities: everything that can happen to plans, alerts, decisions and joint activities."""
    bus = MemoryBus()
    async with running(f"sqlite+aiosqlite:///{tmp_path}/activities.db", bus=bus) as service:
        mine = await service.post(NORA, training())
        theirs = await service.post(IVAN, training(title="Digital forensics course for Sri Lanka"))
        await service.settled()
        third = await service.post(TARO, training())
        await service.settled()
        [alert] = await service.alerts()
        made = (await service.decide(alert["id"], "link", plans=[mine["id"], theirs["id"]])).json()
        more = (await service.decide(alert["id"], "link")).json()
        assert (await service.reverse(more["id"])).status_code == 201
        assert (await service.reverse(made["id"])).status_code == 201
        await service.settled()
        for verb in ("confirm", "complete"):
            mine = await service.act(NORA, mine, verb)
        theirs = await service.act(IVAN, theirs, "postpone")
        third = await service.patch(TARO, third, tlp="RED", named_people=[NORA.id])
        await service.act(TARO, third, "cancel")
        behalf = await service.post(CORA, training(on_behalf_of=WORLD_BANK, start=None, end=None, venues=[]))
        await service.patch(
            WANDA, await service.act(WANDA, behalf, "claim"), description="Claimed, and told at length."
        )
        table = {"document": document(SHIPPED) | {"version": "house-1"}}
        headers = OLA.headers | {"Idempotency-Key": "weights"}
        assert (await service.client.post("/api/v1/weights", json=table, headers=headers)).status_code == 201
        await service.settled()
        return await facts_on(bus)


async def test_activities_sends_what_it_promises(activities: list[Event]) -> None:
    assert_as_promised("activities", activities)


async def test_a_red_plan_tells_its_id_and_label_alone(activities: list[Event]) -> None:
    [relabelled] = [event for event in activities if event.name == "plan.relabelled"]
    assert relabelled.data.keys() == {"id", "version", "facts"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    url, clock = f"sqlite+aiosqlite:///{tmp_path}/partners.db", FixedClock(NOW)
    await migrate(url)
    async with AsyncExitStack() as stack:
        yield await Houses(url, clock, stack, tmp_path)(seed_registry=True)


async def test_partners_sends_what_it_promises(house: House) -> None:
    unodc = await house.call("GET", "/api/v1/organisations/unodc")
    tag = {"if_match": unodc.headers["etag"], "content_type": "application/merge-patch+json"}
    amended = await house.call("PATCH", "/api/v1/organisations/unodc", {"acronym": "UNODC ROMENA"}, **tag)
    assert amended.status_code == 200, amended.text
    person, _ = await house.joined(name="Nora", partners=["unodc"], roles=["focal_point"])
    for verb in ("deactivate", "activate", "erase"):
        answer = await house.call("POST", f"/api/v1/people/{person}:{verb}")
        assert answer.status_code == 200, answer.text
    rotated = await house.call("POST", "/api/v1/signing-keys:rotate")
    assert rotated.status_code == 201, rotated.text
    sent = [event_of(row) for row in await stored(house)]
    assert_as_promised("partners", sent)


async def stored(house: House) -> list[Any]:
    async with house.db.read(SERVICE) as session:
        return list((await session.execute(select(orm.kernel.outbox).order_by(orm.kernel.outbox.c.seq))).all())


def event_of(row: Any) -> Event:
    attributes = {name.removeprefix("ce_"): value for name, value in dict(row.headers).items()}
    return from_structured(attributes | {"data": json.loads(row.value)})


def test_every_kind_of_broken_promise_is_found(activities: list[Event]) -> None:
    [posted, *_] = [event for event in activities if event.name == "plan.posted"]
    assert faults("activities", posted) == []
    missing = {name: value for name, value in posted.data.items() if name != "facts"}
    undeclared = {**posted.data, "posters_name": "Nora"}
    wrong = {**posted.data, "version": "one"}
    day = {**posted.data, "columns": {**posted.data["columns"], "start": "soon"}}
    for data in (missing, undeclared, wrong, day):
        assert faults("activities", replace(posted, data=data)), data
    assert faults("activities", replace(posted, source="/services/partners"))


def streamed(event: Event) -> Draft202012Validator:
    """The stream's message for an event, with references between files followed."""

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(json.loads(Path(uri.removeprefix("file://")).read_text()))

    base = (files.folder_of("notifications") / "asyncapi.json").as_uri()
    schema = message_of("notifications", f"stream.{event.name}")["payload"]["schema"]
    return Draft202012Validator({"$id": base, **schema}, registry=Registry(retrieve=retrieve))


def shown(event: Event) -> Shown:
    sides = tuple(Side(each["plan"], each["version"], each["partner"]) for each in event.data.get("sides", ()))
    # as the projector stores it
    stored = replace(
        event, data={name: value for name, value in event.data.items() if name not in ("facts", "columns")}
    )
    return Shown(
        lane=("activities.v1", 0), offset=0, name=event.name, subject=event.subject, time=event.time, label=event.tlp,
        columns=(), sides=sides, document=json.dumps(to_structured(stored)), event_id=event.id,
        sequence=event.sequence,
    )  # fmt: skip


def test_the_stream_shows_what_it_promises_however_much_a_reader_may_see(activities: list[Event]) -> None:
    for event in activities:
        if event.tlp == "RED" or event.name in NOT_SHOWN:
            continue  # in no stream
        validator, row = streamed(event), shown(event)
        ways = [Way(), Way(people=frozenset()), Way(gone=True)]
        if row.sides:
            every = frozenset(side.plan for side in row.sides)
            some = frozenset(sorted(every)[:1])
            contacts = (Contact("focal_point", partner=row.sides[0].partner), Contact("coordinator"))
            ways = [
                Way(sides=every),
                Way(sides=every, people=frozenset()),
                Way(sides=some, whole=False),
                Way(sides=some, blind=True, whole=False, contacts=contacts),
            ]
        for way in ways:
            seen = row.content(way)
            assert [error.message for error in validator.iter_errors(seen)] == [], (event.name, way)
            assert not validator.is_valid({**seen, "type": "org.convene.plan.eaten.v1"})
            assert not validator.is_valid({**seen, "data": {}})
