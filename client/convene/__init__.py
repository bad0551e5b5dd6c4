"""The Python client of Convene: `from convene import Convene` (or `AsyncConvene`).

    with Convene("http://127.0.0.1:8000", key="cvn_...") as convene:
        plan = convene.plans.post(title="...", type="training", start="2027-03-02", end="2027-03-04")
        for event in convene.stream(types=["alert.opened"], country=["KEN"]):
            print(event.name, event.subject)

Requests that may be sent twice are retried with jitter, each POST carries an `Idempotency-Key` so that it may, lists
fetch their pages as you go, streams resume where they were cut. Errors are `ConveneError`, which names the fields.

This file imports, unlike the other packages' here: `convene` is the one name that users import.
"""

from convene.asynchronous import AsyncConvene
from convene.errors import ConveneError, Unreachable
from convene.events import Event
from convene.models import (
    Activity,
    Alert,
    ApiKey,
    Decision,
    InboxEntry,
    Invitation,
    Organisation,
    Person,
    Plan,
    Resource,
)
from convene.synchronous import Convene

__all__ = [
    "Activity",
    "Alert",
    "ApiKey",
    "AsyncConvene",
    "Convene",
    "ConveneError",
    "Decision",
    "Event",
    "InboxEntry",
    "Invitation",
    "Organisation",
    "Person",
    "Plan",
    "Resource",
    "Unreachable",
]
