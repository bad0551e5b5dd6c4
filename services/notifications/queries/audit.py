"""What rows of the audit are about: people's own marks on alerts. Everything else here is the installation's affair."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.orm import kernel
from shared.visibility import Affair, Principal


class NotificationAffairs:
    def may_concern(self, principal: Principal) -> ColumnElement[bool]:
        return kernel.audit.c.actor == principal.person

    async def of(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Affair | None]:
        return [Affair(people=frozenset({row.actor})) if row.action.startswith("inbox.") else None for row in rows]
