"""A focal point's role holds until it has to be confirmed; then it gives nothing, by the clock of whoever is asked. Pure.

What may be done by another role stays. The partners go with the role, unless another role of the same person is for a
partner, too: somebody whom nobody vouches for any more belongs to nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

FOCAL_POINT = "focal_point"
FOR_A_PARTNER = frozenset({FOCAL_POINT, "reader", "donor", "service"})
"""The roles by which somebody belongs to partners."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is at an instant. lapsed: a focal point whom nobody has confirmed in time."""

    roles: frozenset[str]
    partners: frozenset[str]
    lapsed: bool = False


def standing(
    roles: Collection[str], partners: Collection[str], confirmed_until: datetime | None, now: datetime
) -> Standing:
    """confirmed_until: None, of facts that were told before there was such a time, sets no end."""
    held = frozenset(roles)
    if FOCAL_POINT not in held or confirmed_until is None or now < confirmed_until:
        return Standing(held, frozenset(partners))
    left = held - {FOCAL_POINT}
    return Standing(left, frozenset(partners) if left & FOR_A_PARTNER else frozenset(), lapsed=True)
