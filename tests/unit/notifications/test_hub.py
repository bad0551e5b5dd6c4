"""Who may follow the hub, and from which row on: nothing may fall between replay and following."""

import asyncio
from collections.abc import Mapping

from services.notifications.domain import Position
from services.notifications.queries.feed import Extent, Page
from services.notifications.queries.sight import Asked, Shown
from services.notifications.stream.cursor import Sealer
from services.notifications.stream.hub import Hub
from services.notifications.uow import Known
from shared.clock import SystemClock
from shared.filters import Columns
from shared.reader import Reader
from shared.visibility import CLEAR, PUBLIC, Facts
from tests.support.notifications import START

A, B = ("activities.v1", 0), ("activities.v1", 1)


def row(lane: tuple[str, int], offset: int) -> Shown:
    subject = f"plan_{lane[1]}_{offset}"
    return Shown(
        lane=lane, offset=offset, name="plan.posted", subject=subject, time=START, label=CLEAR, columns=(Columns(),),
        sides=(), document=f'{{"id":"{subject}","data":{{}}}}', event_id=subject, sequence=1,
    )  # fmt: skip


class FakeFeed:
    """What a Feed answers, from a list."""

    def __init__(self, end: Position) -> None:
        self.end, self.rows = end, list[Shown]()

    async def log_id(self) -> str:
        return "log_1"

    async def extent(self) -> Extent:
        return Extent({}, self.end, None)

    async def read(self, position: Position, limit: int, _reader: Reader) -> Page:
        found = [each for each in self.rows if each.offset >= position.get(each.lane, 0)][:limit]
        reached = dict(position)
        known: Mapping[str, Known] = {each.subject: Known(1, Facts(CLEAR, "org_1"), Columns()) for each in found}
        for each in found:
            reached[each.lane] = each.offset + 1
        return Page(found, known, reached, len(found) < limit)


class Ear:
    def __init__(self) -> None:
        self.woken, self.ended = asyncio.Event(), False

    def wake(self) -> None:
        self.woken.set()

    def end(self) -> None:
        self.ended = True

    def cut(self) -> None: ...


async def following(feed: FakeFeed, keep: int) -> tuple[Hub, Ear]:
    hub = Hub(feed, Sealer(bytes(32)), SystemClock(), asyncio.Event(), poll=0.01, keep=keep)  # type: ignore[arg-type]
    ear = Ear()
    hub.attach(ear)
    await asyncio.wait_for(ear.woken.wait(), 5)
    return hub, ear


async def grown(hub: Hub, feed: FakeFeed, *rows: Shown) -> None:
    feed.rows += rows
    end = hub.end + len(rows)
    hub.nudge()
    async with asyncio.timeout(5):
        while hub.end < end:
            await asyncio.sleep(0.001)


async def test_a_stream_joins_only_where_nothing_is_missing() -> None:
    feed = FakeFeed({A: 5, B: 7})
    hub, ear = await following(feed, keep=3)
    assert hub.covers({A: 5, B: 7}) == 0
    assert hub.covers({A: 9, B: 7}) == 0  # further is fine: what it has is passed over
    assert hub.covers({A: 4, B: 7}) is None
    assert hub.covers({A: 5}) is None
    await grown(hub, feed, *(row(A, n) for n in range(5, 10)))
    # the hub keeps three rows: A 7, 8, 9
    assert hub.covers({A: 5, B: 7}) is None
    assert hub.covers({A: 7, B: 7}) == 2
    assert not hub.keeps(1)
    assert [kept.event.offset for kept in hub.rows(2, hub.end)] == [7, 8, 9]
    assert set(hub.known) == {"plan_0_7", "plan_0_8", "plan_0_9"}
    hub.detach(ear)


async def test_each_row_carries_the_position_behind_it() -> None:
    feed = FakeFeed({A: 0, B: 0})
    hub, ear = await following(feed, keep=100)
    await grown(hub, feed, row(B, 0), row(A, 0), row(A, 1))
    assert [kept.position for kept in hub.rows(0, 3)] == [{A: 0, B: 1}, {A: 1, B: 1}, {A: 2, B: 1}]
    view = hub.view(PUBLIC, Asked())
    view.streams = 2
    first = view.render(0, 2)
    assert first is hub.view(PUBLIC, Asked()).render(0, 2)  # rendered once for all who see the same
    ids = [line[4:].decode() for line in first.split(b"\n") if line.startswith(b"id: ")]
    assert [hub.sealer.open(each, "public", "log_1", where="-") for each in ids] == [{A: 0, B: 1}, {A: 1, B: 1}]
    hub.detach(ear)


async def test_it_rests_while_nobody_listens_and_begins_anew() -> None:
    feed = FakeFeed({A: 0})
    hub, ear = await following(feed, keep=100)
    await grown(hub, feed, row(A, 0))
    hub.detach(ear)
    async with asyncio.timeout(5):
        while hub.following:
            await asyncio.sleep(0.001)
    feed.rows.append(row(A, 1))
    feed.end = {A: 2}
    again = Ear()
    hub.attach(again)
    await asyncio.wait_for(again.woken.wait(), 5)
    assert hub.covers({A: 1}) is None  # it has not seen what came while it rested
    assert hub.covers({A: 2}) == 1
    hub.detach(again)
