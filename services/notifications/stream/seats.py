"""How many streams one person, and one partner's people, hold open: counted in this process alone."""

from collections import Counter
from collections.abc import Callable

from shared.problem import Problem
from shared.visibility import Principal


class Seats:
    """A seat is taken before a stream opens, and given back when it has ended. Who did not sign in has none: they are
    counted among all streams only."""

    def __init__(self, per_person: int, per_partner: int) -> None:
        self._limits = {"person": per_person, "partner": per_partner}
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, principal: Principal) -> Callable[[], None]:
        """What gives the seat back, once. Raises a 429 problem where there is none."""
        wanted = [("person", principal.person)] if principal.person else []
        wanted += [("partner", each) for each in sorted(principal.partners)]
        for kind, name in wanted:
            limit = self._limits[kind]
            if self._taken[kind, name] >= limit:
                whose = "You have" if kind == "person" else "The people of your partner have"
                raise Problem(
                    "too-many-requests",
                    f"{whose} {limit} open streams here, which is the limit; close one.",
                    headers={"Retry-After": "5"},
                    extra={"limit_streams": limit},
                )
        self._taken.update(wanted)

        def give_back() -> None:
            self._taken.subtract(wanted)
            for each in wanted:
                if self._taken[each] <= 0:
                    del self._taken[each]
            wanted.clear()

        return give_back
