"""Settings of the pages: `DASHBOARD_...`, and the API's address as `CONVENE_API_URL`."""

import base64
import binascii

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class DashboardSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DASHBOARD_", extra="ignore", populate_by_name=True)

    session_key: SecretStr = Field(
        description="32 random bytes in base64url, the same for all replicas: seals sessions"
    )
    api_url: str = Field(
        default="http://127.0.0.1:8000",
        validation_alias=AliasChoices("api_url", "CONVENE_API_URL"),
        description="where the public API answers",
    )
    secure_cookies: bool = Field(default=False, description="set it where people come over https")
    demo_clock: str | None = Field(
        default=None,
        validation_alias=AliasChoices("demo_clock", "CONVENE_CLOCK_START"),
        description="the demo alone: when its clock started; shows a banner",
    )

    @field_validator("session_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        decode_key(value.get_secret_value())
        return value


def decode_key(text: str) -> bytes:
    """Raises ValueError for anything but 32 bytes in base64url."""
    try:
        key = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("must be base64url") from error
    if len(key) != 32:
        raise ValueError("must be 32 bytes in base64url")
    return key
