"""The events of `partners.v1`. Full state each time, and never a person's name or address: a person is an opaque id.

Contracts are generated from `EVENTS`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.partners.domain.access import KEY, ApiKey, SigningKey
from services.partners.domain.organisations import Organisation
from services.partners.domain.people import Person
from shared.tokens import public_part

TOPIC = "partners.v1"
SOURCE = "/services/partners"


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)

    id: str
    version: int = Field(description="also the event's `sequence`")


class IdentifierState(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    scheme: str = Field(description="list code of org-id.guide, `XM-DAC`")
    value: str


class AliasState(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    text: str
    language: str | None = Field(description="BCP 47")


class ProgrammeState(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str


class OrganisationState(_State):
    """organisation.registered, organisation.amended"""

    slug: str
    name: str
    acronym: str | None
    type: str = Field(description="IATI OrganisationType")
    status: str = Field(description="active or inactive")
    country: str | None = Field(description="seat, ISO 3166-1 alpha-3")
    countries: list[str] = Field(description="where it works")
    parent: str | None
    identifiers: list[IdentifierState]
    aliases: list[AliasState]
    programmes: list[ProgrammeState]


class ScopeState(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    countries: list[str]
    regions: list[str] = Field(description="M49; 001 is the world")
    themes: list[str] = Field(description="none means all")


class PersonState(_State):
    """person.added, person.amended"""

    partners: list[str] = Field(description="organisation ids")
    roles: list[str]
    scope: ScopeState
    active: bool
    not_before: datetime | None = Field(description="tokens issued earlier are refused")
    confirmed_until: datetime | None = Field(
        default=None, description="of a focal point: from then on the role gives nothing, until somebody confirms it"
    )


class PersonErased(_State):
    """person.erased: whoever holds an address of this person removes it now."""


class ApiKeyState(_State):
    """api_key.issued, api_key.revoked"""

    hash: str = Field(description="SHA-256 of a key with 256 random bits, in hex")
    person: str
    scopes: list[str] = Field(description="none means all that the person may do")
    kind: str = Field(default=KEY, description="key, or session: what a sign-in gave")
    origins: list[str] = Field(default=[], description="web pages that may use it from a browser")
    expires_at: datetime | None
    revoked: bool


class SigningKeyState(_State):
    """signing_key.published, signing_key.retired. `id` is the kid; `jwk` has the public part only."""

    jwk: dict[str, Any]
    not_before: datetime
    not_after: datetime | None


EVENTS: Mapping[str, type[BaseModel]] = {
    "organisation.registered": OrganisationState,
    "organisation.amended": OrganisationState,
    "person.added": PersonState,
    "person.amended": PersonState,
    "person.erased": PersonErased,
    "api_key.issued": ApiKeyState,
    "api_key.revoked": ApiKeyState,
    "signing_key.published": SigningKeyState,
    "signing_key.retired": SigningKeyState,
}
"""Event name -> model of its data."""


def of_organisation(organisation: Organisation) -> dict[str, Any]:
    return OrganisationState.model_validate(organisation).model_dump(mode="json")


def of_person(person: Person) -> dict[str, Any]:
    return PersonState.model_validate(person).model_dump(mode="json")


def of_erasure(person: Person) -> dict[str, Any]:
    return PersonErased.model_validate(person).model_dump(mode="json")


def of_api_key(key: ApiKey) -> dict[str, Any]:
    return ApiKeyState(
        id=key.id,
        version=key.version,
        hash=key.hash,
        person=key.person,
        scopes=list(key.scopes),
        kind=key.kind,
        origins=list(key.origins),
        expires_at=key.expires_at,
        revoked=key.revoked_at is not None,
    ).model_dump(mode="json")


def of_signing_key(key: SigningKey) -> dict[str, Any]:
    return SigningKeyState(
        id=key.id,
        version=key.version,
        jwk=public_part(key.jwk),
        not_before=key.not_before,
        not_after=key.not_after,
    ).model_dump(mode="json")
