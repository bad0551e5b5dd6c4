"""partners as a process: settings in, application out."""

import asyncio
from datetime import timedelta

import structlog
from fastapi import FastAPI

from services.partners import orm
from services.partners.api import access, invitations, organisations, people, signing_in
from services.partners.api.edge import on_rejected
from services.partners.consumers import subscriptions
from services.partners.domain.errors import Rejected
from services.partners.events import TOPIC
from services.partners.handlers.bootstrap import bootstrap
from services.partners.handlers.sessions import ended_sessions
from services.partners.handlers.signing import rotate_if_due
from services.partners.queries.audit import PartnerAffairs
from services.partners.queries.held import HOLDINGS
from services.partners.settings import PartnersSettings
from services.partners.signin.doors import doors
from services.partners.signin.provider import Provider
from services.partners.uow import LANE, PartnersUnitOfWork
from shared import migrations
from shared.audit.api import audit_router
from shared.auth import Authenticator
from shared.bus.factory import make_bus
from shared.bus.port import Bus
from shared.clock import Clock, SystemClock
from shared.db import Database, is_transient
from shared.deadletters import deadletter_router
from shared.held import held_router
from shared.housekeeping import ended_keys
from shared.ids import Ids, Uuid7Ids
from shared.leases import wait
from shared.service import Runtime, health_router
from shared.web import make_app

log = structlog.get_logger(__name__)

NAME = "partners"
LOOK_EVERY = 600.0
"""Seconds between two looks at the age of the signing key."""
ABOUT = "Organisations, people, invitations, API keys, short-lived tokens and the keys that sign them."


def build(
    settings: PartnersSettings, *, clock: Clock | None = None, ids: Ids | None = None, bus: Bus | None = None
) -> FastAPI:
    """The application. With `bus` (the one-process runner's) it neither makes nor stops one."""
    clock = clock or (SystemClock.starting_at(settings.clock_start) if settings.clock_start else SystemClock())
    ids = ids or Uuid7Ids(clock)
    db = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        statement_seconds=settings.statement_seconds,
        overwrites=True,
    )

    async def prepare() -> None:
        config = migrations.config_for(__file__)
        if settings.migrate_at_start:
            await migrations.upgrade(db, config)
        else:
            await migrations.require_current(db, config)
        async with db.write() as session:
            # Two replicas at their first start take turns here; the second finds everything done.
            await runtime.leases.enter(session, LANE)
            uow = PartnersUnitOfWork(session, clock, ids, actor="system")
            key = settings.bootstrap_key.get_secret_value() if settings.bootstrap_key else None
            await bootstrap(uow, key=key, data_dir=settings.data_dir, seed=settings.seed_registry)
            await uow.flush()
        await db.scrub()  # where a process ended between an erasure and this

    runtime = Runtime(
        name=NAME,
        db=db,
        kernel=orm.kernel,
        bus=bus or make_bus(settings.bus_url, client_id=NAME, clock=clock, security=settings.bus_security),
        clock=clock,
        publishes=(TOPIC,),
        prepare=prepare,
        lease_ttl=settings.lease_ttl,
        owns_bus=bus is None,
        replica=settings.replica,
        sealing=settings.sealing,
        forgets=[ended_keys(orm.known), ended_sessions],
    )
    for subscription in subscriptions():
        runtime.subscribe(subscription)
    if settings.signing_days:
        runtime.background("rotation", lambda stop: _keep_rotating(runtime, settings, ids, stop))
    app = make_app(
        "Convene: partners",
        ABOUT,
        runtime.lifespan,
        max_body_bytes=settings.max_body_bytes,
        rates=settings.rates,
        clock=clock,
    )
    app.add_exception_handler(Rejected, on_rejected)
    app.state.runtime, app.state.settings, app.state.ids = runtime, settings, ids
    app.state.authenticator = Authenticator(db, orm.known, clock)
    runtime.background("key_use", app.state.authenticator.use.run)
    provider = None
    if settings.oidc_issuer and settings.oidc_client_id:
        provider = Provider(
            settings.oidc_issuer, settings.oidc_client_id, clock, staff=settings.oidc_addresses_are_verified
        )
    app.state.doors = doors(clock, passwords=settings.passwords, provider=provider, proxies=settings.rates.proxies)
    routers = (
        organisations.router,
        organisations.actions,
        people.router,
        invitations.router,
        access.router,
        signing_in.router,
    )
    for router in routers:
        app.include_router(router)
    app.include_router(deadletter_router(runtime, NAME))
    app.include_router(audit_router(runtime, orm.known, PartnerAffairs()))
    app.include_router(held_router(runtime, orm.known, PartnerAffairs(), HOLDINGS))
    app.include_router(health_router(runtime))
    return app


async def rotate_when_due(runtime: Runtime, settings: PartnersSettings, ids: Ids) -> bool:
    """One look: whether the signing key was old enough to give way. Every replica looks; the lane lets one rotate."""
    async with runtime.db.write() as session:
        await runtime.leases.enter(session, LANE)
        uow = PartnersUnitOfWork(session, runtime.clock, ids, actor="system")
        overlap = timedelta(seconds=settings.signing_overlap)
        made = await rotate_if_due(timedelta(days=settings.signing_days), overlap, uow)
        await uow.flush()
    if made is None:
        return False
    runtime.relay.nudge()
    log.info("signing_key.rotated", kid=made.id)
    return True


async def _keep_rotating(runtime: Runtime, settings: PartnersSettings, ids: Ids, stop: asyncio.Event) -> None:
    while True:
        try:
            await rotate_when_due(runtime, settings, ids)
        except Exception as error:
            if not is_transient(error):
                raise
        if await wait(stop, LOOK_EVERY):
            return
