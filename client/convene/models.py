"""What the API answers: the JSON object as it came, with typed names for what is used most.

A resource is a `dict` (fields that a newer server adds are simply there), and remembers the ETag of its representation,
which is what an amendment sends as `If-Match`.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Field(Generic[T]):
    """`plan.title` for `plan["title"]`; None where the server left it out."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Field[T]": ...
    @overload
    def __get__(self, instance: "Resource", owner: type) -> T: ...
    def __get__(self, instance: "Resource | None", owner: type) -> "Field[T] | T":
        return self if instance is None else instance.get(self._name)  # type: ignore[return-value]


class Resource(dict[str, Any]):
    """A JSON object from the server. `etag` is None for entries of a list."""

    def __init__(self, content: Mapping[str, Any], etag: str | None = None) -> None:
        super().__init__(content)
        self.etag = etag

    id: Field[str] = Field()
    version: Field[int] = Field()


class Plan(Resource):
    """A partner's plan. Dates are `YYYY-MM-DD`; `precision` says how exact they are."""

    title: Field[str] = Field()
    type: Field[str] = Field()
    status: Field[str] = Field()
    start: Field[str | None] = Field()
    end: Field[str | None] = Field()
    precision: Field[str | None] = Field()
    venues: Field[list[dict[str, Any]]] = Field()
    beneficiary_countries: Field[list[str]] = Field()
    audiences: Field[list[str]] = Field()
    themes: Field[list[str]] = Field()
    dates_text: Field[str | None] = Field()
    dates_inferred: Field[list[str]] = Field()
    participants_planned: Field[int | None] = Field()
    participants_actual: Field[int | None] = Field()
    partners: Field[list[dict[str, Any]]] = Field()
    funders: Field[list[dict[str, Any]]] = Field()
    owner: Field[str] = Field()
    posted_by: Field[str] = Field()
    activity: Field[str | None] = Field()
    checked: Field[str] = Field()
    tlp: Field[str] = Field()
    illustrative: Field[bool] = Field()


class Alert(Resource):
    """A match or an overlap that waits for a decision; `sides` are as much of the plans as you may see."""

    kind: Field[str] = Field()
    overlap_kind: Field[str | None] = Field()
    status: Field[str] = Field()
    band: Field[str | None] = Field()
    probability: Field[float | None] = Field()
    severity: Field[str | None] = Field()
    sentence: Field[str | None] = Field()
    sides: Field[list[dict[str, Any]]] = Field()
    explanation: Field[Any] = Field()
    blind: Field[bool | None] = Field()
    contacts: Field[list[dict[str, Any]] | None] = Field()
    decisions: Field[list[dict[str, Any]] | None] = Field()
    opened_at: Field[str] = Field()


class Decision(Resource):
    alert: Field[str] = Field()
    verdict: Field[str] = Field()
    activity: Field[str | None] = Field()


class Activity(Resource):
    """The real-world event behind one plan or several; `fields` says where each value came from."""

    joint: Field[bool] = Field()
    plans: Field[list[Any]] = Field()
    owners: Field[list[Any]] = Field()
    fields: Field[dict[str, dict[str, Any]]] = Field()


class Organisation(Resource):
    slug: Field[str] = Field()
    name: Field[str] = Field()
    acronym: Field[str | None] = Field()
    type: Field[str] = Field()
    status: Field[str] = Field()


class Person(Resource):
    name: Field[str | None] = Field()
    roles: Field[list[str]] = Field()
    partners: Field[list[Any]] = Field()
    scope: Field[dict[str, list[str]]] = Field()
    active: Field[bool] = Field()
    confirmed_until: Field[str | None] = Field()


class Invitation(Resource):
    """`code` (or a link with it) is shown once, when the invitation is made."""

    code: Field[str | None] = Field()
    expires_at: Field[str | None] = Field()


class ApiKey(Resource):
    """`key` is shown once, when it is issued."""

    key: Field[str | None] = Field()
    scopes: Field[list[str]] = Field()
    expires_at: Field[str | None] = Field()


class InboxEntry(Resource):
    """An alert in your inbox; `state` is unread, read or done."""

    alert: Field[str] = Field()
    state: Field[str] = Field()
    reason: Field[str] = Field()
    blind: Field[bool] = Field()
