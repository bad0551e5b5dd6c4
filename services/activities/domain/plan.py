"""A plan's life: one partner's posting, in versions that are never deleted, from draft to completed or cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.activities.domain.content import Content, Funder, to_json
from services.activities.matching.features import PlanText
from services.activities.matching.named import organisation_key
from shared.countries import countries_of_region
from shared.problem import FieldError
from shared.visibility import RED, Facts

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"tentative", "confirmed", "cancelled"}),
    "tentative": frozenset({"confirmed", "postponed", "cancelled"}),
    "confirmed": frozenset({"tentative", "completed", "postponed", "cancelled"}),
    "postponed": frozenset({"tentative", "confirmed", "cancelled"}),
    "completed": frozenset(),
    "cancelled": frozenset(),
}
FIRST_STATUSES = ("draft", "tentative", "confirmed")

_EVENT_OF_STATUS = {
    "confirmed": "plan.confirmed",
    "completed": "plan.completed",
    "postponed": "plan.postponed",
    "cancelled": "plan.cancelled",
}


class Refused(Exception):
    """The plan's present state does not allow this."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}")
        self.error = FieldError(pointer, code, detail)


@dataclass(frozen=True, slots=True)
class Plan:
    """The present version.

    owner      the partner whose plan it is; posted_by: the person who typed it (an opaque id)
    claimed    False while a coordinator's posting on behalf of the owner waits to be taken over
    activity   the activity it belongs to; home: its own, to which it returns when a link is reversed
    """

    id: str
    version: int
    owner: str
    posted_by: str
    claimed: bool
    activity: str
    home: str
    content: Content
    created_at: datetime
    updated_at: datetime

    @property
    def facts(self) -> Facts:
        """Who may see it. A RED plan is seen by its poster and the people it names, and gives away nothing else."""
        content = self.content
        people = frozenset({*content.named_people, self.posted_by}) if content.tlp == RED else frozenset[str]()
        organisations = {each.organisation for each in (*content.partners, *content.funders) if each.organisation}
        return Facts(
            label=content.tlp,
            owner=self.owner,
            poster=self.posted_by,
            named_partners=frozenset(organisations - {self.owner}),
            named_people=people,
            countries=countries_of(content),
            themes=frozenset(content.themes),
            draft=content.status == "draft",
        )


def countries_of(content: Content) -> frozenset[str]:
    """Venues and beneficiaries, regions resolved: for filters, scopes and lists (matching keeps them apart)."""
    named = {venue.country for venue in content.venues if venue.country} | set(content.beneficiary_countries)
    return frozenset(named.union(*(countries_of_region(region) for region in content.beneficiary_regions)))


def post(
    *, plan_id: str, activity_id: str, owner: str, posted_by: str, claimed: bool, content: Content, now: datetime
) -> Plan:
    """A new plan. Raises Refused for a status that no plan can start with."""
    if content.status not in FIRST_STATUSES:
        raise Refused(
            "#/status", "transition", f"a new plan is {', '.join(FIRST_STATUSES[:-1])} or {FIRST_STATUSES[-1]}"
        )
    return Plan(plan_id, 1, owner, posted_by, claimed, activity_id, activity_id, content, now, now)


def amend(plan: Plan, content: Content, now: datetime) -> tuple[Plan, str | None]:
    """The next version, and the name of the fact; (plan, None) where nothing changed.

    Raises Refused for a cancelled plan, or a status that cannot follow the present one.
    """
    if content == plan.content:
        return plan, None
    before, after = plan.content.status, content.status
    if before == "cancelled":
        raise Refused("#/status", "cancelled", "a cancelled plan stays as it is; post a new one")
    if after != before and after not in TRANSITIONS[before]:
        allowed = ", ".join(sorted(TRANSITIONS[before])) or "nothing"
        raise Refused("#/status", "transition", f"{before} can become {allowed}, not {after}")
    amended = replace(plan, version=plan.version + 1, content=content, updated_at=now)
    if before == "draft" and after in ("tentative", "confirmed"):
        return amended, "plan.posted"  # nobody but its owner has heard of it until now
    if after != before and after in _EVENT_OF_STATUS:
        return amended, _EVENT_OF_STATUS[after]
    if content.tlp != plan.content.tlp:
        return amended, "plan.relabelled"
    return amended, "plan.amended"


