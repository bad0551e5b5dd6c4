"""`AsyncConvene`: the same names as `Convene`, awaited; lists and streams are async iterators."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import httpx
from tenacity import AsyncRetrying, retry_if_exception

from convene import calls
from convene.events import Event, events_of_page
from convene.models import (
    Activity,
    Alert,
    ApiKey,
    Decision,
    InboxEntry,
    Invitation,
    Organisation,
    Person,
    Plan,
    Resource,
)
from convene.streaming import Resumption
from convene.transport import (
    USER_AGENT,
    Busy,
    Call,
    R,
    check,
    final,
    patience,
    request_of,
    waiting,
    worth_another_try,
)

T = TypeVar("T")


class Run(Protocol):
    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


class _Group:
    def __init__(self, run: Run) -> None:
        self._run = run

    async def _all(self, kind: type[R], *path: str, query: Mapping[str, Any]) -> AsyncIterator[R]:
        """Every entry of a list, page after page as it is consumed."""
        cursor = query.get("cursor")
        while True:
            found = await self._run(calls.page(kind, *path, query={**query, "cursor": cursor}))
            for each in found.data:
                yield each
            cursor = found.next_cursor
            if not cursor:
                return


class Plans(_Group):
    async def post(self, body: Mapping[str, Any] | None = None, *, key: str | None = None, **fields: Any) -> Plan:
        """Post a plan: a body, or its fields as keywords. `key`: an Idempotency-Key of your own."""
        return await self._run(calls.post_plan({**(body or {}), **fields}, key))

    async def get(self, plan: str) -> Plan:
        return await self._run(calls.get(Plan, "plans", plan))

    def list(self, **filters: Any) -> AsyncIterator[Plan]:
        """Plans that you may see: `country=["KEN"]`, `start_gte="2027-01-01"`, `theme=...`, `limit=...` per page."""
        return self._all(Plan, "plans", query=filters)

    async def amend(self, plan: str, changes: Mapping[str, Any], *, etag: str | None = None) -> Plan:
        """Merge `changes` in (None removes a value). Without the `etag` you read, the present version is amended."""
        return await self._run(
            calls.patch(Plan, "plans", plan, body=dict(changes), if_match=etag or await self._etag(plan))
        )

    def history(self, plan: str) -> "AsyncIterator[Resource]":
        return self._all(Resource, "plans", plan, "history", query={})

    async def check(self, body: Mapping[str, Any] | None = None, **fields: Any) -> Resource:
        """Similar plans (`data`) and collisions (`overlaps`) among what you may see; nothing is stored."""
        return await self._run(calls.check_plan({**(body or {}), **fields}))

    async def sight(self, body: Mapping[str, Any] | None = None, **fields: Any) -> Resource:
        """Who would see it, for each label (`data`); nothing is stored."""
        return await self._run(calls.sight({**(body or {}), **fields}))

    async def calendar(self, **filters: Any) -> bytes:
        """The plans that you may see as an iCalendar file, at most a thousand; the filters of `list`."""
        return await self._run(calls.calendar(filters))

    async def confirm(self, plan: str, *, etag: str | None = None, key: str | None = None) -> Plan:
        return await self._act(plan, "confirm", etag, key)

    async def cancel(self, plan: str, *, etag: str | None = None, key: str | None = None) -> Plan:
        return await self._act(plan, "cancel", etag, key)

    async def complete(self, plan: str, *, etag: str | None = None, key: str | None = None) -> Plan:
        return await self._act(plan, "complete", etag, key)

    async def postpone(self, plan: str, *, etag: str | None = None, key: str | None = None) -> Plan:
        return await self._act(plan, "postpone", etag, key)

    async def claim(self, plan: str, *, etag: str | None = None, key: str | None = None) -> Plan:
        """Take over a plan that a coordinator posted on your partner's behalf."""
        return await self._act(plan, "claim", etag, key)

    async def _act(self, plan: str, action: str, etag: str | None, key: str | None) -> Plan:
        return await self._run(calls.plan_action(plan, action, etag or await self._etag(plan), key))

    async def _etag(self, plan: str) -> str:
        return (await self.get(plan)).etag or ""


class Alerts(_Group):
    def list(self, **filters: Any) -> AsyncIterator[Alert]:
        """Alerts that wait for a decision; `status="all"` for every one, `kind="duplicate"`."""
        return self._all(Alert, "alerts", query=filters)

    async def get(self, alert: str) -> Alert:
        return await self._run(calls.get(Alert, "alerts", alert))

    async def decide(
        self,
        alert: str,
        verdict: str,
        *,
        plans: Sequence[str] | None = None,
        reason: str | None = None,
        until: str | None = None,
        etag: str | None = None,
        key: str | None = None,
    ) -> Decision:
        """`link`, `distinct`, `ask_to_move`, `snooze` (until) or `escalate`; `plans` decides on part of the group.

        With `etag` the server refuses when the alert has changed since you read it.
        """
        return await self._run(calls.decide(alert, verdict, plans, reason, until, etag, key))


