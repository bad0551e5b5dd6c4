"""Convene seen from outside, over HTTP alone: people with keys, plans that clash or do not, a stream that is listened to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Self, TypeVar

from convene import AsyncConvene, ConveneError, Event, Unreachable

from shared.countries import WORLD, countries_of_region

T = TypeVar("T")
PATIENCE = 60.0

CLEAR_OF_EACH_OTHER = sorted(countries_of_region(WORLD))
_WORDS = ("amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour", "indigo", "juniper", "kestrel")


async def until(look: Callable[[], Awaitable[T]], what: str, timeout: float = PATIENCE, pause: float = 0.1) -> T:
    """Look again and again until there is something true; a look that fails an assertion is not yet true, either."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        try:
            if found := await look():
                return found
        except AssertionError:
            if loop.time() > deadline:
                raise
        assert loop.time() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(pause)


async def join(url: str, admin_key: str, name: str, *others: str, **person: Any) -> str:
    """Invite somebody and redeem the invitation: the new key, once every service (and the replicas `others`) knows it."""
    async with AsyncConvene(url, admin_key) as admin, AsyncConvene(url) as nobody:

        async def invited() -> Any:
            with suppress(Unreachable):
                return await admin.invitations.add(name=name, key=f"invite-{name}", **person)

        invitation = await until(invited, "an invitation")
        key = (await nobody.invitations.redeem(str(invitation["code"]))).key
    assert key
    for base in (url, *others):
        await until(lambda base=base: _knows(base, key), f"{base} knows the key of {name}")
    return key


async def _knows(url: str, key: str) -> bool:
    # both ask their own service's read models
    async with AsyncConvene(url, key, tries=1) as client:
        try:
            await anext(client.plans.list(limit=1), None)
            await anext(client.inbox.list(limit=1), None)
        except ConveneError as error:
            if error.status == 404:  # a replica that is asked directly serves one of the two
                return True
            if error.status != 401:
                raise
            return False
        return True


def training(number: int, **changes: Any) -> dict[str, Any]:
    """Plan `number`: two with the same number are the same activity, two with different numbers never meet (another
    country, and where countries come round again, two years later)."""
    round_, country = divmod(number, len(CLEAR_OF_EACH_OTHER))
    word = _WORDS[number % len(_WORDS)]
    return {
        "title": f"Digital forensics training {word} {number}",
        "type": "training",
        "start": f"{2027 + 2 * round_}-05-10",
        "end": f"{2027 + 2 * round_}-05-14",
        "venues": [{"country": CLEAR_OF_EACH_OTHER[country]}],
        "audiences": ["investigators"],
        "themes": ["digital_forensics"],
        "tlp": "GREEN",
        **changes,
    }


async def history(url: str, key: str, **filters: Any) -> list[Event]:
    """All of `/api/v1/events` that this key may see, oldest first."""
    async with AsyncConvene(url, key) as client:
        return [each async for each in client.events(limit=200, **filters)]


class Listening:
    """A client of the stream, from the moment the block is entered until it is left. `events` grows."""

    def __init__(self, url: str, key: str, **filters: Any) -> None:
        self.events: list[Event] = []
        self._client = AsyncConvene(url, key)
        self._filters = filters
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        # From a known position on: an open connection is not yet a stream that listens.
        cursor = await until(self._position, "the end of the history")
        self._task = asyncio.create_task(self._follow(cursor))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()

    def of(self, name: str, *subjects: str) -> list[Event]:
        """Events of that name that concern one of these subjects, or name them among their sides."""
        return [each for each in self.events if each.name == name and (not subjects or set(subjects) & concerns(each))]

    async def until(self, seen: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
        """Wait until `seen()` is true of the events so far."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := seen()):
                    if self._task.done():
                        self._task.result()
                    self._news.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), 1.0)
                return found
        except TimeoutError:
            raise AssertionError(f"not on the stream within {timeout} s: {what}; seen: {self.told()}") from None

    def told(self) -> list[tuple[str, str, int]]:
        return [(each.name, each.subject, each.sequence) for each in self.events[-60:]]

    async def _position(self) -> str | None:
        cursor = None
        with suppress(Unreachable, ConveneError):
            while True:
                asked = {"limit": 200, **({"cursor": cursor} if cursor else {})}
                page = await self._client.http.get("/api/v1/events", params=asked)
                page.raise_for_status()
                cursor = page.json()["next_cursor"]
                if page.json()["caught_up"]:
                    return cursor
        return None

    async def _follow(self, cursor: str) -> None:
        async for event in self._client.stream(last_event_id=cursor, tries=1000, **self._filters):
            self.events.append(event)
            self._news.set()


def concerns(event: Event) -> set[str]:
    sides = event.data.get("sides") or ()
    return {event.subject, *(str(side.get("plan")) for side in sides if isinstance(side, Mapping))}


def check_order(events: list[Event]) -> dict[str, list[int]]:
    """Subject -> its sequences as they came; asserts that none came twice and none after a newer one."""
    seen: dict[str, list[int]] = {}
    for event in events:
        seen.setdefault(event.subject, []).append(event.sequence)
    for subject, sequences in seen.items():
        assert sequences == sorted(set(sequences)), f"{subject}: {sequences}"
    return seen
