"""Settings of partners: `PARTNERS_...`, and what all services share (shared/settings.py)."""

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.auth import KEY_PREFIX
from shared.settings import ServiceSettings
from shared.tokens import LIFETIME


class PartnersSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PARTNERS_", extra="ignore", populate_by_name=True)

    bootstrap_key: SecretStr | None = Field(
        None,
        description="the first administrator's API key, used at a start where nobody can sign in to administer: "
        f"`{KEY_PREFIX}` and at least 32 random characters; without it one is drawn and written to `<data_dir>/bootstrap-admin.key`",
    )
    invitation_days: int = Field(14, ge=1, le=90, description="how long an invitation stays open")
    key_days: int = Field(365, ge=1, le=3650, description="how long an API key lives where nobody says otherwise")
    signing_overlap: float = Field(
        LIFETIME.total_seconds(), ge=0, description="seconds between publishing a new signing key and signing with it"
    )
    seed_registry: bool = Field(True, description="start an empty registry with the organisations of seed/")

    @field_validator("bootstrap_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        # 160 random bits are 27 characters of base64; a word that somebody made up is caught by its length or its lack of the prefix
        if value is not None and not (
            value.get_secret_value().startswith(KEY_PREFIX) and len(value.get_secret_value()) >= len(KEY_PREFIX) + 32
        ):
            raise ValueError(f"must be {KEY_PREFIX} and at least 32 random characters")
        return value