class Decisions(_Group):
    async def get(self, decision: str) -> Decision:
        return await self._run(calls.get(Decision, "decisions", decision))

    async def reverse(self, decision: str, *, reason: str | None = None, key: str | None = None) -> Decision:
        return await self._run(calls.reverse(decision, reason, key))


class Activities(_Group):
    def list(self, **filters: Any) -> AsyncIterator[Activity]:
        return self._all(Activity, "activities", query=filters)

    async def get(self, activity: str) -> Activity:
        return await self._run(calls.get(Activity, "activities", activity))


class Organisations(_Group):
    def list(self, **filters: Any) -> AsyncIterator[Organisation]:
        return self._all(Organisation, "organisations", query=filters)

    async def get(self, organisation: str) -> Organisation:
        return await self._run(calls.get(Organisation, "organisations", organisation))

    async def add(self, *, key: str | None = None, **fields: Any) -> Organisation:
        return await self._run(calls.post(Organisation, "organisations", body=fields, key=key))

    async def amend(self, organisation: str, changes: Mapping[str, Any], *, etag: str | None = None) -> Organisation:
        tag = etag or (await self.get(organisation)).etag or ""
        return await self._run(
            calls.patch(Organisation, "organisations", organisation, body=dict(changes), if_match=tag)
        )

    async def resolve(self, *names: str, limit: int = 5) -> Resource:
        """Which organisations names mean as people write them, at most 200 at once: `data` in the order of the names."""
        return await self._run(calls.resolve(names, limit))


class People(_Group):
    async def me(self) -> Person:
        """Who the key or token speaks for."""
        return await self._run(calls.get(Person, "me"))

    def list(self, **filters: Any) -> AsyncIterator[Person]:
        return self._all(Person, "people", query=filters)

    async def get(self, person: str) -> Person:
        return await self._run(calls.get(Person, "people", person))

    async def add(self, *, key: str | None = None, **fields: Any) -> Person:
        return await self._run(calls.post(Person, "people", body=fields, key=key))

    async def amend(self, person: str, changes: Mapping[str, Any], *, etag: str | None = None) -> Person:
        tag = etag or (await self.get(person)).etag or ""
        return await self._run(calls.patch(Person, "people", person, body=dict(changes), if_match=tag))

    async def confirm(self, person: str) -> Person:
        """The focal point goes on being one."""
        return await self._run(calls.post(Person, "people", person, action="confirm"))


class Invitations(_Group):
    def list(self, **filters: Any) -> AsyncIterator[Invitation]:
        return self._all(Invitation, "invitations", query=filters)

    async def add(self, *, key: str | None = None, **fields: Any) -> Invitation:
        """Invite; the answer carries the one-use code, this once."""
        return await self._run(calls.post(Invitation, "invitations", body=fields, key=key))

    async def redeem(self, code: str, *, key: str | None = None, **fields: Any) -> ApiKey:
        """Turn a code into the person's first key. Needs no key of your own."""
        return await self._run(calls.redeem(code, fields, key))


class Keys(_Group):
    def list(self, **filters: Any) -> AsyncIterator[ApiKey]:
        return self._all(ApiKey, "keys", query=filters)

    async def issue(self, *, key: str | None = None, **fields: Any) -> ApiKey:
        """A further key; shown this once."""
        return await self._run(calls.post(ApiKey, "keys", body=fields, key=key))

    async def revoke(self, api_key: str) -> ApiKey:
        return await self._run(calls.post(ApiKey, "keys", api_key, action="revoke"))


class Tokens(_Group):
    async def issue(self, **fields: Any) -> Resource:
        """A signed token for some minutes, so that a browser or a job need not hold the key."""
        return await self._run(calls.post(Resource, "tokens", body=fields))


class Inbox(_Group):
    def list(self, **filters: Any) -> AsyncIterator[InboxEntry]:
        return self._all(InboxEntry, "inbox", query=filters)

    async def mark(self, alert: str, mark: str) -> InboxEntry:
        """`read`, `unread` or `done`."""
        return await self._run(calls.mark(alert, mark))


class Weights(_Group):
    """What likeness is worth to matching (for administrators)."""

    async def get(self) -> Resource:
        return await self._run(calls.get(Resource, "weights"))

    async def labels(self) -> Resource:
        """What coordinators decided, to learn from: levels of likeness and verdicts."""
        return await self._run(calls.get(Resource, "weights", "labels"))

    async def install(self, table: Mapping[str, Any], *, reason: str | None = None, key: str | None = None) -> Resource:
        return await self._run(calls.install_weights(table, reason, key))


