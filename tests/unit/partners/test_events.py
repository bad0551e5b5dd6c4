"""The events of partners.v1: complete, understood by the read models of all services, without anybody's name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.partners import events
from services.partners.domain.access import ApiKey, SigningKey
from services.partners.domain.organisations import Alias, Identifier, Organisation, Programme
from services.partners.domain.people import Person, PersonScope
from shared.registry import _MODELS as READ_MODELS  # pyright: ignore[reportPrivateUsage]
from shared.tokens import generate_key

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ORGANISATION = Organisation(
    "org_1", 3, "unodc", "UN Office on Drugs and Crime", "40", NOW, NOW, "UNODC", "active", "AUT", ("KEN",), "org_0",
    (Identifier("XM-DAC", "41128"),), (Alias("ONUDC", "fr"),), (Programme("GPML", "Global Programme"),),
)  # fmt: skip
PERSON = Person(
    "per_1", 2, NOW, NOW, "Zebulon", "zq@canary.example", ("org_1",), ("coordinator",), PersonScope(("KEN",), ("001",)),
    not_before=NOW,
)  # fmt: skip
KEY = ApiKey("key_1", 1, "per_1", "cvn_12345678", "ab" * 32, NOW, ("read",), "Zebulon's laptop", NOW)

DATA = {
    "organisation.registered": events.of_organisation(ORGANISATION),
    "organisation.amended": events.of_organisation(ORGANISATION),
    "person.added": events.of_person(PERSON),
    "person.amended": events.of_person(PERSON),
    "person.erased": events.of_erasure(PERSON),
    "api_key.issued": events.of_api_key(KEY),
    "api_key.revoked": events.of_api_key(replace(KEY, revoked_at=NOW)),
    "signing_key.published": events.of_signing_key(SigningKey("kid_1", 1, generate_key("kid_1"), NOW, NOW)),
    "signing_key.retired": events.of_signing_key(SigningKey("kid_1", 2, generate_key("kid_1"), NOW, NOW, NOW)),
}


def test_every_event_has_a_model_and_an_example_here() -> None:
    assert set(DATA) == set(events.EVENTS)
    for name, data in DATA.items():
        assert events.EVENTS[name].model_validate(data).model_dump(mode="json") == data


@pytest.mark.parametrize("name", sorted(READ_MODELS))
def test_every_read_model_understands_what_is_published(name: str) -> None:
    _, model = READ_MODELS[name]
    understood = model.model_validate(DATA[name]).model_dump(mode="json")
    assert understood == {field: DATA[name][field] for field in understood}


def test_nobody_is_named() -> None:
    text = repr(DATA).casefold()
    assert not any(canary in text for canary in ("zebulon", "canary", "laptop"))


def test_a_signing_key_is_published_without_its_private_half() -> None:
    for name in ("signing_key.published", "signing_key.retired"):
        assert "d" not in DATA[name]["jwk"]
        assert DATA[name]["jwk"]["kid"] == "kid_1"


def test_erasing_says_no_more_than_who() -> None:
    assert DATA["person.erased"] == {"id": "per_1", "version": 2}
