"""Settings of the pages: `DASHBOARD_...`, and the API's address as `CONVENE_API_URL`."""

import base64
import binascii
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class DashboardSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="DASHBOARD_", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    session_key: SecretStr = Field(
        description="32 random bytes in base64url, the same for all replicas: seals sessions"
    )
    api_url: str = Field(
        default="http://127.0.0.1:8000",
        validation_alias=AliasChoices("api_url", "CONVENE_API_URL"),
        description="where the public API answers",
    )
    secure_cookies: bool = Field(default=False, description="set it where people come over https")
    public_url: str | None = Field(
        default=None,
        description="where people find these pages, as `https://convene.example`; needed to sign in at an OpenID provider, "
        "where `<public_url>/sign-in/oidc/callback` is registered",
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="ours at the provider; none for a public client"
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="a file with nothing but that secret, in its place"
    )
    demo_clock: str | None = Field(
        default=None,
        validation_alias=AliasChoices("demo_clock", "CONVENE_CLOCK_START"),
        description="the demo alone: when its clock started; shows a banner",
    )

    @property
    def client_secret(self) -> str | None:
        """Raises ValueError for a file that cannot be read."""
        if self.oidc_client_secret_file is not None:
            try:
                return self.oidc_client_secret_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{self.oidc_client_secret_file} cannot be read: {type(error).__name__}") from error
        return self.oidc_client_secret.get_secret_value() if self.oidc_client_secret else None

    @model_validator(mode="after")
    def _provider_holds_together(self) -> Self:
        if self.oidc_client_secret and self.oidc_client_secret_file:
            raise ValueError("DASHBOARD_OIDC_CLIENT_SECRET or DASHBOARD_OIDC_CLIENT_SECRET_FILE, not both")
        return self

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.netloc
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
            raise ValueError("must be an origin, as https://convene.example")
        return f"{parts.scheme}://{parts.netloc}"

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