class Audit(_Group):
    """What was done, and the proof that it was not changed since. service: activities, partners, notifications."""

    async def keys(self, service: str) -> Resource:
        return await self._run(calls.get(Resource, "audit", service, "keys"))

    async def latest(self, service: str) -> Resource:
        """The newest signed checkpoint; its `note` is what to keep."""
        return await self._run(calls.get(Resource, "audit", service, "checkpoints", "latest"))

    def entries(self, service: str, **filters: Any) -> AsyncIterator[Resource]:
        """The effects that concern you, each with its proof: `size`, `subject`, `limit` per page."""
        return self._all(Resource, "audit", service, "entries", query=filters)

    async def inclusion(self, service: str, leaf: int, size: int) -> Resource:
        return await self._run(calls.get(Resource, "audit", service, "inclusion", query={"leaf": leaf, "size": size}))

    async def consistency(self, service: str, older: int, size: int) -> Resource:
        return await self._run(
            calls.get(Resource, "audit", service, "consistency", query={"from": older, "size": size})
        )


class Deadletters(_Group):
    """Messages that a service's consumers gave up on (for administrators). service: activities, partners, ..."""

    def list(self, service: str, **filters: Any) -> AsyncIterator[Resource]:
        return self._all(Resource, service, "deadletters", query=filters)

    async def get(self, service: str, letter: str) -> Resource:
        return await self._run(calls.get(Resource, service, "deadletters", letter))

    async def retry(self, service: str, letter: str) -> Resource:
        return await self._run(calls.post(Resource, service, "deadletters", letter, action="retry"))


class AsyncConvene:
    """A connection to one Convene.

    base_url   `http://127.0.0.1:8000`
    key        an API key or a token; without one you see what everybody sees
    tries      of a request that may be repeated; `timeout` is per try, in seconds
    transport  for tests
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        tries: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        sent = {"User-Agent": USER_AGENT, **({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        self.http = httpx.AsyncClient(base_url=self.base_url, headers=sent, timeout=timeout, transport=transport)
        self._tries = tries
        self.plans = Plans(self.run)
        self.alerts = Alerts(self.run)
        self.decisions = Decisions(self.run)
        self.activities = Activities(self.run)
        self.organisations = Organisations(self.run)
        self.people = People(self.run)
        self.invitations = Invitations(self.run)
        self.keys = Keys(self.run)
        self.tokens = Tokens(self.run)
        self.inbox = Inbox(self.run)
        self.deadletters = Deadletters(self.run)
        self.weights = Weights(self.run)
        self.audit = Audit(self.run)

    async def run(self, call: Call[T], /) -> T:
        """Carry out a request, with its retries. Raises ConveneError or Unreachable."""
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(worth_another_try(call)),
                stop=patience(self._tries, 60),
                wait=waiting(),
                reraise=True,
            ):
                with attempt:
                    return call.parse(check(await self.http.send(request_of(self.http, call))))
        except (Busy, httpx.TransportError) as error:
            raise final(error, self.base_url) from error
        raise AssertionError("unreachable")

    async def vocabularies(self) -> Resource:
        return await self.run(calls.get(Resource, "vocabularies"))

    async def events(self, **filters: Any) -> AsyncIterator[Event]:
        """The history of what you may see, page by page: `types=[...]`, `country=[...]`, `since=...`, `cursor=...`."""
        cursor = filters.pop("cursor", None)
        while True:
            found = await self.run(calls.events({**filters, "cursor": cursor}))
            for each in events_of_page(found):
                yield each
            if not found.get("next_cursor") or found["next_cursor"] == cursor or not found.get("data"):
                return
            cursor = found["next_cursor"]

    async def stream(
        self,
        *,
        since: str | None = None,
        last_event_id: str | None = None,
        tries: int = 10,
        on_open: Callable[[], None] | None = None,
        **filters: Any,
    ) -> AsyncIterator[Event]:
        """Events as they happen, for ever; a cut connection is resumed after the last event received.

        on_open  called once, when the first bytes have arrived: from then on nothing that happens is missed

        Raises ConveneError 410 when the position is no longer in the history, Unreachable after `tries` failures
        in a row.
        """
        resumption = Resumption(filters, since, last_event_id, tries, on_open)
        while True:
            error: Exception | None = None
            try:
                response = await self.http.send(resumption.request(self.http), stream=True)
                try:
                    if response.status_code >= 400:
                        await response.aread()
                    async for chunk in check(response).aiter_bytes():
                        for each in resumption.events(chunk):
                            yield each
                finally:
                    await response.aclose()
            except (Busy, httpx.TransportError) as broken:
                error = broken
            await asyncio.sleep(resumption.pause_after(error, self.base_url))

    async def close(self) -> None:
        await self.http.aclose()

    async def __aenter__(self) -> "AsyncConvene":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
