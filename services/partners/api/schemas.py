"""What goes in and out of the API. Unknown fields are errors."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.partners.domain.access import KEY, SCOPES, SESSION
from services.partners.domain.focal_points import CONFIRMED, DUE, LAPSED
from services.partners.domain.organisations import STATUSES
from services.partners.domain.people import ROLES
from services.partners.events import AliasState, IdentifierState, OrganisationState, ProgrammeState, ScopeState
from services.partners.signin.passwords import LONGEST, SHORTEST
from shared.vocabulary import VOCABULARIES

_T = TypeVar("_T")


def _text(longest: int) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


Name = Annotated[str, _text(500)]
Short = Annotated[str, _text(100)]
Reference = Annotated[str, _text(100)]
Country = Annotated[str, Field(description="ISO 3166-1 alpha-3", max_length=100)]
Code = Annotated[str, Field(max_length=100)]


def _one_of(codes: Iterable[str]) -> Any:
    """A code whose list the document shows; the domain checks it, and says more than a schema can."""
    return Field(max_length=100, json_schema_extra={"enum": list(codes)})


Role = Annotated[str, _one_of(ROLES)]
Grant = Annotated[str, _one_of(SCOPES)]
Status = Annotated[str, _one_of(STATUSES)]
OrganisationType = Annotated[str, _one_of(VOCABULARIES["organisation_type"].codes)]
Theme = Annotated[str, _one_of(VOCABULARIES["theme"].codes)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IdentifierIn(_In):
    scheme: str = Field(max_length=50, description="list code of org-id.guide: `XM-DAC`", examples=["XM-DAC"])
    value: str = Field(max_length=200, description="what the register says, without the scheme", examples=["41128"])


class AliasIn(_In):
    text: Name
    language: str | None = Field(None, max_length=35, description="BCP 47")


class ProgrammeIn(_In):
    code: Annotated[str, _text(50)]
    name: Name


class OrganisationIn(_In):
    name: Name
    slug: str | None = Field(None, max_length=100, description="made of acronym or name where it is missing; stays")
    acronym: Short | None = None
    type: OrganisationType = Field(
        description="IATI OrganisationType, a code of the list organisation_type", examples=["40"]
    )
    status: Status = Field("active")
    country: Country | None = Field(None, description="seat, ISO 3166-1 alpha-3")
    countries: list[Country] = Field([], max_length=250, description="where it works")
    parent: Reference | None = Field(None, description="id or slug")
    identifiers: list[IdentifierIn] = Field([], max_length=50)
    aliases: list[AliasIn] = Field([], max_length=200)
    programmes: list[ProgrammeIn] = Field([], max_length=200)


class OrganisationPatch(_In):
    """RFC 7396: what is missing stays, null removes, lists are replaced as a whole."""

    name: Name | None = None
    acronym: Short | None = None
    type: OrganisationType | None = None
    status: Status | None = None
    country: Country | None = None
    countries: list[Country] | None = Field(None, max_length=250)
    parent: Reference | None = None
    identifiers: list[IdentifierIn] | None = Field(None, max_length=50)
    aliases: list[AliasIn] | None = Field(None, max_length=200)
    programmes: list[ProgrammeIn] | None = Field(None, max_length=200)


class OrganisationOut(OrganisationState):
    identifiers: list[IdentifierState]
    aliases: list[AliasState]
    programmes: list[ProgrammeState]
    created_at: datetime
    updated_at: datetime


class NamesIn(_In):
    """One `name`, or a column of `names`."""

    name: Name | None = Field(None, description="as people write it", examples=["UN Office on Drugs & Crime (UNODC)"])
    names: list[Name] | None = Field(None, min_length=1, max_length=200, description="answered in this order")
    limit: int = Field(5, ge=1, le=20, description="candidates for each name")

    @model_validator(mode="after")
    def _one_of_two(self) -> "NamesIn":
        if (self.name is None) == (self.names is None):
            raise ValueError("either name, or names")
        return self


class ReasonOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    field: str
    level: str
    why: str
    bits: float = Field(
        description="above 0 speaks for the candidate; all rows add up to the log-odds of `probability`"
    )


class CandidateOut(BaseModel):
    id: str
    slug: str
    name: str
    acronym: str | None
    status: str
    probability: float = Field(description="that this one is meant; the rest is the others' and that of none of them")
    matched: str = Field(description="which of its names speaks for it")
    kind: str = Field(description="of that name", json_schema_extra={"enum": ["name", "alias", "programme"]})
    because: str = Field(description="one sentence")
    reasons: list[ReasonOut]


class ResolvedOut(BaseModel):
    index: int = Field(description="in `names`; 0 for `name`")
    name: str
    outcome: str = Field(
        description="one: the first candidate may be taken; ask: somebody should choose; none: probably not registered",
        json_schema_extra={"enum": ["one", "ask", "none"]},
    )
    organisation: str | None = Field(description="id of the first candidate where the outcome is `one`")
    candidates: list[CandidateOut]
    capped: bool = Field(description="so many share a word with the name that not all were compared")


class ResolvedNames(BaseModel):
    data: list[ResolvedOut]
    weights: str = Field(description="version of the weights")


class ScopeIn(_In):
    countries: list[Country] | None = Field(None, max_length=250)
    regions: list[Code] | None = Field(None, max_length=50, description="M49; 001 is the world")
    themes: list[Theme] | None = Field(None, max_length=50, description="none means all")


class PersonIn(_In):
    name: Annotated[str, _text(200)]
    email: Annotated[str, _text(254)] | None = None
    roles: list[Role] = Field(
        max_length=6, description="administrator, coordinator, focal_point, reader, donor, service"
    )
    partners: list[Reference] = Field([], max_length=50, description="organisations, by id or slug")
    scope: ScopeIn | None = Field(None, description="coordinators only, and required for them")


class PersonPatch(_In):
    """RFC 7396: what is missing stays, null removes, lists are replaced as a whole, `scope` is patched name by name."""

    name: Annotated[str, _text(200)] | None = None
    email: Annotated[str, _text(254)] | None = None
    roles: list[Role] | None = Field(None, max_length=6)
    partners: list[Reference] | None = Field(None, max_length=50)
    scope: ScopeIn | None = None


class PersonOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    version: int
    name: str | None = Field(description="null once erased")
    email: str | None
    roles: list[str]
    partners: list[str]
    scope: ScopeState
    active: bool
    erased: bool
    confirmed_until: datetime | None = Field(
        None, description="of a focal point: from then on the role gives nothing, until somebody confirms it"
    )
    created_at: datetime
    updated_at: datetime


class ConfirmerOut(BaseModel):
    person: str
    name: str | None
    role: str = Field(description="focal_point (of your partner) or administrator")


class ConfirmationOut(BaseModel):
    """How it stands with one's own role as focal point."""

    state: str = Field(
        description="confirmed; due: within 30 days of its end; lapsed: the role gives nothing until somebody confirms it",
        json_schema_extra={"enum": [CONFIRMED, DUE, LAPSED]},
    )
    until: datetime | None
    confirmers: list[ConfirmerOut] = Field(description="whom to ask, once it is due")


