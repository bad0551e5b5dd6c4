"""The ways in that an installation has opened, and who has been trying them."""

from dataclasses import dataclass

from services.partners.signin.passwords import Passwords
from services.partners.signin.provider import Provider
from shared.clock import Clock
from shared.limits import Buckets, Networks


@dataclass(frozen=True, slots=True)
class Doors:
    """passwords, provider: None where people cannot sign in that way.

    addresses  tries with a password for one address: ten, then one every ninety seconds
    clients    tries from one client: a hundred, then one every nine seconds (people share an office's address)
    proxies    networks whose X-Forwarded-For is believed
    """

    passwords: Passwords | None
    provider: Provider | None
    addresses: Buckets
    clients: Buckets
    proxies: Networks


def doors(clock: Clock, *, passwords: bool, provider: Provider | None, proxies: Networks) -> Doors:
    return Doors(
        Passwords() if passwords else None,
        provider,
        Buckets(clock, burst=10, every=90.0),
        Buckets(clock, burst=100, every=9.0),
        proxies,
    )
