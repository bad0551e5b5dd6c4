"""The committed contracts are what the code says; the documents are what their specifications ask for."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from infra.contracts import files
from infra.contracts.schemas import events_of
from infra.routes import SERVICES, owner_of
from tests.contract.test_consumers import NOT_SHOWN

HERE = Path(__file__).parent
OFFICIAL = jsonschema.Draft7Validator(json.loads((HERE / "data" / "asyncapi-3.0.0.json").read_text()))


def committed(service: str, name: str) -> Any:
    return json.loads((files.folder_of(service) / name).read_text())


def test_what_is_committed_is_what_the_code_says() -> None:
    assert files.drift() == [], "run `make contracts` and look at the difference"


def test_drift_is_found_and_writing_ends_it(tmp_path: Path) -> None:
    files.write(tmp_path)
    assert files.drift(tmp_path) == []
    activities = files.folder_of("activities", tmp_path)
    (activities / "schemas" / "plan.posted.v1.json").unlink()
    (activities / "schemas" / "plan.eaten.v1.json").write_text("{}")
    (activities / "openapi.json").write_text((activities / "openapi.json").read_text().replace("list_plans", "plans"))
    found = files.drift(tmp_path)
    assert [line.split("/")[-1] for line in found] == [
        "openapi.json differs from the code",
        "plan.eaten.v1.json is nobody's any more",
        "plan.posted.v1.json is missing",
    ]
    assert files.write(tmp_path) == found
    assert files.drift(tmp_path) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_has_a_schema_of_its_version(service: str) -> None:
    for event in events_of(service):
        schema = committed(service, f"schemas/{event}.v1.json")
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:convene:event:{event}:v1"
        assert schema["title"] == f"{event} v1"
        assert len(schema["description"]) > 20


@pytest.mark.parametrize("service", SERVICES)
def test_asyncapi_documents_are_valid(service: str) -> None:
    document = committed(service, "asyncapi.json")
    errors = [f"{list(error.absolute_path)}: {error.message[:200]}" for error in OFFICIAL.iter_errors(document)]
    assert errors == []


@pytest.mark.parametrize(
    "fault",
    [
        lambda document: document.pop("info"),
        lambda document: document.update(asyncapi="2.6.0"),
        lambda document: document["operations"]["publish.activities.v1"].update(action="publish"),
        lambda document: document["channels"]["activities.v1"].update(topics=[]),
        lambda document: document["channels"]["activities.v1"]["bindings"]["kafka"].update(partitions="six"),
        lambda document: document["servers"]["kafka"].pop("host"),
    ],
    ids=["no-info", "version", "action", "unknown-field", "binding", "no-host"],
)
def test_the_official_schema_finds_faults(fault: Any) -> None:
    document = copy.deepcopy(committed("activities", "asyncapi.json"))
    fault(document)
    assert not OFFICIAL.is_valid(document)


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for each in node for found in references(each)]
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for each in node.values() for found in references(each)]
    return []


@pytest.mark.parametrize("name", ["asyncapi.json", "openapi.json"])
@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_leads_somewhere(service: str, name: str) -> None:
    folder = files.folder_of(service)
    found = references(committed(service, name))
    assert found
    for reference in set(found):
        path, _, pointer = reference.partition("#")
        target = json.loads((folder / path).resolve().read_text()) if path else committed(service, name)
        for part in pointer.strip("/").split("/") if pointer else ():
            target = target[part.replace("~1", "/").replace("~0", "~")]


def test_asyncapi_says_who_sends_and_who_receives() -> None:
    sends, receives = {}, {}
    for service in SERVICES:
        for name, operation in committed(service, "asyncapi.json")["operations"].items():
            events = {message["$ref"].rpartition("/")[2] for message in operation["messages"]}
            if operation["channel"]["$ref"].endswith("/stream"):
                continue
            (sends if operation["action"] == "send" else receives)[name] = events
    assert sends == {
        "publish.activities.v1": set(events_of("activities")),
        "publish.partners.v1": set(events_of("partners")),
    }
    assert receives["activities.matching"] == {event for event in events_of("activities") if event.startswith("plan.")}
    assert receives["notifications.feed"] == set(events_of("activities")) - NOT_SHOWN
    assert receives["activities.registry"] == receives["notifications.registry"] <= set(events_of("partners"))


def test_the_stream_is_described_with_everything_that_it_shows() -> None:
    document = committed("notifications", "asyncapi.json")
    stream = document["channels"]["stream"]
    assert stream["address"] == "/api/v1/stream"
    assert set(stream["messages"]) == set(events_of("activities")) - NOT_SHOWN


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_is_documented_as_a_problem(service: str) -> None:
    document = committed(service, "openapi.json")
    identities: list[str] = []
    for path, methods in document["paths"].items():
        assert owner_of(path.replace("{", "").replace("}", "")) == service, f"the path table gives {path} to another"
        for method, operation in methods.items():
            where = f"{method} {path}"
            identities.append(operation["operationId"])
            assert {"401", "503", "default"} <= operation["responses"].keys(), where
            for status, answer in operation["responses"].items():
                if status == "default" or status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], f"{where} {status}"
                    [content] = answer["content"].values()
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, f"{where} {status}"
            if method == "patch":
                assert "application/merge-patch+json" in operation["requestBody"]["content"], where
    assert len(identities) == len(set(identities))
    assert "HTTPValidationError" not in document["components"]["schemas"]
