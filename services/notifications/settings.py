"""Settings of notifications: `NOTIFICATIONS_...`, and what all services share (shared/settings.py)."""

import base64

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

KEY_BYTES = 32


class NotificationsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", extra="ignore", populate_by_name=True)

    cursor_key: SecretStr | None = Field(
        None,
        description="32 random bytes in base64url, the same for all replicas: seals the positions that clients keep. "
        "Embedded, one is drawn once and kept in the data folder",
    )
    hold_seconds: float = Field(30.0, ge=0, description="how long an event waits for the facts of the plans it names")
    poll_seconds: float = Field(0.5, gt=0, le=1, description="how often a replica looks for what another one projected")
    heartbeat_seconds: float = Field(15.0, gt=0, description="silence after which a stream says that it lives")
    stream_seconds: float = Field(900.0, gt=0, description="age at which a stream is closed, give or take a tenth")
    recheck_seconds: float = Field(2.0, ge=0, description="how old the check of a stream's credentials may be")
    max_streams: int = Field(10_000, ge=1, description="open streams per replica; more are a 503")
    streams_per_person: int = Field(100, ge=1, description="open streams of one person per replica; more are a 429")
    streams_per_partner: int = Field(1_000, ge=1, description="of one partner's people, per replica")
    live_events: int = Field(2048, ge=1, description="events kept in memory for streams that are up to date")
    feed_days: int | None = Field(None, ge=1, description="history kept in the feed; without it, all of it")

    @field_validator("cursor_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            decode_key(value.get_secret_value())
        return value


def decode_key(text: str) -> bytes:
    """Raises ValueError for anything but 32 bytes in base64url, with or without padding."""
    try:
        key = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError("must be base64url") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64url")
    return key
