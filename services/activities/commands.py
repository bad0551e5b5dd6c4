"""What people ask of this service. Content and patches are plain JSON whose types the API has checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class PostPlan:
    """Post a plan. `organisation` is whose plan it is; with `on_behalf` a coordinator posts it for them."""

    body: Mapping[str, Any]
    organisation: str | None = None
    on_behalf: bool = False


@dataclass(frozen=True, slots=True)
class AmendPlan:
    """Change the fields that `patch` names (RFC 7396: null removes)."""

    plan: str
    expected_version: int
    patch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    plan: str
    expected_version: int
    status: str


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    plan: str
    expected_version: int


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide an alert. `plans`: for link, which are one; for distinct, which are apart from the rest; empty for all."""

    alert: str
    verdict: str
    plans: tuple[str, ...] = ()
    reason: str | None = None
    until: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class InstallWeights:
    """Put another table of weights in force: `document` as `convene weights fit` writes it."""

    document: Mapping[str, Any]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reverse:
    decision: str
    reason: str | None = None
