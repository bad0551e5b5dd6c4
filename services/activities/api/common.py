"""What the routers share: the way into the edge, domain errors as problems, documented error answers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.activities.domain.content import Invalid
from services.activities.domain.plan import Refused
from services.activities.settings import ActivitiesSettings
from services.activities.uow.unit import ActivitiesUnit
from shared.answers import committed, conditional
from shared.clock import Clock
from shared.etags import etag
from shared.idempotency import Answer
from shared.ids import Ids
from shared.problem import KINDS, Problem
from shared.service import Runtime
from shared.visibility import Principal


def problems(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for these kinds of problems."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status, title = KINDS[kind]
        known = found.get(status)
        found[status] = {
            "description": f"{known['description']}; {title}" if known else title,
            "content": {"application/problem+json": {"schema": {"type": "object"}}},
        }
    return found


class Services:
    """The runtime's parts that a route needs; made once per request from `app.state`."""

    def __init__(self, request: Request) -> None:
        runtime: Runtime = request.app.state.runtime
        self.runtime = runtime
        self.clock: Clock = request.app.state.clock
        self.ids: Ids = request.app.state.ids
        self.settings: ActivitiesSettings = request.app.state.settings

    def unit(self, session: AsyncSession, principal: Principal) -> ActivitiesUnit:
        return ActivitiesUnit(
            session,
            self.clock,
            self.ids,
            actor=principal.id,
            posts_per_hour=self.settings.posts_per_hour,
            rules=self.settings.overlap_rules,
        )

    async def run(
        self,
        request: Request,
        principal: Principal,
        work: Callable[[ActivitiesUnit], Awaitable[Answer]],
        *,
        body: Any = None,
        key: str | None = None,
        key_required: bool = False,
        lane: str | None = None,
    ) -> Response:
        """One command in one transaction; domain errors become problems that name the field."""

        try:
            return await committed(
                request,
                principal,
                lambda session: self.unit(session, principal),
                work,
                body=body,
                key=key,
                key_required=key_required,
                lane=lane,
            )
        except (Invalid, Refused) as error:
            raise as_problem(error) from error


def as_problem(error: Invalid | Refused) -> Problem:
    if isinstance(error, Refused):
        return Problem("conflict", str(error), [error.error])
    return Problem("invalid", str(error), error.errors)


def answer_with_tag(status: int, document: Mapping[str, Any], location: str | None = None) -> Answer:
    headers = {"ETag": etag(int(document["version"]), document)}
    if location:
        headers["Location"] = location
    return Answer(status, document, headers)


def tagged(document: Mapping[str, Any], if_none_match: str | None) -> Response:
    """A GET's answer: 304 where the caller holds this very representation."""
    return conditional(int(document.get("version", 0)), document, if_none_match)
