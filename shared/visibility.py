"""Who may see what: TLP 2.0, decided at send time, on every channel, by the functions of this file alone.

| label        | sees it                                                                                    |
|--------------|--------------------------------------------------------------------------------------------|
| CLEAR        | everybody, without signing in                                                              |
| GREEN        | every signed-in partner                                                                    |
| AMBER        | owner, partners named on the plan, coordinators in scope                                   |
| AMBER+STRICT | owner and coordinators in scope                                                            |
| RED          | the named people only (a coordinator too must be named); never a bulk stream or an export  |

Source: FIRST, Traffic Light Protocol 2.0; DESIGN section 7. Pure: no database, no clock. Matching sees everything;
people see what these functions say.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.places import countries_of_region

CLEAR, GREEN, AMBER, AMBER_STRICT, RED = "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"
LABELS = (CLEAR, GREEN, AMBER, AMBER_STRICT, RED)
WORLD = "001"


class Outcome(StrEnum):
    """full: everything; blind: that something is there, and whom to call; nothing: as if it did not exist."""

    FULL = "full"
    BLIND = "blind"
    NOTHING = "nothing"


class Contact(StrEnum):
    """Whom a blind alert names."""

    FOCAL_POINT = "focal_point"
    COORDINATOR = "coordinator"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a coordinator looks after. Regions are M49 codes (`001` is the world); no themes means all themes."""

    countries: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()

    def covers(self, countries: frozenset[str], themes: frozenset[str]) -> bool:
        """Whether any of the countries is looked after. A plan without a country belongs to the world's coordinators."""
        if self.themes and not self.themes & themes:
            return False
        if WORLD in self.regions or self.countries & countries:
            return True
        return any(countries_of_region(region) & countries for region in self.regions)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `person` is None for the public; `grants` are what the key or token and the roles both allow.

    roles: administrator, coordinator, focal_point, reader, donor, service. Administrators run the installation: the
    role alone shows them no plan. lapsed: a focal point whom nobody has confirmed in time; role and partners are not here.
    """

    person: str | None = None
    partners: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    scope: Scope = field(default_factory=Scope)
    lapsed: bool = False

    @property
    def signed_in(self) -> bool:
        return self.person is not None

    @property
    def id(self) -> str:
        """A stable name for cursors, idempotency keys and the audit."""
        return self.person or "public"


PUBLIC = Principal()


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known of a plan to decide who sees it. Always the plan's present facts, never those of an old event.

    named_partners  partners and funders named on the plan; named_people: the people a RED plan is for (its poster is one)
    countries       venues and beneficiaries, regions resolved to countries
    """

    label: str
    owner: str
    poster: str | None = None
    named_partners: frozenset[str] = frozenset()
    named_people: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    draft: bool = False


def sight(principal: Principal, facts: Facts, *, matched: bool = False) -> Outcome:
    """What this principal sees of a plan with these facts.

    matched: a plan of the principal's own partner is known to match or overlap it; only then can the answer be BLIND.
    """
    if _sees(principal, facts):
        return Outcome.FULL
    if matched and not facts.draft and facts.label in (AMBER, AMBER_STRICT):
        return Outcome.BLIND
    return Outcome.NOTHING


def in_bulk(principal: Principal, facts: Facts) -> bool:
    """Whether the plan may go into a stream, a feed or an export for this principal. RED never does."""
    return facts.label != RED and sight(principal, facts) is Outcome.FULL


def coordinates(principal: Principal, facts: Facts) -> bool:
    """Whether it lies with this principal, as a coordinator, to look after the plan; its label may hide it all the same."""
    return _coordinates(principal, facts)


def contact(facts: Facts) -> Contact:
    """Whom somebody with a blind alert is told to call: never more than the label's owner accepted."""
    return Contact.FOCAL_POINT if facts.label == AMBER else Contact.COORDINATOR


