"""Settings of partners: `PARTNERS_...`, and what all services share (shared/settings.py)."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.partners.signin.provider import check_address
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
    confirmation_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="after how many days a focal point's role gives nothing unless somebody confirms it",
    )
    signing_overlap: float = Field(
        LIFETIME.total_seconds(), ge=0, description="seconds between publishing a new signing key and signing with it"
    )
    signing_days: int = Field(
        30, ge=0, le=3650, description="after how many days a signing key gives way to a new one; 0: by hand alone"
    )
    session_hours: float = Field(12, gt=0, le=720, description="how long a sign-in lasts")
    passwords: bool = Field(False, description="people may sign in with a password; for small installations")
    oidc_issuer: str | None = Field(
        None, description="people sign in at this OpenID provider; as its discovery document names itself"
    )
    oidc_client_id: str | None = Field(None, description="as the provider knows Convene")
    oidc_addresses_are_verified: bool = Field(
        False,
        description="the provider gives every address itself and so says nothing of `email_verified` (a directory of staff); "
        "without this, only an address that it calls verified finds its person",
    )
    seed_registry: bool = Field(True, description="start an empty registry with the organisations of seed/")

    @model_validator(mode="after")
    def _provider_holds_together(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("PARTNERS_OIDC_ISSUER and PARTNERS_OIDC_CLIENT_ID: both, or neither")
        if self.oidc_issuer is not None:
            check_address(self.oidc_issuer)
        return self

    @field_validator("bootstrap_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        # 160 random bits are 27 characters of base64; a word that somebody made up is caught by its length or its lack of the prefix
        if value is not None and not (
            value.get_secret_value().startswith(KEY_PREFIX) and len(value.get_secret_value()) >= len(KEY_PREFIX) + 32
        ):
            raise ValueError(f"must be {KEY_PREFIX} and at least 32 random characters")
        return value
