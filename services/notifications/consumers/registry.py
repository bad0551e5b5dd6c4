"""Who may ask: the read models that partners.v1 feeds."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.orm import known
from shared import registry
from shared.bus.dispatch import Subscription
from shared.cloudevent import Event


async def _project(event: Event, session: AsyncSession) -> None:
    await registry.project(session, known, event)


def subscriptions() -> list[Subscription]:
    return [
        Subscription(
            consumer="notifications.registry",
            topics=(registry.TOPIC,),
            handlers=dict.fromkeys(registry.CONSUMED, _project),
        )
    ]