def _sees(principal: Principal, facts: Facts) -> bool:
    owner = facts.owner in principal.partners
    poster = principal.signed_in and principal.person == facts.poster
    if facts.draft:
        return (owner or poster) and (facts.label != RED or _named(principal, facts))
    if facts.label == CLEAR:
        return True
    if facts.label == GREEN:
        return bool(principal.partners) or _coordinates(principal, facts)
    if facts.label == AMBER:
        return owner or bool(principal.partners & facts.named_partners) or _coordinates(principal, facts)
    if facts.label == AMBER_STRICT:
        return owner or _coordinates(principal, facts)
    return _named(principal, facts)


def _named(principal: Principal, facts: Facts) -> bool:
    return principal.person is not None and principal.person in facts.named_people


def _coordinates(principal: Principal, facts: Facts) -> bool:
    return "coordinator" in principal.roles and principal.scope.covers(facts.countries, facts.themes)


@dataclass(frozen=True, slots=True)
class AlertSight:
    """What a principal sees of an alert: the outcome per side (plan id), and whether it is shown at all.

    blind: shown only as "something overlaps your plan" with contacts; explained: the explanation may be shown, because
    every side is in full sight.
    """

    sides: Mapping[str, Outcome]
    shown: bool
    blind: bool
    explained: bool
    contacts: frozenset[Contact] = frozenset()

    def full(self) -> frozenset[str]:
        return frozenset(side for side, outcome in self.sides.items() if outcome is Outcome.FULL)


def sight_of_alert(
    principal: Principal,
    sides: Mapping[str, Facts],
    *,
    bulk: bool = False,
    groups: Mapping[str, int] | None = None,
    first_for: Mapping[str, Collection[str]] | None = None,
) -> AlertSight:
    """What is seen of an alert between these plans.

    first_for: for each plan the partners who first met it by this alert; None for all. A hidden plan is told of once: who
    posts a thousand plans to find it hears of it by the first that meets it, and never again.

    groups: for an overlap, which of the two activities each plan is a posting of. Two postings of one activity are then
    one side: who sees no plan of the other activity must not hear that it is there.

    Shown in full sight of two sides or more; or blind, where one's own posted plan meets one that may not be seen (one's
    own draft makes no blind alert: it would be bait for hidden plans). A RED side
    makes no alert and no count for anybody who is not named (with bulk=True: for nobody, see `in_bulk`).

    All that one partner posted of a duplicate is one side of it, too. Where all sides are one partner's, the alert is
    internal to that partner: its focal points see it, and nobody else, coordinators included, for nothing is between
    partners. A side that is named in `groups` and of which nothing is known counts as somebody else's.
    """
    hidden_in_bulk = {plan for plan, facts in sides.items() if bulk and facts.label == RED}
    own = any(
        facts.owner in principal.partners and not facts.draft and _sees(principal, facts)
        for plan, facts in sides.items()
        if plan not in hidden_in_bulk
    )
    outcomes = {
        plan: Outcome.NOTHING
        if plan in hidden_in_bulk
        else sight(principal, facts, matched=own and _first(principal, plan, first_for))
        for plan, facts in sides.items()
    }
    seen = [plan for plan, outcome in outcomes.items() if outcome is Outcome.FULL]
    if _in_house(sides, groups):
        full = len(seen) if own and "focal_point" in principal.roles else 0
    elif groups and len(set(groups.values())) > 1:
        full = len({groups.get(plan) for plan in seen})
    else:
        full = len({sides[plan].owner for plan in seen})
    hidden = [plan for plan, outcome in outcomes.items() if outcome is Outcome.BLIND]
    blind = own and full < 2 and bool(hidden)
    return AlertSight(
        sides=outcomes,
        shown=full >= 2 or blind,
        blind=blind,
        explained=len(seen) == len(outcomes) and full >= 2,
        contacts=frozenset(contact(sides[plan]) for plan in hidden),
    )