class ToConfirm(BaseModel):
    person: str
    name: str | None
    until: datetime


class MyPartner(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    name: str
    acronym: str | None
    status: str


class Me(BaseModel):
    id: str
    name: str | None
    email: str | None
    partners: list[MyPartner]
    roles: list[str]
    scope: ScopeState
    grants: list[str] = Field(description="what the key or token in hand allows")
    confirmation: ConfirmationOut | None = Field(description="of a focal point; null for others")
    to_confirm: list[ToConfirm] = Field(
        description="focal points whose role has ended or ends within 30 days, and whom you may confirm; the first 50"
    )


class InvitationIn(_In):
    """Either `person`, or the fields of somebody new."""

    person: str | None = Field(None, max_length=100, description="somebody known already, by id")
    name: Annotated[str, _text(200)] | None = None
    email: Annotated[str, _text(254)] | None = None
    roles: list[Role] = Field([], max_length=6)
    partners: list[Reference] = Field([], max_length=50)
    scope: ScopeIn | None = None
    expires_in_days: int | None = Field(None, ge=1, le=90)

    @model_validator(mode="after")
    def _one_of_two(self) -> "InvitationIn":
        others = self.model_fields_set - {"person", "expires_in_days"}
        if self.person is not None and others:
            raise ValueError(f"either person, or {', '.join(sorted(others))}: who is known is amended by PATCH")
        if self.person is None and self.name is None:
            raise ValueError("either person, or at least name and roles of somebody new")
        return self


class InvitationOut(BaseModel):
    id: str
    person: str
    state: str = Field(description="open, redeemed, withdrawn or expired")
    created_at: datetime
    created_by: str
    expires_at: datetime
    redeemed_at: datetime | None
    withdrawn_at: datetime | None


class InvitationMade(InvitationOut):
    code: str | None = Field(description="shown this once; null where an Idempotency-Key repeats the answer")
    path: str | None = Field(description="`/join/{code}`, the page to send to the person; shown this once, too")


class RedeemIn(_In):
    code: str = Field(max_length=500)


class KeyIn(_In):
    scopes: list[Grant] = Field([], max_length=4, description="none means all one may do")
    label: Short | None = Field(None, description="for you to tell your keys apart")
    expires_at: datetime | None = None
    person: str | None = Field(None, max_length=100, description="a service, by id; administrators only")
    origins: list[Annotated[str, Field(max_length=300)]] = Field(
        [],
        max_length=20,
        description="web pages that may use it from a browser (`https://dashboard.example.org`), and no others; "
        "none means that no page of another site can",
    )


class KeyOut(BaseModel):
    id: str
    person: str
    prefix: str
    scopes: list[str]
    origins: list[str]
    label: str | None
    kind: str = Field(
        description="key, or session: what a sign-in gave, for hours", json_schema_extra={"enum": [KEY, SESSION]}
    )
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None = Field(
        None,
        description="the hour in which partners saw it last, in `GET /keys`; activities and notifications answer for "
        "themselves at `/held/<service>/keys`",
    )


class KeyMade(KeyOut):
    key: str | None = Field(description="shown this once; null where an Idempotency-Key repeats the answer")


class TokenIn(_In):
    scopes: list[Grant] = Field([], max_length=4, description="narrower than the key; none means as the key")


class TokenOut(BaseModel):
    token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_at: datetime
    scopes: list[str]


class PasswordSignIn(_In):
    email: str = Field(max_length=254)
    password: str = Field(max_length=LONGEST, repr=False)


class PasswordIn(_In):
    password: str = Field(max_length=LONGEST, repr=False, description=f"at least {SHORTEST} characters, of any kind")
    current: str | None = Field(
        None,
        max_length=LONGEST,
        repr=False,
        description="the present one; not needed with the fresh key of an invitation",
    )


class PasswordChanged(BaseModel):
    person: str


class ExchangeIn(_In):
    id_token: str = Field(max_length=16_000, repr=False)
    nonce: Annotated[str, Field(min_length=16, max_length=200, repr=False)]


class ProviderOut(BaseModel):
    issuer: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str


class SignInOut(BaseModel):
    """What people can sign in with, beside a key."""

    password: bool
    oidc: ProviderOut | None = Field(
        description="null where there is no provider, or nothing is known of it at the moment"
    )


class SigningKeyOut(BaseModel):
    kid: str
    not_before: datetime
    used_from: datetime


class KeySet(BaseModel):
    keys: list[dict[str, Any]] = Field(description="RFC 7517")


class ListOf(BaseModel, Generic[_T]):
    data: list[_T]
    next_cursor: str | None
