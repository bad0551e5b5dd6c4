"""What this service does when something happens elsewhere: nothing. The registry changes by its own commands alone."""

from shared.bus.dispatch import Subscription


def subscriptions() -> list[Subscription]:
    return []