def claim(plan: Plan, person: str, now: datetime) -> Plan:
    """The owner takes over what a coordinator posted on its behalf. Raises Refused when there is nothing to claim."""
    if plan.claimed:
        raise Refused("#/claimed", "claimed", "this plan is its owner's already")
    return replace(plan, version=plan.version + 1, claimed=True, posted_by=person, updated_at=now)


def changed_fields(before: Content, after: Content) -> tuple[str, ...]:
    """Names of the fields (as the API has them) that differ."""
    old, new = to_json(before), to_json(after)
    return tuple(name for name in new if new[name] != old.get(name))


def text_of(plan: Plan, names: tuple[str, ...], named: tuple[str, ...]) -> PlanText:
    """The plan as matching reads it. names: the owner's names; named: those of the other organisations on the plan.

    A postponed plan's old days no longer hold, so it is matched as one without a date until it gets new ones.
    """
    content = plan.content
    period = None if content.status == "postponed" else content.period
    return PlanText(
        plan_id=plan.id,
        version=plan.version,
        partner=plan.owner,
        programme=content.programme,
        type=content.type,
        status=content.status,
        title=content.title,
        description=content.description or "",
        start=period.start if period else None,
        end=period.end if period else None,
        precision=period.precision if period else None,
        venues=tuple((venue.city, venue.country) for venue in content.venues),
        beneficiary_countries=content.beneficiary_countries,
        beneficiary_regions=content.beneficiary_regions,
        audiences=content.audiences,
        themes=content.themes,
        level=content.level,
        mode=content.mode,
        partners=tuple(each.organisation for each in content.partners if each.organisation),
        funders=tuple(filter(None, map(_payer, content.funders))),
        reference=content.reference,
        part_of=content.part_of,
        follow_up_of=content.follow_up_of,
        series=content.series.name if content.series else None,
        edition=content.series.edition if content.series else None,
        languages=content.languages,
        names=names,
        named=named,
        sites=tuple((venue.name, venue.city, venue.country) for venue in content.venues if venue.name),
        people=content.trainers,
    )


def _payer(funder: Funder) -> str | None:
    """Who pays, whether the registry has it or not: without an organisation `country` is the payer."""
    if funder.organisation:
        return funder.organisation
    return organisation_key(funder.name) or funder.name if funder.name else funder.country


def columns_of(plan: Plan) -> dict[str, Any]:
    """What lists and streams filter by."""
    content = plan.content
    return {
        "countries": sorted(countries_of(content)),
        "themes": list(content.themes),
        "audiences": list(content.audiences),
        "type": content.type,
        "status": content.status,
        "mode": content.mode,
        "partners": sorted({plan.owner, *plan.facts.named_partners}),
        "start": content.period.start.isoformat() if content.period else None,
        "end": content.period.end.isoformat() if content.period else None,
    }


def represent(plan: Plan, checked: str) -> dict[str, Any]:
    """The plan as the API and its events show it to somebody who may see it.

    `activity` is the plan's own. Which activities have become one is said by the activity and its events, so that a link
    changes nothing of a plan without a new version, and tells nobody of a posting that they may not see.
    """
    return {
        "id": plan.id,
        "version": plan.version,
        "owner": plan.owner,
        "posted_by": plan.posted_by,
        "claimed": plan.claimed,
        "activity": plan.home,
        "checked": checked,
        "created_at": plan.created_at.isoformat(),
        "updated_at": plan.updated_at.isoformat(),
        **to_json(plan.content),
    }
