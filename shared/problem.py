"""Problems: every error that leaves the API is RFC 9457 `application/problem+json` and names the field or the limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MEDIA_TYPE = "application/problem+json"

KINDS: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "The request cannot be read"),
    "unknown-parameter": (400, "There is no such parameter"),
    "unauthenticated": (401, "Sign in first"),
    "forbidden": (403, "Your role or key does not allow this"),
    "not-found": (404, "There is no such thing here"),
    "method-not-allowed": (405, "This address does not take that method"),
    "conflict": (409, "The present state does not allow this"),
    "gone": (410, "That part of the history is no longer here"),
    "stale": (412, "It has changed since you read it"),
    "too-large": (413, "The request is larger than the limit"),
    "unsupported-media-type": (415, "That kind of content is not understood"),
    "invalid": (422, "Some of what was sent is not valid"),
    "idempotency-mismatch": (422, "This Idempotency-Key was used with another request"),
    "precondition-required": (428, "Say which version you change: send If-Match"),
    "too-many-requests": (429, "Slow down"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "Not available at the moment"),
}
"""kind -> (status, title). The `type` of a problem is `/problems/<kind>`, a page that explains it."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with the input. pointer: RFC 6901 with a leading `#` (`#/venues/0/country`), or `?name` / a header."""

    pointer: str
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass
class Problem(Exception):
    """Raise it anywhere below a route; the application turns it into the answer."""

    kind: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def status(self) -> int:
        return KINDS[self.kind][0]

    def as_json(self, trace_id: str | None = None) -> dict[str, Any]:
        status, title = KINDS[self.kind]
        body: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [error.as_json() for error in self.errors]
        if trace_id:
            body["trace_id"] = trace_id
        return body | dict(self.extra)


def instant(pointer: str, told: datetime | None) -> datetime | None:
    """A time that a request tells, in UTC. Raises a problem where there is no such instant."""
    if told is None:
        return None
    if told.tzinfo is None:
        raise invalid(pointer, "time_zone", "say the time zone, as in 2017-05-01T08:00:00Z")
    try:
        return told.astimezone(UTC)
    except OverflowError:
        raise invalid(pointer, "invalid", "lies outside the calendar") from None


def invalid(pointer: str, code: str, detail: str) -> Problem:
    """One invalid field."""
    return Problem("invalid", f"{pointer}: {detail}", [FieldError(pointer, code, detail)])


def not_found(noun: str) -> Problem:
    """Hidden and missing answer alike: never say which."""
    return Problem("not-found", f"No such {noun}, or it is not for you.")
