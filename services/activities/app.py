"""The composition root: settings -> database, bus, consumers, routes."""

import asyncio

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.activities.api import alerts, calendar, plans, weights
from services.activities.consumers import MATCHER, subscriptions
from services.activities.handlers.timers import reread, wake_snoozed
from services.activities.matching.features import build_tables
from services.activities.orm import kernel, known
from services.activities.queries.audit import ActivityAffairs
from services.activities.queries.held import HOLDINGS
from services.activities.settings import ActivitiesSettings
from services.activities.uow.unit import SOURCE, TOPIC, ActivitiesUnit
from services.activities.uow.weights import digest_of_rules, rescore_if_other
from shared import migrations
from shared.audit.api import audit_router
from shared.auth import Authenticator
from shared.bus.factory import make_bus
from shared.bus.port import Bus
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.deadletters import deadletter_router
from shared.held import held_router
from shared.housekeeping import ended_keys
from shared.ids import Ids, Uuid7Ids
from shared.leases import MATCHING, TIMERS, Term, wait
from shared.reader import SERVICE
from shared.service import Runtime, health_router
from shared.web import make_app

NAME = "activities"


def build(
    settings: ActivitiesSettings, *, clock: Clock | None = None, ids: Ids | None = None, bus: Bus | None = None
) -> FastAPI:
    """The service as an ASGI application. With `bus` it shares that of the one-process runner."""
    clock = clock or (SystemClock.starting_at(settings.clock_start) if settings.clock_start else SystemClock())
    ids = ids or Uuid7Ids(clock)
    db = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        statement_seconds=settings.statement_seconds,
    )
    config = migrations.config_for(__file__)

    async def prepare() -> None:
        await (migrations.upgrade(db, config) if settings.migrate_at_start else migrations.require_current(db, config))
        await asyncio.to_thread(build_tables)
        # what another release stored cannot be compared with what this one stores: read before anything is served
        while True:
            async with db.write(SERVICE) as session:
                if not await ActivitiesUnit(session, clock, ids, actor=SOURCE).read_old(200):
                    break

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
    )
    digest = digest_of_rules(settings.overlap_rules)

    async def elected(session: AsyncSession) -> None:
        await rescore_if_other(session, MATCHING, digest, clock.now().date())

    for consumer, subscription in subscriptions(clock, ids, runtime.leases, settings.overlap_rules).items():
        matches = consumer == MATCHER
        runtime.subscribe(subscription, lane=MATCHING if matches else None, elected=elected if matches else None)
    runtime.background("timers", _timers(runtime, clock, ids, settings, digest))

    app = make_app(
        "Convene activities",
        "Plans, matching, alerts, decisions and joint activities.",
        runtime.lifespan,
        max_body_bytes=settings.max_body_bytes,
        rates=settings.rates,
        clock=clock,
    )
    app.state.runtime, app.state.settings = runtime, settings
    app.state.clock, app.state.ids = clock, ids
    app.state.authenticator = Authenticator(db, known, clock)
    runtime.background("key_use", app.state.authenticator.use.run)
    for router in (
        calendar.router,
        plans.router,
        alerts.router,
        weights.router,
        audit_router(runtime, known, ActivityAffairs()),
        held_router(runtime, known, ActivityAffairs(), HOLDINGS),
        deadletter_router(runtime, NAME),
        health_router(runtime),
    ):
        app.include_router(router)
    return app


def _timers(runtime: Runtime, clock: Clock, ids: Ids, settings: ActivitiesSettings, digest: str):
    rules = settings.overlap_rules

    async def run(stop: asyncio.Event) -> None:
        async def work(term: Term) -> None:
            async with runtime.db.write(SERVICE) as session:
                await runtime.leases.fence(session, term)
                await rescore_if_other(session, TIMERS, digest, clock.now().date())
            while not stop.is_set():
                async with runtime.db.write(SERVICE) as session:
                    await runtime.leases.fence(session, term)
                    await runtime.leases.enter(session, MATCHING)
                    uow = ActivitiesUnit(session, clock, ids, actor=SOURCE, rules=rules)
                    done = await wake_snoozed(uow) + await reread(uow)
                    await uow.flush()
                # where something waited more may wait; in between the lane is free for others
                if done:
                    runtime.relay.nudge()
                else:
                    await wait(stop, settings.timer_seconds)

        await runtime.leases.lead(TIMERS, work, stop)

    return run
