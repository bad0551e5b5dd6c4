"""Settings of this service: `ACTIVITIES_DATABASE_URL` and friends (shared/settings.py has the common ones)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ActivitiesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ACTIVITIES_", extra="ignore", populate_by_name=True)

    timer_seconds: float = Field(2.0, description="how often the holder of the timers lease looks for what is due")
