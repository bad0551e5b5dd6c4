"""Invitations, API keys and signing keys: what is live when, and how far a key may reach."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.partners.domain.errors import Fault, Invalid, Refused, conflict, invalid
from shared.tokens import LEEWAY, LIFETIME

SCOPES: tuple[str, ...] = ("read", "post", "decide", "admin")
"""The grants that a key or token may be narrowed to, in the order in which they are shown."""

KEY, SESSION = "key", "session"
"""Kinds of API keys: one that a person or program keeps, and one that a sign-in gave, which lives for hours."""

LIVE_KEYS = 2
"""As many as a rotation needs: the new one works before the old one is revoked."""

LIVE_SESSIONS = 10
"""Browsers at once; signing in on one more ends the oldest session, so that nobody is ever locked out by their own."""

SHOWN_OF_A_KEY = 12
"""Characters of a key that are kept for people and leak scanners to tell keys apart (`cvn_` and 48 of 256 bits)."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-use code in somebody's hand; here only its SHA-256. key: the id of the one that it gave."""

    id: str
    person: str
    code_hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    redeemed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    key: str | None = None

    def state(self, now: datetime) -> str:
        """open, redeemed, withdrawn or expired."""
        if self.redeemed_at:
            return "redeemed"
        if self.withdrawn_at:
            return "withdrawn"
        return "open" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in somebody's hand; here only its SHA-256.

    scopes   what it is narrowed to; none means all its person may do
    origins  the web pages that may use it from a browser; none means that no page of another site can
    """

    id: str
    version: int
    person: str
    prefix: str
    hash: str
    created_at: datetime
    scopes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    label: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    kind: str = KEY

    def live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs tokens. `id` is its kid.

    not_before  from when on verifiers accept it: the instant it was published
    used_from   from when on it signs: later, so that every service has heard of it by then
    not_after   from when on verifiers refuse it: once the last token it signed has expired
    """

    id: str
    version: int
    jwk: Mapping[str, Any] = field(repr=False)
    not_before: datetime
    used_from: datetime
    not_after: datetime | None = None

    def published(self, now: datetime) -> bool:
        return self.not_after is None or now < self.not_after


def narrowed(asked: Sequence[str], holder: frozenset[str], allowed: frozenset[str]) -> tuple[str, ...]:
    """The scopes of a key or token that somebody signed in with the grants `holder` makes for oneself.

    allowed: what one's roles allow, whatever the key. A key never reaches further than the one that made it: where the holder is narrowed and asks for nothing in
    particular, the new one is narrowed alike (no scopes would mean everything). Raises Invalid or Refused.
    """
    check_scopes(asked)
    if not holder:
        raise Refused("A key without any grant cannot make another credential.")
    for number, scope in enumerate(asked):
        if scope not in holder:
            raise invalid(f"#/scopes/{number}", "beyond", "reaches further than the key that you signed in with")
    if asked:
        return in_order(asked)
    return () if holder >= allowed else in_order(holder)


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    found = frozenset(scopes)
    return tuple(scope for scope in SCOPES if scope in found)


def check_scopes(scopes: Sequence[str]) -> None:
    faults = [
        Fault(f"#/scopes/{number}", "unknown_code", f"one of {', '.join(SCOPES)}")
        for number, scope in enumerate(scopes)
        if scope not in SCOPES
    ]
    if faults:
        raise Invalid(faults)


_ORIGIN = re.compile(r"(https://|http://(?=localhost(?::|$)|127\.0\.0\.1(?::|$)))[a-z0-9.-]{1,253}(:[1-9][0-9]{0,4})?")
_DEFAULT_PORT = re.compile(r"https://[^:]*:443|http://[^:]*:80")


def check_origins(asked: Sequence[str], within: frozenset[str]) -> tuple[str, ...]:
    """Which pages a new key is for: as a browser writes an origin (RFC 6454, 6.2), over https but on one's own machine.

    within: those of the key that makes it; it cannot be for others. Raises Invalid.
    """
    faults: list[Fault] = []
    for number, origin in enumerate(asked):
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
            told = "an origin as browsers write it, https://dashboard.example.org: lower case, no path, no default port"
            faults.append(Fault(f"#/origins/{number}", "malformed", told))
        elif within and origin not in within:
            faults.append(Fault(f"#/origins/{number}", "beyond", "not an origin of the key that you signed in with"))
    if faults:
        raise Invalid(faults)
    return tuple(sorted(set(asked) or within))


def check_room(keys: Iterable[ApiKey], now: datetime) -> None:
    """Raises Conflict where the person has as many live keys as a rotation needs. Sessions take no room."""
    if sum(key.kind == KEY and key.live(now) for key in keys) >= LIVE_KEYS:
        raise conflict("#", "too_many_keys", f"{LIVE_KEYS} keys are live already; revoke one first")


def outlived(keys: Iterable[ApiKey], now: datetime) -> list[ApiKey]:
    """The sessions that end so that one more has room: the oldest."""
    live = sorted(
        (key for key in keys if key.kind == SESSION and key.live(now)), key=lambda key: (key.created_at, key.id)
    )
    return live[: max(0, len(live) + 1 - LIVE_SESSIONS)]


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise invalid("#/expires_at", "past", "lies in the past")


def revoked(key: ApiKey, now: datetime) -> ApiKey:
    return replace(key, revoked_at=now, version=key.version + 1)


def signer(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key that signs at this instant: the newest one whose time to sign has come."""
    usable = [key for key in keys if key.used_from <= now and key.published(now)]
    return max(usable, key=lambda key: (key.used_from, key.id), default=None)


def retired(key: SigningKey, successor_from: datetime) -> SigningKey:
    """Refused once the last token has expired that it can have signed before its successor took over."""
    return replace(key, not_after=successor_from + LIFETIME + LEEWAY, version=key.version + 1)


def expiry(created_at: datetime, days: int) -> datetime:
    return created_at + timedelta(days=days)
