"""docker-compose.yml and the Dockerfile say what the native stack says: both come from the same tables."""

import copy
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.settings import DashboardSettings
from infra.environment import COMPOSE_PROXIES, REPLICAS, SECRETS, compose_gateway, environment_of, owner_environment
from infra.native.postgres import _binaries
from infra.native.settings import (
    KAFKA_JVM_OPTIONS,
    KAFKA_VERSION,
    POSTGRES_VERSION,
    kafka_environment,
    kafka_settings,
    postgres_settings,
)
from infra.readiness import PREFIX
from infra.routes import DASHBOARD, SERVICES
from infra.services import settings_of

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line and line[0] != "#"
)
OF_THE_PLACE = {
    "KAFKA_NODE_ID",
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_LOG_DIRS",
    "KAFKA_HEAP_OPTS",
}
GIVEN = re.compile(r"\$\{(\w+):\?[^}]+\}")
"""A variable without which compose refuses to start."""
ROLES = "./infra/compose/roles.sh:/docker-entrypoint-initdb.d/roles.sh:ro"
SECRET = re.compile(r"KEY|PASSWORD|SECRET|TOKEN")


def given(name: str) -> str:
    return f"${{{name}:?see .env.example}}"


def database_url(service: str) -> str:
    return f"postgresql+asyncpg://convene:{given(service.upper() + '_DATABASE_PASSWORD')}@postgres-{service}:5432/{service}"


def owner_url(service: str) -> str:
    password = given(service.upper() + "_DATABASE_OWNER_PASSWORD")
    return f"postgresql+asyncpg://owner:{password}@postgres-{service}:5432/{service}"


def differences(compose: Mapping[str, Any]) -> Iterator[str]:
    """What of a compose file is not as the tables have it."""
    services = compose["services"]
    told = {name: str(value) for name, value in services["kafka"]["environment"].items() if name not in OF_THE_PLACE}
    if told != kafka_environment(kafka_settings(1)):
        yield f"kafka: {sorted(set(told.items()) ^ set(kafka_environment(kafka_settings(1)).items()))}"
    if services["kafka"]["environment"]["KAFKA_HEAP_OPTS"].split() != [
        each for each in KAFKA_JVM_OPTIONS if each.startswith("-Xm")
    ]:
        yield "kafka: the heap"
    images = {"kafka": f"apache/kafka:{KAFKA_VERSION}"}
    for service in SERVICES:
        database = services[f"postgres-{service}"]
        images[f"postgres-{service}"] = f"postgres:{POSTGRES_VERSION}"
        command = [f"-c{name}={value}" for name, value in postgres_settings().items()]
        if database["command"] != ["postgres", *command]:
            yield f"postgres-{service}: its settings"
        if database["environment"] != {
            "POSTGRES_USER": "owner",
            "POSTGRES_DB": service,
            "POSTGRES_PASSWORD": given(service.upper() + "_DATABASE_OWNER_PASSWORD"),
            "CONVENE_PASSWORD": given(service.upper() + "_DATABASE_PASSWORD"),
        }:
            yield f"postgres-{service}: its environment"
        if ROLES not in database["volumes"]:
            yield f"postgres-{service}: nobody makes the role that the service runs as"
    for name, image in images.items():
        if services[name]["image"] != image:
            yield f"{name}: {services[name]['image']} instead of {image}"
    for process, replicas in REPLICAS.items():
        found = services[process]
        if found["deploy"]["replicas"] != replicas:
            yield f"{process}: replicas"
        if replicas > 1 and (found.get("ports") or found.get("container_name")):
            yield f"{process}: replicas cannot share a port or a name"
        expected = environment_of(
            process,
            database_url=database_url,
            bus_url="kafka://kafka:9092",
            api_url="http://gateway:8000",
            secrets={name: given(name) for names in SECRETS.values() for name in names},
            upstreams={service: f"http://{service}:8000" for service in SERVICES},
            proxies=COMPOSE_PROXIES,
        ) | ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"} if process in SERVICES else {})
        if found["environment"] != expected:
            yield f"{process}: {sorted(set(found['environment'].items()) ^ set(expected.items()))}"
        if found["command"] != ["serve", process, "--host", "0.0.0.0"]:
            yield f"{process}: its command"
    for service in SERVICES:
        job = services[f"migrate-{service}"]
        asked = services[service]["environment"] | owner_environment(service, owner_url(service))
        if job["command"] != ["migrate", service] or job["environment"] != asked:
            yield f"migrate-{service}: another command or other settings than its service"
        if job["depends_on"] != {f"postgres-{service}": {"condition": "service_healthy"}}:
            yield f"migrate-{service}: does not wait for its database"
        if services[service]["depends_on"].get(f"migrate-{service}") != {"condition": "service_completed_successfully"}:
            yield f"{service}: does not wait for its migration"
    yield from literals(compose)


