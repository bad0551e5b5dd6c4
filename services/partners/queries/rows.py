"""What the queries of this service share: a page of rows, and a code in a list."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast
from sqlalchemy.ext.asyncio import AsyncSession

from shared.paging import Page


def lists(column: Any, code: str) -> Any:
    """Whether a JSON list of plain codes holds this one; the same words on both databases."""
    return cast(column, Text).contains(f'"{code}"', autoescape=True)


async def paged(session: AsyncSession, statement: Any, order: Any, page: Page) -> tuple[Sequence[Any], str | None]:
    if page.after:
        statement = statement.where(order > page.after[0])
    rows = (await session.execute(statement.order_by(order).limit(page.limit + 1))).scalars().all()
    return (rows[: page.limit], getattr(rows[page.limit - 1], order.key)) if len(rows) > page.limit else (rows, None)
