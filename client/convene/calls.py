"""Every request of the API, once; the sync and the async client only carry them out."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from convene.models import (
    ApiKey,
    Decision,
    InboxEntry,
    Plan,
    Resource,
)
from convene.transport import Call, Page, R, new_key, read_as, read_page

API = "/api/v1"


def at(*parts: str) -> str:
    """`/api/v1/plans/plan_...`, each part made safe for a path."""
    return "/".join([API, *(quote(part, safe="-_.~") for part in parts)])


def get(kind: type[R], *parts: str, query: Mapping[str, Any] | None = None) -> Call[R]:
    return Call("GET", at(*parts), read_as(kind), query or {})


def page(kind: type[R], *parts: str, query: Mapping[str, Any] | None = None) -> Call[Page[R]]:
    return Call("GET", at(*parts), read_page(kind), query or {})


def post(
    kind: type[R], *parts: str, body: Any = None, action: str = "", key: str | None = None, if_match: str | None = None
) -> Call[R]:
    headers = {"Idempotency-Key": key or new_key()}
    if if_match:
        headers["If-Match"] = if_match
    return Call("POST", at(*parts) + (f":{action}" if action else ""), read_as(kind), {}, body, headers)


def patch(kind: type[R], *parts: str, body: Any, if_match: str) -> Call[R]:
    return Call("PATCH", at(*parts), read_as(kind), {}, body, {"If-Match": if_match})


def given(**values: Any) -> dict[str, Any]:
    """The values that were given: None is left out."""
    return {name: value for name, value in values.items() if value is not None}


# -- plans


def post_plan(body: Mapping[str, Any], key: str | None) -> Call[Plan]:
    return post(Plan, "plans", body=dict(body), key=key)


def check_plan(body: Mapping[str, Any]) -> Call[Resource]:
    return Call("POST", f"{API}/plans:check", read_as(Resource), {}, dict(body), changes_nothing=True)


def sight(body: Mapping[str, Any]) -> Call[Resource]:
    return Call("POST", f"{API}/plans:sight", read_as(Resource), {}, dict(body), changes_nothing=True)


def calendar(query: Mapping[str, Any]) -> Call[bytes]:
    return Call("GET", f"{API}/plans.ics", lambda response: response.content, query)


def plan_action(plan: str, action: str, etag: str, key: str | None) -> Call[Plan]:
    return post(Plan, "plans", plan, action=action, if_match=etag, key=key)


# -- alerts and decisions


def decide(
    alert: str,
    verdict: str,
    plans: Sequence[str] | None,
    reason: str | None,
    until: str | None,
    etag: str | None,
    key: str | None,
) -> Call[Decision]:
    body = given(verdict=verdict, plans=list(plans) if plans else None, reason=reason, until=until)
    return post(Decision, "alerts", alert, "decisions", body=body, key=key, if_match=etag)


def reverse(decision: str, reason: str | None, key: str | None) -> Call[Decision]:
    return post(Decision, "decisions", decision, "reversal", body=given(reason=reason), key=key)


# -- matching


def install_weights(table: Mapping[str, Any], reason: str | None, key: str | None) -> Call[Resource]:
    return post(Resource, "weights", body=given(document=dict(table), reason=reason), key=key)


# -- partners, notifications


def resolve(names: Sequence[str], limit: int) -> Call[Resource]:
    body = {"names": list(names), "limit": limit}
    return Call("POST", f"{API}/organisations:resolve", read_as(Resource), {}, body, changes_nothing=True)


def redeem(code: str, body: Mapping[str, Any], key: str | None) -> Call[ApiKey]:
    return post(ApiKey, "invitations", action="redeem", body={"code": code, **body}, key=key)


def mark(alert: str, mark: str) -> Call[InboxEntry]:
    return post(InboxEntry, "inbox", alert, action=mark)


def events(query: Mapping[str, Any]) -> Call[Resource]:
    return Call("GET", f"{API}/events", read_as(Resource), query)
