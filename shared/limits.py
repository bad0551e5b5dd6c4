"""How many requests are answered: token buckets, counted in this process alone (three replicas answer three times as many).

Asked before the body is read and before the database is: by the credential as it was presented, and by its holder once this
process has met it, so that ten keys or a hundred tokens of one person are one person. What nobody is behind goes by the
client's address, and so do failures: whoever guesses keys, tickets or codes is stopped long before a guess is worth it.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import Clock
from shared.problem import Problem
from shared.refusal import problem_response
from shared.registry import Holder

MOST = 20_000
"""Names that are remembered, of buckets and of holders."""

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute; a bucket holds a minute's worth.

    holder    of one person or service, with whatever credentials
    public    of one client address, without any
    failures  of one client address: wrong credentials, and refused posts of nobody's (a code redeemed, a sign-in)
    proxies   whose X-Forwarded-For is believed
    """

    holder: int
    public: int
    failures: int
    proxies: Networks = ()


class Buckets:
    """burst: requests at once; every: seconds until one more is allowed. One bucket for each name (GCRA, ITU-T I.371 annex A).

    room: names that are remembered; those are forgotten first that are the furthest from their limit.
    """

    def __init__(self, clock: Clock, *, burst: int, every: float, room: int = MOST) -> None:
        self._clock, self._every, self._room = clock, every, room
        self._tolerance = every * (burst - 1)
        self._full_at: dict[Hashable, float] = {}

    @classmethod
    def per_minute(cls, number: int, clock: Clock) -> Buckets:
        """A minute's worth at once, then evenly."""
        return cls(clock, burst=number, every=60 / number)

    def wait(self, name: Hashable) -> float:
        """Seconds until there is room for one; 0 where there is now."""
        now = self._clock.monotonic()
        return max(0.0, self._full_at.get(name, now) - now - self._tolerance)

    def take(self, name: Hashable) -> None:
        """Count one, even one for which there is no room yet."""
        now = self._clock.monotonic()
        if name not in self._full_at and len(self._full_at) >= self._room:
            self._make_room(now)
        self._full_at[name] = max(self._full_at.get(name, now), now) + self._every

    def give_back(self, name: Hashable) -> None:
        """The last one was harmless."""
        if name in self._full_at:
            self._full_at[name] -= self._every

    def __len__(self) -> int:
        return len(self._full_at)

    def _make_room(self, now: float) -> None:
        self._full_at = {name: at for name, at in self._full_at.items() if at > now}
        if len(self._full_at) >= self._room:
            # a tenth at a time, so that a flood of names does not sort the table for each of them
            spared = sorted(self._full_at.items(), key=lambda each: each[1])[self._room // 10 + 1 :]
            self._full_at = dict(spared)


class LimitRates:
    """429 with `Retry-After` for requests to the API beyond the rates. refused: told of each."""

    def __init__(
        self, app: ASGIApp, rates: Rates, clock: Clock, refused: Callable[[Scope, int], None] | None = None
    ) -> None:
        self._app, self._rates, self._refused = app, rates, refused
        self._holders, self._public = Buckets.per_minute(rates.holder, clock), Buckets.per_minute(rates.public, clock)
        self._failures = Buckets.per_minute(rates.failures, clock)
        self._met: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        address, shown = client_address(scope, self._rates.proxies), _presented(scope)
        holder = self._met.get(shown) if shown else None
        buckets, name = (self._holders, holder or shown) if shown else (self._public, address)
        guesses = not holder and (shown or scope["method"] == "POST")
        wait = max(buckets.wait(name), self._failures.wait(address) if guesses else 0.0)
        if wait:
            if holder:
                scope.setdefault("state", {})["principal"] = holder
            if self._refused:
                self._refused(scope, 429)
            await _refused(wait)(scope, receive, send)
            return
        buckets.take(name)
        state = scope.setdefault("state", {})

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._learn(shown, holder, state.get("holder"))
                if _failed(message["status"], shown, scope["method"]):
                    self._failures.take(address)
            await send(message)

        await self._app(scope, receive, watch)

    def _learn(self, shown: str | None, met: str | None, found: Holder | None) -> None:
        if not shown:
            return
        if not found:
            self._met.pop(shown, None)  # it does not hold any more, or was not asked for
            return
        if found.principal.id != met:
            self._holders.take(found.principal.id)  # what was counted for the credential alone
        self._met[shown] = found.principal.id
        self._met.move_to_end(shown)
        if len(self._met) > MOST:
            self._met.popitem(last=False)


def client_address(scope: Scope, proxies: Networks) -> str:
    """Who is at the other end: the last one in `X-Forwarded-For` whom a proxy of ours has seen, else the peer."""
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    before = [each.strip() for line in Headers(scope=scope).getlist("x-forwarded-for") for each in line.split(",")]
    while before and _within(address, proxies):
        address = before.pop()[:100]
    return address


def networks(text: str) -> Networks:
    """`10.0.0.0/8, ::1`. Raises ValueError."""
    return [ip_network(each.strip()) for each in text.split(",") if each.strip()]


def _within(address: str, proxies: Networks) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in proxies)


def _presented(scope: Scope) -> str | None:
    """A name for the credential: never the credential."""
    shown = Headers(scope=scope).get("authorization")
    if shown is None and b"ticket=" in scope["query_string"]:
        shown = scope["query_string"].decode("latin-1")
    return "shown:" + hashlib.sha256(shown.encode("latin-1")).hexdigest() if shown else None


def _failed(status: int, shown: str | None, method: str) -> bool:
    if shown:
        return status == 401
    return method == "POST" and 400 <= status < 500 and status not in (401, 413)


def _refused(wait: float) -> ASGIApp:
    seconds = math.ceil(wait)
    return problem_response(
        Problem(
            "too-many-requests",
            f"Too many requests in too short a time; come again in {seconds} s.",
            headers={"Retry-After": str(seconds), "Connection": "close"},
        )
    )
