"""What one change in the lane touches: the component of some plans, read at its present state."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.activities.matching import groups
from services.activities.matching.engine import Contribution, Match, alike, fingerprint
from services.activities.matching.features import Features
from services.activities.matching.table import FeatureTable
from services.activities.matching.weights import Weights
from services.activities.orm import MatchRow, VerdictRow
from services.activities.uow.nearby import Seen
from services.activities.uow.unit import ActivitiesUnit
from shared.visibility import RED

MAX_COMPONENT = 80
"""Plans that one change may re-cluster: every pair of them has a stored explanation to read, and the lane waits. Real
groups have a handful; what a flood of copies exceeds is left for later changes, and the alerts say `capped`."""

Pair = tuple[str, str]


class Component:
    """The component of some plans: everything tied to them by a match, a verdict or a present cluster."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.features: dict[str, Features] = {}
        self.neighbours: dict[str, Features] = {}
        self.everybody: dict[str, Features] = {}
        self.edges: dict[Pair, Match] = {}
        self.linked: set[Pair] = set()
        self.apart: set[Pair] = set()
        self.apart_by_people: set[Pair] = set()
        self.no_overlap: set[Pair] = set()
        self.red: set[str] = set()
        self.waiting: set[str] = set()
        """Plans whose present version has not had its turn in the lane."""
        self.capped = False
        self._alike: dict[str, set[str]] = {}

    @property
    def plans(self) -> set[str]:
        return set(self.features)

    @property
    def held_apart(self) -> set[frozenset[str]]:
        """Pairs that people decided on: their alert ends as decided, not as gone."""
        return {frozenset(pair) for pair in self.apart_by_people | self.no_overlap}

    def meet(self, neighbours: Mapping[str, Seen]) -> None:
        self.neighbours = {key: one.features for key, one in neighbours.items()}
        self.everybody = self.features | self.neighbours
        self.waiting |= {key for key, one in neighbours.items() if not one.matched}

    def partner(self, plan: str) -> str:
        return str((self.features.get(plan) or self.neighbours[plan]).partner)

    def may_be_one(self, pair: Pair) -> bool:
        """Whether matching takes the two for one activity, also where it has not been asked yet."""
        mine, other = pair if pair[0] in self.features else pair[::-1]
        if mine not in self._alike:
            self._alike[mine] = alike(self.features[mine], FeatureTable.of(self.everybody.values()), self.weights)
        return other in self._alike[mine]

    @classmethod
    async def of(cls, seeds: set[str], around: set[str], uow: ActivitiesUnit) -> "Component":
        state = cls(await uow.weights())
        rows: dict[Pair, MatchRow] = {}
        verdicts: dict[tuple[str, str, str], VerdictRow] = {}
        members, fresh = set[str](), set(seeds)
        while fresh:
            members |= fresh
            matched = await uow.match_rows(fresh)
            said = await uow.verdicts(fresh)
            rows |= {(row.a, row.b): row for row in matched}
            verdicts |= {(row.kind, row.a, row.b): row for row in said}
            ties: list[MatchRow | VerdictRow] = [*matched, *(row for row in said if row.verdict == "link")]
            found = sorted((around | {each for row in ties for each in (row.a, row.b)}) - members)
            room = max(0, MAX_COMPONENT - len(members))
            state.capped |= len(found) > room
            around, fresh = set[str](), set(found[:room])
        seen = await uow.seen(members)
        state.features = {key: one.features for key, one in seen.items()}
        state.red = {key for key, one in seen.items() if one.tlp == RED}
        state.waiting = {key for key, one in seen.items() if not one.matched}
        state.edges = {pair: match_of(row.document) for pair, row in rows.items()}
        await state._read_verdicts(verdicts.values(), uow)
        state.apart = state.apart_by_people | groups.never_pairs(
            [state.features[key] for key in sorted(state.features)]
        )
        return state

    async def _read_verdicts(self, verdicts: Iterable[VerdictRow], uow: ActivitiesUnit) -> None:
        """A `distinct` holds while the pair's fingerprint does; a `link` holds until it is reversed (or cancelled)."""
        rows = list(verdicts)
        missing = {each for row in rows for each in (row.a, row.b)} - self.plans
        known = self.features | (await uow.features(missing) if missing else {})
        for row in rows:
            a, b = known[row.a], known[row.b]
            pair = (row.a, row.b)
            if row.verdict == "link":
                if a.matchable and b.matchable:
                    self.linked.add(pair)
            elif fingerprint(a, b) == row.fingerprint:
                (self.apart_by_people if row.kind == "duplicate" else self.no_overlap).add(pair)


def match_of(document: Mapping[str, Any]) -> Match:
    """A stored pair, as matching gave it."""
    values: dict[str, Any] = dict(document) | {
        "contributions": tuple(Contribution(**row) for row in document["contributions"]),
        "versions": tuple(document["versions"]),
        "prior": tuple(document["prior"]),
    }
    return Match(**values)
