"""Settings that every service has. One class per service derives from this with its own prefix (`ACTIVITIES_`).

What all services share (the bus, telemetry, the demo's clock) is read without prefix: `BUS_URL`, `OTEL_...`.
"""

import base64
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.audit.notes import SEED_BYTES
from shared.audit.sealing import Sealing
from shared.bus.security import BusSecurity, Mechanism, Protocol
from shared.limits import Rates, networks


class ServiceSettings(BaseSettings):
    """Settings of one service process. Secrets are SecretStr: printing the settings masks them."""

    # a refused secret must not be repeated in the error that ends up in a log
    model_config = SettingsConfigDict(
        extra="ignore", populate_by_name=True, secrets_dir=None, hide_input_in_errors=True
    )

    database_url: SecretStr = Field(description="`sqlite+aiosqlite:///...` or `postgresql+asyncpg://...`")
    database_owner_url: SecretStr | None = Field(
        None,
        description="PostgreSQL: the same database as the owner of its tables, for `convene migrate` alone; the service then "
        "runs as another role, before whom row level security stands",
    )
    database_pool: int = Field(10, description="connections per replica (PostgreSQL)")
    bus_url: str = Field(
        "memory://",
        validation_alias=AliasChoices("bus_url", "BUS_URL"),
        description="`memory://`, `sqlite:///path`, `kafka://host:port,...`",
    )
    bus_security_protocol: Protocol = Field(
        "PLAINTEXT",
        validation_alias=AliasChoices("bus_security_protocol", "BUS_SECURITY_PROTOCOL"),
        description="Kafka's: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    bus_sasl_mechanism: Mechanism = Field(
        "SCRAM-SHA-512",
        validation_alias=AliasChoices("bus_sasl_mechanism", "BUS_SASL_MECHANISM"),
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    bus_sasl_username: str | None = Field(None, validation_alias=AliasChoices("bus_sasl_username", "BUS_SASL_USERNAME"))
    bus_sasl_password: SecretStr | None = Field(
        None, validation_alias=AliasChoices("bus_sasl_password", "BUS_SASL_PASSWORD")
    )
    bus_sasl_password_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("bus_sasl_password_file", "BUS_SASL_PASSWORD_FILE"),
        description="a file with nothing but the password, in its place",
    )
    bus_ca_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("bus_ca_file", "BUS_CA_FILE"),
        description="PEM of the authority behind the brokers' certificates; without, those that the system trusts",
    )
    migrate_at_start: bool = Field(
        False, description="embedded only: distributed services refuse an older schema instead"
    )
    max_body_bytes: int = Field(1_000_000, description="larger requests are a 413")
    requests_per_minute: int = Field(
        12_000, ge=1, description="of one person or service, per replica; more are a 429 with Retry-After"
    )
    public_per_minute: int = Field(3_000, ge=1, description="of one client address without credentials, per replica")
    failures_per_minute: int = Field(
        120, ge=1, description="wrong credentials or codes from one client address, per replica"
    )
    trusted_proxies: str = Field(
        "127.0.0.0/8, ::1",
        validation_alias=AliasChoices("trusted_proxies", "TRUSTED_PROXIES"),
        description="networks whose X-Forwarded-For is believed: this machine, unless the gateway is another one",
    )
    statement_seconds: float = Field(
        60.0, ge=0, description="a statement that takes longer is broken off: a 503 (PostgreSQL; 0: none is)"
    )
    replica: str | None = Field(
        None,
        description="a name kept over restarts, where no second process can have it; then leases are taken up again at once",
    )
    lease_ttl: float = Field(9.0, description="seconds a silent leader keeps its office")
    audit_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("audit_key", "AUDIT_KEY"),
        description="32 random bytes in base64url, the same for all services and replicas: the keys that sign checkpoints of "
        "the audit are made of it; without, each service draws one and keeps it in its database",
    )
    audit_key_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("audit_key_file", "AUDIT_KEY_FILE"),
        description="a file with nothing but that key, in its place",
    )
    audit_seal_seconds: float = Field(
        1.0,
        gt=0,
        validation_alias=AliasChoices("audit_seal_seconds", "AUDIT_SEAL_SECONDS"),
        description="how often rows of the audit get their place in the tree",
    )
    audit_checkpoint_seconds: float = Field(
        60.0,
        ge=0,
        validation_alias=AliasChoices("audit_checkpoint_seconds", "AUDIT_CHECKPOINT_SECONDS"),
        description="after how long at most what was sealed is under a signed checkpoint",
    )
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

    @model_validator(mode="after")
    def _bus_security_holds_together(self) -> Self:
        _ = self.bus_security, self.rates
        return self

    @model_validator(mode="after")
    def _audit_key_is_one(self) -> Self:
        _ = self.sealing
        return self

    @property
    def sealing(self) -> Sealing:
        """How the audit is sealed. Raises ValueError for a key that is none, or cannot be read."""
        given = self.audit_key.get_secret_value() if self.audit_key else None
        if self.audit_key_file:
            if given:
                raise ValueError("AUDIT_KEY or AUDIT_KEY_FILE, not both")
            given = _read(self.audit_key_file)
        return Sealing(_key(given) if given else None, self.audit_seal_seconds, self.audit_checkpoint_seconds)

    @property
    def rates(self) -> Rates:
        proxies = networks(self.trusted_proxies)
        return Rates(self.requests_per_minute, self.public_per_minute, self.failures_per_minute, proxies)

    @property
    def bus_security(self) -> BusSecurity:
        """Raises ValueError for what does not go together, or cannot be read."""
        password = self.bus_sasl_password
        if self.bus_sasl_password_file:
            if password:
                raise ValueError("BUS_SASL_PASSWORD or BUS_SASL_PASSWORD_FILE, not both")
            password = SecretStr(_read(self.bus_sasl_password_file).strip())
        if self.bus_ca_file:
            _read(self.bus_ca_file)
        return BusSecurity(
            self.bus_security_protocol, self.bus_sasl_mechanism, self.bus_sasl_username, password, self.bus_ca_file
        )


def _key(text: str) -> bytes:
    text = text.strip()
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError("AUDIT_KEY must be base64url") from error
    if len(found) != SEED_BYTES:
        raise ValueError(f"AUDIT_KEY must be {SEED_BYTES} bytes in base64url")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}") from error
