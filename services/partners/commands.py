"""What can be asked of the registry. `version` is the one the caller has read; None means whichever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RegisterOrganisation:
    """values: the fields of `domain.Organisation` but for ids, versions and times; parent as id or slug."""

    values: Mapping[str, Any]
    slug: str | None = None


@dataclass(frozen=True, slots=True)
class AmendOrganisation:
    reference: str
    version: int
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AddPerson:
    """values: name, email, partners (ids or slugs), roles, scope."""

    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AmendPerson:
    person: str
    version: int
    changes: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invite:
    """Either `person` (who is known already) or `values` (who is added by the invitation)."""

    days: int
    person: str | None = None
    values: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Redeem:
    code: str = field(repr=False)
    key_days: int


@dataclass(frozen=True, slots=True)
class IssueKey:
    """A key for oneself (`person` None or oneself), or by an administrator for a service. within: the origins of the key
    that one signed in with."""

    scopes: tuple[str, ...]
    label: str | None = field(repr=False)
    expires_at: datetime | None
    person: str | None = None
    origins: tuple[str, ...] = ()
    within: frozenset[str] = frozenset()
