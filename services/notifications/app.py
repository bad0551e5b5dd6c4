"""The composition root of notifications: settings in, an application with everything behind it out."""

import asyncio
from datetime import timedelta

from fastapi import FastAPI

from services.notifications.api.inbox import inbox_router
from services.notifications.api.stream import Doors, stream_router
from services.notifications.consumed import FAMILIES
from services.notifications.consumers.feed import TOPICS, Projector
from services.notifications.consumers.registry import subscriptions
from services.notifications.handlers.feed import CONSUMER
from services.notifications.handlers.pruning import prune
from services.notifications.orm import kernel, known
from services.notifications.queries.audit import NotificationAffairs
from services.notifications.queries.feed import Feed
from services.notifications.queries.held import HOLDINGS
from services.notifications.settings import NotificationsSettings
from services.notifications.stream.cursor import sealer_for
from services.notifications.stream.door import Door
from services.notifications.stream.hub import Hub
from services.notifications.stream.live import Rhythm
from services.notifications.stream.seats import Seats
from services.notifications.stream.tickets import Tickets
from services.notifications.uow import TOPIC
from shared.audit.api import audit_router
from shared.auth import Authenticator
from shared.bus.factory import make_bus
from shared.bus.parking import dead_letter_topic
from shared.bus.port import Bus, Topic
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.deadletters import Source, deadletter_router
from shared.held import held_router
from shared.housekeeping import ended_keys
from shared.ids import Ids, Uuid7Ids
from shared.leases import wait
from shared.migrations import config_for, require_current, upgrade
from shared.reader import SERVICE
from shared.service import Runtime, Task, health_router
from shared.web import make_app

NAME = "notifications"
_HOUR = 3600.0


def build(
    settings: NotificationsSettings, *, clock: Clock | None = None, ids: Ids | None = None, bus: Bus | None = None
) -> FastAPI:
    """The application, not yet started. bus: one that the caller owns, and shares with the other services.

    Raises NoCursorKey where replicas could be running with different keys.
    """
    clock = clock or (SystemClock.starting_at(settings.clock_start) if settings.clock_start else SystemClock())
    ids = ids or Uuid7Ids(clock)
    db = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        statement_seconds=settings.statement_seconds,
    )
    config = config_for(__file__)

    async def prepare() -> None:
        if settings.migrate_at_start:
            await upgrade(db, config)
        else:
            await require_current(db, config)

    runtime = Runtime(
        name=NAME,
        db=db,
        kernel=kernel,
        bus=bus or make_bus(settings.bus_url, client_id=NAME, clock=clock, security=settings.bus_security),
        clock=clock,
        publishes=[TOPIC],
        prepare=prepare,
        lease_ttl=settings.lease_ttl,
        owns_bus=bus is None,
        replica=settings.replica,
        sealing=settings.sealing,
        forgets=[ended_keys(known)],
        topics=[each for topic in TOPICS for each in (Topic(topic), Topic(dead_letter_topic(topic, CONSUMER), 1))],
    )
    authenticator = Authenticator(db, known, clock)
    runtime.background("key_use", authenticator.use.run)
    sealer = sealer_for(settings)
    feed = Feed(db, runtime.bus)
    hub = Hub(feed, sealer, clock, runtime.closing, poll=settings.poll_seconds, keep=settings.live_events)
    projector = Projector(runtime.bus, db, clock, hold=settings.hold_seconds, after_commit=hub.nudge)
    for subscription in subscriptions():
        runtime.subscribe(subscription)
    runtime.background(CONSUMER, projector.run)
    runtime.report(CONSUMER, projector.progress.report)
    runtime.report("streams", lambda: hub.streams)
    if settings.feed_days:
        runtime.background("feed.prune", _pruning(db, feed, clock, timedelta(days=settings.feed_days)))

    doors = Doors(
        runtime=runtime,
        feed=feed,
        hub=hub,
        door=Door(authenticator, clock, fresh=settings.recheck_seconds),
        sealer=sealer,
        clock=clock,
        rhythm=Rhythm(settings.heartbeat_seconds, settings.stream_seconds),
        seats=Seats(settings.streams_per_person, settings.streams_per_partner),
        tickets=Tickets(db, authenticator, clock),
        max_streams=settings.max_streams,
    )
    app = make_app(
        "Convene notifications",
        "The stream of events, the feed behind it, and an inbox per person.",
        runtime.lifespan,
        max_body_bytes=settings.max_body_bytes,
        rates=settings.rates,
        clock=clock,
    )
    app.state.runtime, app.state.authenticator, app.state.settings = runtime, authenticator, settings
    app.include_router(stream_router(doors))
    app.include_router(inbox_router(doors, ids))
    parked = Source(CONSUMER, TOPICS, projector.apply, lambda name: name.partition(".")[0] in FAMILIES)
    app.include_router(deadletter_router(runtime, NAME, others=[parked]))
    app.include_router(audit_router(runtime, known, NotificationAffairs()))
    app.include_router(held_router(runtime, known, NotificationAffairs(), HOLDINGS))
    app.include_router(health_router(runtime))
    return app


def _pruning(db: Database, feed: Feed, clock: Clock, keep: timedelta) -> Task:
    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with db.write(SERVICE) as session:
                await prune(session, await feed.log_id(), clock.now() - keep)
            await wait(stop, _HOUR)

    return run