def literals(node: Any, name: str = "") -> Iterator[str]:
    """Secrets that are written down instead of given."""
    if isinstance(node, dict):
        for each, value in node.items():
            yield from literals(value, str(each))
    elif isinstance(node, list):
        for each in node:
            yield from literals(each, name)
    elif isinstance(node, str):
        password = re.search(r"://[^:/@]*:([^@]+)@", node)
        secret = password[1] if password else node if SECRET.search(name) and name.isupper() else None
        if secret is not None and not GIVEN.fullmatch(secret):
            yield f"{name}: a secret is written down"


def test_compose_says_what_the_native_stack_says() -> None:
    assert list(differences(COMPOSE)) == []


@pytest.mark.parametrize(
    "fault",
    [
        lambda services: services["kafka"]["environment"].pop("KAFKA_LOG_RETENTION_MS"),
        lambda services: services["kafka"]["environment"].update(KAFKA_AUTO_CREATE_TOPICS_ENABLE="true"),
        lambda services: services["kafka"]["environment"].update(KAFKA_HEAP_OPTS="-Xmx1m"),
        lambda services: services["kafka"].update(image="apache/kafka:latest"),
        lambda services: services["postgres-partners"].update(image="postgres:16"),
        lambda services: services["postgres-partners"]["command"].pop(),
        lambda services: services["postgres-partners"]["environment"].update(POSTGRES_PASSWORD="convene"),
        lambda services: services["activities"]["deploy"].update(replicas=1),
        lambda services: services["notifications"].update(ports=["8000:8000"]),
        lambda services: services["activities"]["environment"].update(BUS_URL="memory://"),
        lambda services: services["activities"]["environment"].pop("TRUSTED_PROXIES"),
        lambda services: services["notifications"]["environment"].pop("NOTIFICATIONS_CURSOR_KEY"),
        lambda services: services["partners"]["environment"].update(PARTNERS_BOOTSTRAP_KEY="cvn_" + "x" * 43),
        lambda services: services["dashboard"]["environment"].pop("CONVENE_UPSTREAM_PARTNERS"),
        lambda services: services["migrate-activities"].update(command=["migrate", "partners"]),
        lambda services: services["migrate-activities"]["environment"].pop("ACTIVITIES_DATABASE_OWNER_URL"),
        lambda services: services["activities"]["environment"].update(ACTIVITIES_DATABASE_OWNER_URL=owner_url("activities")),
        lambda services: services["postgres-partners"]["volumes"].pop(),
        lambda services: services["activities"].update(depends_on={}),
        lambda services: services["mail"].update(environment={"UI_PASSWORD": "convene"}),
        lambda services: services["mail"].update(environment=["URL=smtp://convene:convene@mail:1025"]),
    ],
)  # fmt: skip
def test_a_difference_is_found(fault: Callable[[dict[str, Any]], Any]) -> None:
    changed = copy.deepcopy(COMPOSE)
    fault(changed["services"])
    assert list(differences(changed))


