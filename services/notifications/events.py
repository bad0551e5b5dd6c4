"""The facts this service publishes on `notifications.v1`; contracts are generated from these models. None yet."""

from collections.abc import Mapping

from pydantic import BaseModel

EVENTS: Mapping[str, type[BaseModel]] = {}
