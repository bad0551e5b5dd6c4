"""Settings of this service: `ACTIVITIES_DATABASE_URL` and friends (shared/settings.py has the common ones)."""

from dataclasses import replace
from types import MappingProxyType
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import SettingsConfigDict

from services.activities.matching.overlap_rules import LEVELS, RULES, Kind, Rules
from shared.settings import ServiceSettings


class OverlapSetting(BaseModel):
    """One kind of overlap in this installation; what is not given stays as it is shipped."""

    model_config = ConfigDict(extra="forbid")

    on: bool = True
    days: int | None = Field(None, ge=0, le=366, description="most days between the two")
    alert_from: Literal["low", "medium", "high"] | None = Field(
        None,
        description="the least severity that a coordinator is asked about; below it, it is only shown to who plans",
    )


class ActivitiesSettings(ServiceSettings):
    # ACTIVITIES_OVERLAP_EFFORT_DAYS: two steps down, for no other setting has parts
    model_config = SettingsConfigDict(
        env_prefix="ACTIVITIES_",
        extra="ignore",
        populate_by_name=True,
        env_nested_delimiter="_",
        env_nested_max_split=2,
    )

    posts_per_hour: int = Field(
        1000,
        ge=1,
        description="plans that one partner may post or change in an hour, so that nobody searches with bait",
    )
    timer_seconds: float = Field(2.0, description="how often the holder of the timers lease looks for what is due")
    overlap: dict[str, OverlapSetting] = Field(
        {}, description="by kind (people, audience, venue, funding, effort): `on`, `days`, `alert_from`"
    )

    @field_validator("overlap")
    @classmethod
    def _known_kinds(cls, found: dict[str, OverlapSetting]) -> dict[str, OverlapSetting]:
        if unknown := sorted(set(found) - set(RULES.by_kind)):
            raise ValueError(f"{', '.join(unknown)}: no kind of overlap; there are {', '.join(RULES.by_kind)}")
        return found

    @property
    def overlap_rules(self) -> Rules:
        """The rules of this installation."""
        table = dict(RULES.by_kind)
        for name, given in self.overlap.items():
            kind = cast(Kind, name)
            rule = table[kind]
            table[kind] = replace(
                rule,
                on=given.on,
                window=rule.window if given.days is None else given.days,
                least=rule.least if given.alert_from is None else LEVELS[given.alert_from],
            )
        return Rules(MappingProxyType(table))