def test_every_process_starts_with_what_compose_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings ignore names that they do not know, so a misspelt one would only be missed at run time."""
    for process in REPLICAS:
        environment = {
            name: GIVEN.sub(lambda found: _sample(found[1]), value)
            for name, value in COMPOSE["services"][process]["environment"].items()
        }
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            settings = DashboardSettings() if process == DASHBOARD else settings_of(process)  # pyright: ignore[reportCallIssue]
        known: set[str] = set()
        for name, field in type(settings).model_fields.items():
            known.add(f"{process}_{name}".upper())
            known |= {str(each) for each in getattr(field.validation_alias, "choices", ())}
        if process == DASHBOARD:
            known.add("CONVENE_LOG_FORMAT")  # read where it is served, for it has no settings of a service
            known |= {f"{PREFIX}{service.upper()}" for service in SERVICES}  # whose health it tells, read there, too
        assert environment.keys() <= known, process


def _sample(name: str) -> str:
    return "cvn_" + "x" * 43 if name == "PARTNERS_BOOTSTRAP_KEY" else "A" * 43


def test_every_secret_is_asked_for_in_the_example_and_none_is_given_there() -> None:
    asked = set(GIVEN.findall((ROOT / "docker-compose.yml").read_text()))
    assert asked == EXAMPLE.keys()
    assert asked >= {name for names in SECRETS.values() for name in names}
    assert set(EXAMPLE.values()) == {""}
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_native_server_is_the_one_that_the_image_is() -> None:
    said = subprocess.run([_binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert said.split()[2] == POSTGRES_VERSION


def test_the_gateway_is_generated_from_the_path_table() -> None:
    text = (ROOT / "infra" / "compose" / "nginx.conf").read_text()
    assert text == compose_gateway(), "run `make contracts`"
    for process in REPLICAS:
        assert f"server {process}:8000 resolve;" in text
    stream = text.split("location ~ ^/api/v1/stream(")[1].split("}")[0]
    for directive in ("proxy_buffering off;", "gzip off;", "proxy_read_timeout 1h;"):
        assert directive in stream
    assert "gzip on" not in text
    version = tuple(map(int, COMPOSE["services"]["gateway"]["image"].removeprefix("nginx:").split(".")[:2]))
    assert version >= (1, 28), "names are looked up again from 1.27.3 on"


def test_images_are_pinned_and_mounted_files_exist() -> None:
    for name, service in COMPOSE["services"].items():
        assert re.fullmatch(r"[\w./-]+:(v?\d[\w.-]*|\$\{CONVENE_TAG:-local\})", service["image"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), volume
            else:
                assert source in COMPOSE["volumes"], volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: open to the world"


def test_the_collector_takes_what_the_services_send() -> None:
    config = yaml.safe_load((ROOT / "infra" / "compose" / "otel.yaml").read_text())
    assert config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
    [pipeline] = config["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) <= config[part].keys()


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def test_the_dockerfile_copies_what_is_there_and_all_that_is_packed() -> None:
    copied = [
        source
        for name, rest in _instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    for source in copied:
        assert (ROOT / source).exists(), source
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    assert {each.split("/")[0] for each in packed} <= set(copied)
    allowed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {source.split("/")[0] for source in copied} == allowed


def test_the_image_is_built_from_hashes_runs_as_nobody_and_is_asked_how_it_is() -> None:
    found = _instructions()
    for name, rest in found:
        if name == "RUN":
            for command in rest.split("&&"):
                if "pip install" in command and ".whl" not in command:
                    assert "--require-hashes -r requirements/" in command
    runs = [rest for name, rest in found if name == "USER"]
    assert runs
    assert runs[-1] not in {"root", "0"}
    last_stage = [name for name, _ in found][[name for name, _ in found].index("FROM", 2) :]
    assert {"HEALTHCHECK", "USER", "ENTRYPOINT"} <= set(last_stage)
    for lock in ("run.lock", "build.lock"):
        assert "--hash=sha256:" in (ROOT / "requirements" / lock).read_text()
