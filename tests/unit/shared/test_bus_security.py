"""Settings of the bus's security reach Kafka's clients, all three kinds; what does not go together is refused at start."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.cli.output import Failure
from infra.services import settings_of
from infra.serving import migrate_one
from shared.bus.factory import make_bus
from shared.bus.kafka import bus as kafka
from shared.bus.kafka import clients

PASSWORD = "canary-7391"
SASL = {"BUS_SECURITY_PROTOCOL": "SASL_SSL", "BUS_SASL_USERNAME": "convene"}


def given(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Any:
    monkeypatch.setenv("ACTIVITIES_DATABASE_URL", "sqlite+aiosqlite:///x.db")
    for name, value in {"BUS_URL": "kafka://one:9093,two:9093", **environment}.items():
        monkeypatch.setenv(name, value)
    return settings_of("activities")


def told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each kind of client is made with, by the bus that a service makes of its settings."""
    found: list[dict[str, Any]] = []

    def client(**arguments: Any) -> None:
        found.append(arguments)

    for name in ("AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient"):
        monkeypatch.setattr(clients, name, client)
    bus = make_bus(settings.bus_url, client_id="activities", security=settings.bus_security)
    assert isinstance(bus, kafka.KafkaBus)
    consumer = bus.consumer("activities.matching", ["activities.v1"])
    clients.make_producer("one:9093", "activities", bus._producer._options)  # pyright: ignore[reportPrivateUsage]
    clients.make_consumer("one:9093", "activities", None, consumer._options)  # pyright: ignore[reportPrivateUsage]
    clients.make_admin("one:9093", "activities", bus._options)  # pyright: ignore[reportPrivateUsage]
    return found


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_user_and_password_reach_every_client(monkeypatch: pytest.MonkeyPatch, mechanism: str) -> None:
    settings = given(monkeypatch, **SASL, BUS_SASL_PASSWORD=PASSWORD, BUS_SASL_MECHANISM=mechanism)
    made = told(settings, monkeypatch)
    assert len(made) == 3
    for arguments in made:
        assert arguments["security_protocol"] == "SASL_SSL"
        assert arguments["sasl_mechanism"] == mechanism
        assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("convene", PASSWORD)
        context = arguments["ssl_context"]
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert PASSWORD not in repr(settings) + repr(settings.bus_security) + repr(
        clients.KafkaOptions(security=settings.bus_security)
    )


def test_a_password_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    for arguments in told(given(monkeypatch, **SASL, BUS_SASL_PASSWORD_FILE=str(secret)), monkeypatch):
        assert arguments["sasl_plain_password"] == PASSWORD


def test_brokers_are_held_to_the_given_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Path] = []
    authority = tmp_path / "ca.pem"
    authority.write_text("PEM")

    def context(*, cafile: Path) -> str:
        asked.append(cafile)
        return "context"

    monkeypatch.setattr(ssl, "create_default_context", context)
    settings = given(monkeypatch, BUS_SECURITY_PROTOCOL="SSL", BUS_CA_FILE=str(authority))
    made = told(settings, monkeypatch)
    assert {each["ssl_context"] for each in made} == {"context"}
    assert set(asked) == {authority}
    assert not any("sasl_plain_password" in each for each in made)


def test_without_settings_nothing_is_encrypted_and_nobody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in told(given(monkeypatch), monkeypatch):
        assert arguments["security_protocol"] == "PLAINTEXT"
        assert not [name for name in arguments if name.startswith(("ssl_", "sasl_"))]


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"BUS_SECURITY_PROTOCOL": "TLS"}, "bus_security_protocol"),
        ({**SASL, "BUS_SASL_PASSWORD": PASSWORD, "BUS_SASL_MECHANISM": "GSSAPI"}, "bus_sasl_mechanism"),
        (SASL, "needs a user name and a password"),
        ({"BUS_SECURITY_PROTOCOL": "SASL_SSL", "BUS_SASL_PASSWORD": PASSWORD}, "needs a user name and a password"),
        ({"BUS_SASL_USERNAME": "convene", "BUS_SASL_PASSWORD": PASSWORD}, "PLAINTEXT sends no password"),
        ({**SASL, "BUS_SASL_PASSWORD": PASSWORD, "BUS_SASL_PASSWORD_FILE": "x"}, "not both"),
        ({**SASL, "BUS_SASL_PASSWORD_FILE": "missing"}, "missing cannot be read: FileNotFoundError"),
        ({"BUS_SECURITY_PROTOCOL": "SSL", "BUS_CA_FILE": "missing"}, "missing cannot be read: FileNotFoundError"),
        ({"BUS_CA_FILE": __file__}, "PLAINTEXT looks at no certificate"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        given(monkeypatch, **environment)
    assert PASSWORD not in str(refused.value)


def test_the_command_says_what_is_wrong_with_the_whole_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about several settings at once names none of them."""
    monkeypatch.setenv("ACTIVITIES_DATABASE_URL", "sqlite+aiosqlite:///x.db")
    monkeypatch.setenv("BUS_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(Failure, match=r"settings of activities: .*SASL_SSL needs a user name and a password"):
        migrate_one("activities")
