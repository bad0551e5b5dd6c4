"""The rules of the registry alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partners.domain import access, organisations, people
from services.partners.domain.access import ApiKey, Invitation, SigningKey
from services.partners.domain.errors import Conflict, Invalid, Refused
from services.partners.domain.organisations import Alias, Identifier, Organisation, Programme
from services.partners.domain.people import Person, PersonScope
from shared.tokens import LEEWAY, LIFETIME

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ORGANISATION = Organisation("org_1", 1, "unodc", "UN Office on Drugs and Crime", "40", NOW, NOW, acronym="UNODC")
PERSON = Person("per_1", 1, NOW, NOW, "Ada", "Ada@UNODC.example", ("org_1",), ("focal_point",))


def faults(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.pointer for fault in refused.value.faults]


def test_all_faults_of_an_organisation_come_at_once() -> None:
    wrong = replace(
        ORGANISATION,
        type="99",
        country="Kenia",
        countries=("KEN", "KEN"),
        identifiers=(Identifier("XM-DAC", " 1"),),
        programmes=(Programme("A", "a"), Programme("A", "b")),
    )
    with pytest.raises(Invalid) as refused:
        organisations.check(wrong)
    expected = ["#/type", "#/country", "#/countries/1", "#/identifiers/0/value", "#/programmes/1/code"]
    assert faults(refused) == expected


@pytest.mark.parametrize("scheme", ["XM-DAC", "XI-ROR", "GB-COH", "US-EIN", "XI-WIKIDATA", "XI-IATI"])
def test_the_registers_of_org_id_are_schemes(scheme: str) -> None:
    organisations.check(replace(ORGANISATION, identifiers=(Identifier(scheme, "47138"),)))


@pytest.mark.parametrize(
    ("name", "acronym", "slug"),
    [
        ("United Nations Office on Drugs and Crime", "UNODC", "unodc-2"),
        ("Bank of Thailand", None, "bank-of-thailand"),
        ("Управление ООН", None, "upravlenie-oon"),
        ("Ministère de l’Intérieur", "", "ministere-de-l-interieur"),
        ("!!!", None, "organisation"),
        ("x" * 500, None, "x" * 94),
    ],
)
def test_a_slug_is_made_of_the_shortest_name(name: str, acronym: str | None, slug: str) -> None:
    assert organisations.slug_for(name, acronym, ["unodc", "other"]) == slug


@given(st.text(max_size=600), st.none() | st.text(max_size=100), st.sets(st.just("organisation")))
def test_every_slug_that_is_made_is_a_slug(name: str, acronym: str | None, taken: set[str]) -> None:
    slug = organisations.slug_for(name, acronym, taken)
    assert organisations.SLUG.match(slug)
    assert len(slug) <= organisations.MAX_SLUG
    assert slug not in taken


def test_every_name_is_searched_in_every_script() -> None:
    found = replace(ORGANISATION, aliases=(Alias("УНП ООН", "ru"), Alias("ONUDC", "fr"))).searchable
    assert all(text in found for text in ("unodc", "un office on drugs", "unp oon", "onudc"))


def test_a_patch_with_null_empties_but_never_removes_the_name() -> None:
    full = replace(ORGANISATION, country="AUT", identifiers=(Identifier("XM-DAC", "1"),))
    after = organisations.amended(full, {"country": None, "identifiers": None}, NOW + timedelta(1))
    assert (after.country, after.identifiers, after.version) == (None, (), 2)
    with pytest.raises(Invalid) as refused:
        organisations.amended(full, {"name": None, "status": None}, NOW)
    assert faults(refused) == ["#/name", "#/status"]


def test_an_address_is_one_whatever_its_case() -> None:
    assert PERSON.email_key == "ada@unodc.example"


def test_whoever_is_erased_keeps_nothing_but_the_id() -> None:
    gone = people.stripped(PERSON, NOW + timedelta(1))
    assert (gone.name, gone.email, gone.partners, gone.roles, gone.scope) == (None, None, (), (), PersonScope())
    assert (gone.active, gone.erased, gone.not_before, gone.version) == (False, True, NOW + timedelta(1), 2)
    for action in (lambda: people.amended(gone, {"name": "Ada"}, NOW), lambda: people.activated(gone, NOW)):
        with pytest.raises(Conflict):
            action()


@pytest.mark.parametrize(
    ("asked", "holder", "scopes"),
    [
        ((), {"read", "post"}, ()),  # the whole: follows later changes of the roles
        ((), {"read"}, ("read",)),  # narrowed, and stays so
        (("post", "read"), {"read", "post"}, ("read", "post")),
        (("read",), {"read", "post"}, ("read",)),
    ],
)
def test_what_is_made_with_a_key_is_no_wider(asked: tuple[str, ...], holder: set[str], scopes: tuple[str, ...]) -> None:
    assert access.narrowed(asked, frozenset(holder), frozenset({"read", "post"})) == scopes


def test_origins_are_taken_as_browsers_write_them() -> None:
    good = ("https://a.example.org", "https://xn--bcher-kva.example:8443", "http://localhost:5173", "http://127.0.0.1")
    assert access.check_origins(good, frozenset()) == tuple(sorted(good))
    bad = (
        "https://a.example.org/", "https://A.example.org", "http://a.example.org", "https://*.example.org", "*", "null",
        "https://a.example.org:443", "http://localhost:80", "https://u:p@a.example.org", "http://localhost.example.org", "https://",
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        access.check_origins(bad, frozenset())
    assert [fault.pointer for fault in refused.value.faults] == [f"#/origins/{number}" for number in range(len(bad))]


def test_a_key_without_grants_makes_nothing() -> None:
    """No scopes would mean everything."""
    with pytest.raises(Refused):
        access.narrowed((), frozenset(), frozenset({"read"}))


def test_room_for_a_key_is_counted_among_the_live() -> None:
    key = ApiKey("key_1", 1, "per_1", "cvn_", "h", NOW)
    dead = [replace(key, revoked_at=NOW), replace(key, expires_at=NOW)]
    access.check_room([key, *dead], NOW)
    with pytest.raises(Conflict):
        access.check_room([key, key, *dead], NOW)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "open"),
        ({"redeemed_at": NOW}, "redeemed"),
        ({"withdrawn_at": NOW}, "withdrawn"),
        ({"expires_at": NOW}, "expired"),
    ],
)
def test_the_state_of_an_invitation(changes: dict[str, datetime], state: str) -> None:
    invitation = Invitation("inv_1", "per_1", "h", NOW, "per_0", NOW + timedelta(14))
    assert replace(invitation, **changes).state(NOW) == state


def test_a_signing_key_signs_from_its_time_until_its_successors() -> None:
    old = SigningKey("kid_1", 1, {}, NOW, NOW)
    new = SigningKey("kid_2", 1, {}, NOW, NOW + timedelta(minutes=10))
    old = access.retired(old, new.used_from)
    assert access.signer([old, new], NOW + timedelta(minutes=9)) == old
    assert access.signer([old, new], new.used_from) == new
    assert old.not_after == new.used_from + LIFETIME + LEEWAY
    assert access.signer([], NOW) is None
