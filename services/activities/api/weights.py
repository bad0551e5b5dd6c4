"""The weights in force, the labels they can be corrected by, and another table in their place."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.activities.api.common import Services, problems
from services.activities.commands import InstallWeights
from services.activities.handlers import weights as handlers
from services.activities.queries.labels import labels
from services.activities.uow.unit import ActivitiesUnit
from services.activities.uow.weights import in_force
from shared.answers import IdempotencyKey
from shared.auth import Myself, require
from shared.idempotency import Answer
from shared.leases import MATCHING
from shared.reader import SERVICE
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", route_class=StrictRoute)


class WeightsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Annotated[
        dict[str, Any], Field(description="version, prior and fields, as `convene weights fit` writes it")
    ]
    reason: Annotated[str | None, Field(max_length=2000)] = None


class WeightsOut(BaseModel):
    version: str
    shipped: bool = Field(description="the table that came with the release")
    installed_by: str | None = Field(description="person id")
    installed_at: str | None
    reason: str | None
    document: dict[str, Any] = Field(
        description="1/100 bit: per level the worth against unrelated and against a series"
    )


class Label(BaseModel):
    verdict: str = Field(description="same or distinct")
    levels: dict[str, str] = Field(description="the level of likeness of each field")


class LabelPage(BaseModel):
    data: list[Label]


@router.get("/weights", tags=["weights"], response_model=WeightsOut, responses=problems("unauthenticated", "forbidden"))
async def get_weights(request: Request, principal: Myself) -> Any:
    """The weights that matching goes by now."""
    require(principal, "admin")
    async with Services(request).runtime.db.read() as session:
        _, row = await in_force(session)
        return handlers.represent(row)


@router.get(
    "/weights/labels", tags=["weights"], response_model=LabelPage, responses=problems("unauthenticated", "forbidden")
)
async def get_labels(request: Request, principal: Myself) -> Any:
    """What coordinators decided, as labels to learn from: levels of likeness and verdicts, without a word of any plan."""
    require(principal, "admin")
    services = Services(request)
    # from plans that the administrator does not see: levels of likeness, no word
    async with services.runtime.db.read(SERVICE) as session:
        return {"data": await labels(services.unit(session, principal))}


@router.post(
    "/weights",
    tags=["weights"],
    status_code=201,
    response_model=WeightsOut,
    responses=problems(
        "malformed", "unauthenticated", "forbidden", "conflict", "too-large", "invalid", "unsupported-media-type"
    ),
)
async def install_weights(
    request: Request, principal: Myself, body: WeightsBody, key: IdempotencyKey = None
) -> Response:
    """Put another table in force. `Idempotency-Key` is required. Plans that are not over, and those of stored matches, are scored
    again in the background."""
    command = InstallWeights(body.document, body.reason)

    async def work(uow: ActivitiesUnit) -> Answer:
        return Answer(201, await handlers.install(command, uow, principal), {"Location": "/api/v1/weights"})

    return await Services(request).run(
        request, principal, work, body=body.model_dump(mode="json"), key=key, key_required=True, lane=MATCHING
    )
