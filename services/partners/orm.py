"""The tables of partners. Names and addresses of people are in `person` alone (and labels of keys, which people write)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, MetaData, String, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.db import Json, UtcDateTime
from shared.kernel import NAMING, Kernel, RegistryTables

metadata = MetaData(naming_convention=NAMING)


class Base(SQLModel, registry=registry(metadata=metadata)):
    """Tables of this service, on a MetaData of its own."""


class OrganisationRow(Base, table=True):
    __tablename__ = "organisation"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, max_length=64)
    version: int
    slug: str = Field(max_length=100, unique=True)
    name: str = Field(max_length=500)
    acronym: str | None = Field(default=None, max_length=100)
    type: str = Field(max_length=10)
    status: str = Field(max_length=20)
    country: str | None = Field(default=None, max_length=3)
    countries: list[str] = Field(sa_column=Column(Json, nullable=False))
    parent: str | None = Field(default=None, max_length=64, index=True)
    identifiers: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    aliases: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    programmes: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    searchable: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class IdentifierRow(Base, table=True):
    """Who holds an identifier among the living: an inactive organisation holds none, so that a successor can take it."""

    __tablename__ = "identifier"  # pyright: ignore[reportAssignmentType]

    scheme: str = Field(primary_key=True, max_length=50)
    value: str = Field(primary_key=True, max_length=200)
    organisation: str = Field(max_length=64, index=True)


class NameKeyRow(Base, table=True):
    """What each organisation's names are found by (`matching/reading.py`): words, how they sound, acronyms, countries."""

    __tablename__ = "name_key"  # pyright: ignore[reportAssignmentType]

    key: str = Field(primary_key=True, max_length=100)
    organisation: str = Field(primary_key=True, max_length=64, index=True)


class PersonRow(Base, table=True):
    __tablename__ = "person"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, max_length=64)
    version: int
    name: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=254)
    email_key: str | None = Field(sa_column=Column(String(800), unique=True))
    partners: list[str] = Field(sa_column=Column(Json, nullable=False))
    roles: list[str] = Field(sa_column=Column(Json, nullable=False))
    scope: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    active: bool
    erased: bool
    not_before: datetime | None = Field(sa_column=Column(UtcDateTime))
    confirmed_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ApiKeyRow(Base, table=True):
    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, max_length=64)
    version: int
    person: str = Field(max_length=64, index=True)
    prefix: str = Field(max_length=20)
    hash: str = Field(max_length=64, unique=True)
    scopes: list[str] = Field(sa_column=Column(Json, nullable=False))
    origins: list[str] = Field(sa_column=Column(Json, nullable=False))
    label: str | None = Field(default=None, max_length=100)
    kind: str = Field(max_length=10)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime | None = Field(sa_column=Column(UtcDateTime))
    revoked_at: datetime | None = Field(sa_column=Column(UtcDateTime))


class PasswordRow(Base, table=True):
    """Of those who sign in with one. Its hash leaves this table for nowhere: no event, no answer, no log."""

    __tablename__ = "password"  # pyright: ignore[reportAssignmentType]

    person: str = Field(primary_key=True, max_length=64)
    hash: str = Field(max_length=200)
    changed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class IdentityRow(Base, table=True):
    """Who somebody is at an OpenID provider. Their address found them once; from then on they are this pair."""

    __tablename__ = "identity"  # pyright: ignore[reportAssignmentType]

    issuer: str = Field(primary_key=True, max_length=500)
    subject: str = Field(primary_key=True, max_length=255)
    person: str = Field(max_length=64, index=True)
    bound_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class UsedIdTokenRow(Base, table=True):
    """ID tokens that have given a session (SHA-256), until they expire: each gives one."""

    __tablename__ = "used_id_token"  # pyright: ignore[reportAssignmentType]

    hash: str = Field(primary_key=True, max_length=64)
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class InvitationRow(Base, table=True):
    __tablename__ = "invitation"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, max_length=64)
    person: str = Field(max_length=64, index=True)
    code_hash: str = Field(max_length=64, unique=True)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    created_by: str = Field(max_length=64)
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    redeemed_at: datetime | None = Field(sa_column=Column(UtcDateTime))
    key: str | None = Field(default=None, max_length=64)
    withdrawn_at: datetime | None = Field(sa_column=Column(UtcDateTime))


class SigningKeyRow(Base, table=True):
    """`jwk` is the private key: this table is the reason why the database of partners is kept apart."""

    __tablename__ = "signing_key"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, max_length=64)
    version: int
    jwk: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    not_before: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    used_from: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    not_after: datetime | None = Field(sa_column=Column(UtcDateTime))


kernel = Kernel(metadata)
known = RegistryTables(metadata)
