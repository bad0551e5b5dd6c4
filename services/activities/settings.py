"""Settings of this service: `ACTIVITIES_DATABASE_URL` and friends (shared/settings.py has the common ones)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ActivitiesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ACTIVITIES_", extra="ignore", populate_by_name=True)

    posts_per_hour: int = Field(
        1000,
        ge=1,
        description="plans that one partner may post or change in an hour, so that nobody searches with bait",
    )
    timer_seconds: float = Field(2.0, description="how often the holder of the timers lease looks for what is due")
