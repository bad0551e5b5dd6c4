"""`plans:sight`: who would see a plan that is not posted yet, label by label: asked of the function that decides afterwards."""

from dataclasses import replace
from typing import Any

from services.activities.domain.content import Content
from services.activities.domain.plan import Plan
from services.activities.orm import known
from services.activities.uow.unit import ActivitiesUnit
from shared.countries import country_name, region_name
from shared.registry import coordinators, people_of
from shared.visibility import LABELS, PUBLIC, WORLD, Facts, Outcome, Principal, Scope, sight
from shared.vocabulary import VOCABULARIES

_SOMEBODY = "nobody known"
"""Stands for a person or a partner of whom nothing else is known."""


async def who_would_see(
    content: Content, owner: str, uow: ActivitiesUnit, principal: Principal
) -> list[dict[str, Any]]:
    """For each label; owner: "" where nobody's. No names and ids of people: coordinators by what they look after."""
    now = uow.clock.now()
    neutral = await coordinators(uow.session, known, now)
    named = await people_of(uow.session, known, {principal.id, *content.named_people}, now)
    found: list[dict[str, Any]] = []
    for label in LABELS:
        plan = Plan("", 1, owner, principal.id, True, "", "", replace(content, tlp=label), now, now)
        found.append({"tlp": label, **_seen_by(plan.facts, neutral, named)})
    return found


def _seen_by(facts: Facts, neutral: list[Principal], named: list[Principal]) -> dict[str, Any]:
    if _sees(PUBLIC, facts):
        return {"everybody": True, "every_partner": True, "partners": [], "coordinators": [], "people": 0}
    every = _sees(_member(_SOMEBODY), facts)
    partners = {facts.owner, *facts.named_partners} - {""}
    return {
        "everybody": False,
        "every_partner": every,
        "partners": [] if every else sorted(each for each in partners if _sees(_member(each), facts)),
        # what a coordinator sees as a partner's is that partner's, and said there
        "coordinators": sorted(
            _said(each.scope) for each in neutral if _sees(replace(each, partners=frozenset()), facts)
        ),
        "people": sum(each.person in facts.named_people and _sees(each, facts) for each in named),
    }


def _member(partner: str) -> Principal:
    return Principal(person=_SOMEBODY, partners=frozenset({partner}), roles=frozenset({"reader"}))


def _sees(principal: Principal, facts: Facts) -> bool:
    return sight(principal, facts) is Outcome.FULL


def _said(scope: Scope) -> str:
    """`Kenya, Southern Asia`, or `the world (malware)`."""
    places = [region_name(each) for each in sorted(scope.regions)] + [country_name(each) for each in scope.countries]
    where = "the world" if WORLD in scope.regions else ", ".join(sorted(places))
    themes = ", ".join(VOCABULARIES["theme"].label(each) for each in sorted(scope.themes))
    return f"{where} ({themes})" if themes else where
