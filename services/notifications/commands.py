"""What people ask this service to do."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["read", "unread", "done"]


@dataclass(frozen=True, slots=True)
class MarkAlert:
    """Set one alert in the inbox of the person who asks."""

    alert: str
    mark: Mark
