"""The ways in that an installation has opened, and who has been trying them."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from services.partners.signin.attempts import Attempts
from services.partners.signin.passwords import Passwords
from services.partners.signin.provider import Provider
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Doors:
    """passwords, provider: None where people cannot sign in that way.

    addresses  tries with a password for one address: ten, then one every ninety seconds
    clients    tries from one client: a hundred, then one every nine seconds (people share an office's address)
    proxies    networks whose X-Forwarded-For is believed
    """

    passwords: Passwords | None
    provider: Provider | None
    addresses: Attempts
    clients: Attempts
    proxies: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


def doors(clock: Clock, *, passwords: bool, provider: Provider | None, proxies: str) -> Doors:
    """proxies: networks, separated by commas. Raises ValueError."""
    return Doors(
        Passwords() if passwords else None,
        provider,
        Attempts(clock, burst=10, every=90.0),
        Attempts(clock, burst=100, every=9.0),
        networks(proxies),
    )


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def client_of(peer: str, forwarded: str, proxies: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> str:
    """Where a request comes from: the last address of X-Forwarded-For that none of our own proxies wrote down for another.

    What stands further left is whatever the client said, and is not looked at.
    """
    behind = [part.strip() for part in forwarded.split(",") if part.strip()]
    client = peer
    while behind and _is_among(client, proxies):
        client = behind.pop()
    return client[:64]


def _is_among(text: str, proxies: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in proxies)
