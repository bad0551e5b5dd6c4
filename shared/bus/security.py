"""How a process proves itself to the log's brokers, and them to itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class BusSecurity:
    """Kafka's own terms (`security.protocol`, `sasl.mechanism`). Raises ValueError for what does not go together.

    ca_file  PEM of the authority that signed the brokers' certificates; None: those that the system trusts.
             Certificate and host name are always checked.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        given = bool(self.username), bool(self.password and self.password.get_secret_value())
        if self.sasl and not all(given):
            raise ValueError(f"{self.protocol} needs a user name and a password")
        if not self.sasl and any(given):
            raise ValueError(f"{self.protocol} sends no password: SASL_SSL does")
        if self.ca_file and not self.tls:
            raise ValueError(f"{self.protocol} looks at no certificate: SSL and SASL_SSL do")

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("SASL_")
