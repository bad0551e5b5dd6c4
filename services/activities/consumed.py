"""What this service knows of other services' events: their names, and tolerant models of what it reads in them.

Partners' events only fill the read models (shared/registry.py has their models). Its own plan events come back into the
matching lane as mere wake-ups: matching reads the plan's present version, not the event's.
"""

from pydantic import BaseModel, ConfigDict

from shared.registry import CONSUMED as REGISTRY_EVENTS
from shared.registry import TOPIC as PARTNERS_TOPIC

__all__ = ["PARTNERS_TOPIC", "REGISTRY_EVENTS", "PlanChanged"]


class PlanChanged(BaseModel):
    """Any `plan.*` event, as the lane reads it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    version: int