def _first(principal: Principal, plan: str, first_for: Mapping[str, Collection[str]] | None) -> bool:
    return first_for is None or not principal.partners.isdisjoint(first_for.get(plan, ()))


def _in_house(sides: Mapping[str, Facts], groups: Mapping[str, int] | None) -> bool:
    return len({facts.owner for facts in sides.values()}) == 1 and not (groups and groups.keys() - sides.keys())


PARTLY = frozenset(
    {"id", "version", "kind", "overlap_kind", "status", "band", "severity", "alert", "verdict", "activity", "reversed",
     "by"}
)  # fmt: skip
"""What is shown of an event with hidden sides: ids and codes; nothing that was derived from all sides."""


def followed(seen: AlertSight, event: str) -> bool:
    """Whether an event (`alert.updated`) is told to whoever has this sight of its sides. A blind alert arises once: no
    edit, decision or closing is told of it."""
    return not seen.blind or event == "alert.opened"


class Concern(StrEnum):
    """Why an alert is somebody's to act on."""

    YOURS = "your plan"
    SCOPE = "in your scope"


def concern(principal: Principal, seen: AlertSight, sides: Mapping[str, Facts]) -> Concern | None:
    """Whom an alert waits for: focal points of the sides' owners, and coordinators in whose scope a visible side lies.

    A third party that may read the plans has nothing to decide: None, as for whoever does not see the alert at all.
    """
    if not seen.shown:
        return None
    visible = [sides[plan] for plan in seen.full()]
    if "focal_point" in principal.roles and any(facts.owner in principal.partners for facts in visible):
        return Concern.YOURS
    if not seen.blind and any(coordinates(principal, facts) for facts in visible):
        return Concern.SCOPE
    return None


@dataclass(frozen=True, slots=True)
class Affair:
    """What an effect in the audit was about, as it is now.

    plans       every plan that it names; groups: for an alert or a decision, those on the alert (as in `sight_of_alert`)
    partners    whose affair it is where it names no plan; people: the same
    """

    plans: Mapping[str, Facts] = field(default_factory=dict[str, Facts])
    groups: Mapping[str, int] | None = None
    partners: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


def audited(principal: Principal, affair: Affair | None) -> bool:
    """Whether a row of the audit is shown to this principal: who acted when on which id, no content.

    One's own partner's plans, and those that one posted or coordinates, all of them in full sight; of alerts and decisions
    what is explained. Administrators see what concerns no plan (people, keys, weights): the role alone shows them none.
    None, for what is not known any more, is theirs alone.
    """
    if affair is None or not affair.plans:
        own = affair and (principal.partners & affair.partners or principal.person in affair.people)
        return "administrator" in principal.roles or bool(own)
    on_alert = {plan: affair.plans[plan] for plan in affair.groups} if affair.groups else {}
    return (
        all(_sees(principal, facts) for facts in affair.plans.values())
        and any(_concerns(principal, facts) for facts in affair.plans.values())
        and (not on_alert or sight_of_alert(principal, on_alert, groups=affair.groups).explained)
    )


def _concerns(principal: Principal, facts: Facts) -> bool:
    own = facts.owner in principal.partners or (principal.signed_in and principal.person == facts.poster)
    return own or _coordinates(principal, facts)


def facts_from_json(stored: Mapping[str, Any]) -> Facts:
    """What `facts_to_json` wrote."""
    sets = {name: frozenset[str](stored[name]) for name in ("named_partners", "named_people", "countries", "themes")}
    return Facts(stored["label"], stored["owner"], stored["poster"], draft=stored["draft"], **sets)


def facts_to_json(facts: Facts) -> dict[str, object]:
    """For read models; sorted, so that equal facts are equal texts."""
    return {
        "label": facts.label,
        "owner": facts.owner,
        "poster": facts.poster,
        "named_partners": sorted(facts.named_partners),
        "named_people": sorted(facts.named_people),
        "countries": sorted(facts.countries),
        "themes": sorted(facts.themes),
        "draft": facts.draft,
    }
