"""Settings that every service has. One class per service derives from this with its own prefix (`ACTIVITIES_`).

What all services share (the bus, telemetry, the demo's clock) is read without prefix: `BUS_URL`, `OTEL_...`.
"""

from datetime import datetime
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings of one service process. Secrets are SecretStr: printing the settings masks them."""

    # a refused secret must not be repeated in the error that ends up in a log
    model_config = SettingsConfigDict(
        extra="ignore", populate_by_name=True, secrets_dir=None, hide_input_in_errors=True
    )

    database_url: SecretStr = Field(description="`sqlite+aiosqlite:///...` or `postgresql+asyncpg://...`")
    database_pool: int = Field(10, description="connections per replica (PostgreSQL)")
    bus_url: str = Field(
        "memory://",
        validation_alias=AliasChoices("bus_url", "BUS_URL"),
        description="`memory://`, `sqlite:///path`, `kafka://host:port,...`",
    )
    migrate_at_start: bool = Field(
        False, description="embedded only: distributed services refuse an older schema instead"
    )
    max_body_bytes: int = Field(1_000_000, description="larger requests are a 413")
    replica: str | None = Field(
        None,
        description="a name kept over restarts, where no second process can have it; then leases are taken up again at once",
    )
    lease_ttl: float = Field(9.0, description="seconds a silent leader keeps its office")
    otel_endpoint: str | None = Field(
        None, validation_alias=AliasChoices("otel_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    clock_start: datetime | None = Field(
        None,
        validation_alias=AliasChoices("clock_start", "CONVENE_CLOCK_START"),
        description="the demo alone: the clock starts here and runs on",
    )
    log_format: str = Field(
        "console", validation_alias=AliasChoices("log_format", "CONVENE_LOG_FORMAT"), description="console or json"
    )
    log_level: str = Field("INFO", validation_alias=AliasChoices("log_level", "CONVENE_LOG_LEVEL"))
    data_dir: Path | None = Field(None, validation_alias=AliasChoices("data_dir", "CONVENE_DATA"))
