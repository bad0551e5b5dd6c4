"""The rules of sight against their oracle: every combination, and every mutant of the code caught by it."""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from shared import visibility
from tests.unit.shared import visibility_oracle as oracle
from tests.unit.shared.visibility_oracle import Case

LABELS = (oracle.CLEAR, oracle.GREEN, oracle.AMBER, oracle.STRICT, oracle.RED)
OWNER, NAMED, OTHER, ME, SOMEBODY = "org_owner", "org_named", "org_other", "per_me", "per_somebody"
ROLES = (
    frozenset({"focal_point"}),
    frozenset({"coordinator"}),
    frozenset({"coordinator", "focal_point"}),
    frozenset({"administrator"}),
    frozenset({"reader"}),
    frozenset({"donor"}),
    frozenset({"service"}),
    frozenset[str](),
)
MEMBERSHIPS = ((), (OWNER,), (NAMED,), (OTHER,), (OTHER, OWNER))

# Where plans lie, and which scopes look after them: answered by hand.
PLACES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "kenya": (frozenset({"KEN"}), frozenset({"malware"})),
    "nowhere": (frozenset(), frozenset({"malware"})),
    "two countries, no theme": (frozenset({"KEN", "DEU"}), frozenset()),
}
SCOPES: tuple[tuple[dict[str, set[str]], dict[str, bool]], ...] = tuple(
    (scope, dict(zip(PLACES, covered, strict=True)))
    for scope, covered in (
        ({}, (False, False, False)),
        ({"countries": {"KEN"}}, (True, False, True)),
        ({"countries": {"FRA"}}, (False, False, False)),
        ({"regions": {"014"}}, (True, False, True)),
        ({"regions": {"150"}}, (False, False, True)),
        ({"regions": {"001"}}, (True, True, True)),
        ({"countries": {"KEN"}, "themes": {"fraud"}}, (False, False, False)),
        ({"countries": {"KEN"}, "themes": {"fraud", "malware"}}, (True, False, False)),
        ({"regions": {"001"}, "themes": {"malware"}}, (True, True, False)),
    )
)


class Asked(NamedTuple):
    """The same question twice: to the product, and to the oracle."""

    principal: Any
    facts: Any
    case: Case


def principal(code: Any, roles: frozenset[str], members: tuple[str, ...], scope: dict[str, set[str]]) -> Any:
    return code.Principal(
        person=ME,
        partners=frozenset(members),
        roles=roles,
        scope=code.Scope(**{name: frozenset(codes) for name, codes in scope.items()}),
    )


def plan(code: Any, label: str, place: str, *, invited: bool, poster: bool, draft: bool, owner: str = OWNER) -> Any:
    countries, themes = PLACES[place]
    return code.Facts(
        label=label,
        owner=owner,
        poster=ME if poster else SOMEBODY,
        named_partners=frozenset({NAMED}),
        named_people=frozenset({SOMEBODY, ME} if invited else {SOMEBODY}),
        countries=countries,
        themes=themes,
        draft=draft,
    )


def questions(code: Any) -> Iterator[Asked]:
    for label, place, invited, poster, draft in product(LABELS, PLACES, (False, True), (False, True), (False, True)):
        facts = plan(code, label, place, invited=invited, poster=poster, draft=draft)
        yield Asked(code.PUBLIC, facts, Case(label, draft=draft))
        for roles, members, (scope, covered) in product(ROLES, MEMBERSHIPS, SCOPES):
            case = Case(
                label,
                member=bool(members),
                owner=OWNER in members,
                named=NAMED in members,
                invited=invited,
                poster=poster,
                in_scope="coordinator" in roles and covered[place],
                draft=draft,
            )
            yield Asked(principal(code, roles, members, scope), facts, case)


def differences_of_plans(code: Any) -> Iterator[str]:
    for who, facts, case in questions(code):
        for matched in (False, True):
            if code.sight(who, facts, matched=matched).value != oracle.outcome(case, matched=matched):
                yield f"sight, matched={matched}: {case}"
        if code.in_bulk(who, facts) != oracle.bulk(case):
            yield f"in_bulk: {case}"


VIEWERS: tuple[tuple[frozenset[str], tuple[str, ...], dict[str, set[str]]], ...] = (
    (frozenset({"focal_point"}), (OWNER,), {}),
    (frozenset({"focal_point"}), (NAMED, OWNER), {}),
    (frozenset({"focal_point"}), (OTHER,), {}),
    (frozenset({"coordinator"}), (), {"countries": {"KEN"}}),
    (frozenset({"coordinator"}), (OWNER,), {"countries": {"KEN"}}),
    (frozenset({"administrator"}), (), {"regions": {"001"}}),
    (frozenset({"reader"}), (OWNER,), {}),
)
FOREIGN = "org_foreign"


def sides(
    code: Any, roles: frozenset[str], members: tuple[str, ...], in_scope_at: dict[str, bool]
) -> list[tuple[Any, Case]]:
    """Every plan that can be a side of an alert for this viewer, owned by one of their partners or by another."""
    found: list[tuple[Any, Case]] = []
    for label, place, owner, invited, draft in product(
        LABELS, ("kenya", "nowhere"), (OWNER, FOREIGN), (False, True), (False, True)
    ):
        facts = plan(code, label, place, invited=invited, poster=False, draft=draft, owner=owner)
        case = Case(
            label,
            member=bool(members),
            owner=owner in members,
            named=NAMED in members,
            invited=invited,
            in_scope=in_scope_at[place],
            draft=draft,
            partner=owner,
            focal="focal_point" in roles,
        )
        found.append((facts, case))
    return found


def alerts(code: Any) -> Iterator[tuple[Any, list[Any], list[Case]]]:
    for roles, members, scope in VIEWERS:
        who = principal(code, roles, members, scope)
        coordinates = "coordinator" in roles
        found = sides(code, roles, members, {"kenya": coordinates, "nowhere": False})
        for pair in combinations_with_replacement(found, 2):
            yield who, [facts for facts, _ in pair], [case for _, case in pair]
        # of three: the sides that are not told apart by two alone (a third that is seen, hidden or RED)
        few = [side for side in found if side[1].in_scope == coordinates and not side[1].invited][::2]
        for three in combinations_with_replacement(few, 3):
            yield who, [facts for facts, _ in three], [case for _, case in three]


def differences_of_alerts(code: Any) -> Iterator[str]:
    for who, facts, cases in alerts(code):
        plans = {f"plan_{number}": each for number, each in enumerate(facts)}
        for in_bulk in (False, True):
            wanted, found = oracle.alert(cases, in_bulk=in_bulk), code.sight_of_alert(who, plans, bulk=in_bulk)
            told = oracle.Alert(
                tuple(side.value for side in found.sides.values()),
                found.shown,
                found.blind,
                found.explained,
                frozenset(contact.value for contact in found.contacts),
            )
            if told != wanted:
                yield f"{told} instead of {wanted}, bulk={in_bulk}: {cases}"
            if found.full() != {name for name, side in zip(plans, wanted.sides, strict=True) if side == oracle.FULL}:
                yield f"full(): {cases}"


def test_the_code_says_of_every_plan_what_the_table_says() -> None:
    assert next(differences_of_plans(visibility), None) is None


def test_the_code_says_of_every_alert_what_the_rules_say() -> None:
    assert next(differences_of_alerts(visibility), None) is None


def test_the_cases_are_no_wall_of_refusals() -> None:
    """Code that always says no must not look good here."""
    count = Counter(oracle.outcome(case, matched=True) for _, _, case in questions(visibility))
    assert count[oracle.FULL] / count.total() >= 0.4
    assert min(count.values()) / count.total() > 0.05
    shown = Counter(
        (told.shown, told.blind) for _, _, cases in alerts(visibility) for told in (oracle.alert(cases, in_bulk=False),)
    )
    # half of the sides are drafts, and many pairs one partner's: less than of plans, and still no wall
    assert (shown[True, False] + shown[True, True]) / shown.total() >= 0.2
    assert min(shown.values()) / shown.total() > 0.02


def test_a_stricter_label_never_shows_more() -> None:
    """But for RED, which is another question (whose name is on it)."""
    order = (oracle.CLEAR, oracle.GREEN, oracle.AMBER, oracle.STRICT)
    for who, facts, _ in questions(visibility):
        if facts.label != oracle.CLEAR:
            continue
        seen = [visibility.sight(who, plan_with(facts, label)) is visibility.Outcome.FULL for label in order]
        assert seen == sorted(seen, reverse=True), (who, facts)


def plan_with(facts: visibility.Facts, label: str) -> visibility.Facts:
    return visibility.Facts(
        label, facts.owner, facts.poster, facts.named_partners, facts.named_people, facts.countries, facts.themes,
        facts.draft,
    )  # fmt: skip


def test_two_postings_of_one_activity_are_one_side_of_an_overlap() -> None:
    """What they collide with is hidden: the reader of both must not hear of it, and their owner is told blindly."""
    open_, hidden = visibility.Facts(oracle.GREEN, "org_a"), visibility.Facts(oracle.STRICT, "org_b")
    other = visibility.Facts(oracle.GREEN, "org_d")
    sides, groups = {"p": open_, "q": other, "x": hidden}, {"p": 0, "q": 0, "x": 1}
    stranger = visibility.Principal("per_1", frozenset({"org_c"}))
    owner = visibility.Principal("per_2", frozenset({"org_a"}))
    world = visibility.Scope(regions=frozenset({visibility.WORLD}))
    coordinator = visibility.Principal("per_3", roles=frozenset({"coordinator"}), scope=world)
    assert visibility.sight_of_alert(stranger, sides).shown
    assert not visibility.sight_of_alert(stranger, sides, groups=groups).shown
    seen = visibility.sight_of_alert(owner, sides, groups=groups)
    assert (seen.shown, seen.blind, seen.explained) == (True, True, False)
    seen = visibility.sight_of_alert(coordinator, sides, groups=groups)
    assert (seen.shown, seen.blind, seen.explained) == (True, False, True)
    # what is not known yet may be another partner's: the rest is not internal to one
    twice = {"p": open_, "q": open_}
    focal = visibility.Principal("per_4", frozenset({"org_a"}), frozenset({"focal_point"}))
    assert visibility.sight_of_alert(focal, twice, groups={"p": 0, "q": 0}).shown
    assert not visibility.sight_of_alert(focal, twice, groups={"p": 0, "q": 0, "x": 0}).shown
    # facts that are not known yet hide a side as a label does
    unknown = {plan: facts for plan, facts in sides.items() if plan != "x"}
    assert not visibility.sight_of_alert(stranger, unknown, groups=groups).shown


MUTANTS = {
    "CLEAR needs a person": ("return True\n    if facts.label == GREEN", "return principal.signed_in\n    if facts.label == GREEN"),
    "GREEN for whoever signed in": ("bool(principal.partners) or", "principal.signed_in or"),
    "GREEN for coordinators anywhere": ("bool(principal.partners) or _coordinates(principal, facts)", 'bool(principal.partners) or "coordinator" in principal.roles'),
    "AMBER for the owner alone": ("owner or bool(principal.partners & facts.named_partners) or", "owner or"),
    "AMBER for every partner": ("bool(principal.partners & facts.named_partners)", "bool(principal.partners)"),
    "STRICT for named partners": ("return owner or _coordinates(principal, facts)\n", "return owner or bool(principal.partners & facts.named_partners) or _coordinates(principal, facts)\n"),
    "STRICT not for the owner": ("return owner or _coordinates(principal, facts)\n", "return _coordinates(principal, facts)\n"),
    "RED for the owner": ("return _named(principal, facts)\n\n", "return owner or _named(principal, facts)\n\n"),
    "RED for coordinators": ("return _named(principal, facts)\n\n", "return _coordinates(principal, facts) or _named(principal, facts)\n\n"),
    "RED for nobody": ("return _named(principal, facts)\n\n", "return False\n\n"),
    "drafts like posted plans": ("if facts.draft:\n        return", "if False:\n        return"),
    "drafts not for their poster": ("return (owner or poster) and", "return owner and"),
    "RED drafts for their owner": (" and (facts.label != RED or _named(principal, facts))", ""),
    "administrators coordinate": ('"coordinator" in principal.roles and', '({"coordinator", "administrator"} & principal.roles) and'),
    "coordinators without a scope": ("and principal.scope.covers(facts.countries, facts.themes)", ""),
    "themes of a scope ignored": ("if self.themes and not self.themes & themes:", "if False:"),
    "regions of a scope ignored": ("return any(countries_of_region(region) & countries for region in self.regions)", "return False"),
    "the world's coordinators need a country": ("if WORLD in self.regions or self.countries & countries:", "if self.countries & countries:"),
    "blind without a match": ("if matched and not facts.draft", "if not facts.draft"),
    "blind for RED": ("facts.label in (AMBER, AMBER_STRICT)", "facts.label in (AMBER, AMBER_STRICT, RED)"),
    "blind for GREEN": ("facts.label in (AMBER, AMBER_STRICT)", "facts.label in (AMBER, AMBER_STRICT, GREEN)"),
    "not blind for STRICT": ("facts.label in (AMBER, AMBER_STRICT)", "facts.label == AMBER"),
    "blind from drafts": ("if matched and not facts.draft and", "if matched and"),
    "RED in streams": ("return facts.label != RED and sight", "return sight"),
    "blind in streams": ("sight(principal, facts) is Outcome.FULL\n", "sight(principal, facts, matched=True) is not Outcome.NOTHING\n"),
    "whom to call": ("if facts.label == AMBER else Contact.COORDINATOR", "if facts.label != AMBER else Contact.COORDINATOR"),
    "own drafts as bait": (" and not facts.draft and _sees(principal, facts)", " and _sees(principal, facts)"),
    "own plans that one may not see": (" and not facts.draft and _sees(principal, facts)", " and not facts.draft"),
    "RED sides in bulk": ("if bulk and facts.label == RED", "if False"),
    "shown with one side": ("shown=full >= 2 or blind", "shown=full >= 1 or blind"),
    "blind beside two full ones": ("blind = own and full < 2 and", "blind = own and"),
    "in-house for coordinators": ('if own and "focal_point" in principal.roles else 0', "if own or _coordinates(principal, next(iter(sides.values()))) else 0"),
    "in-house for everybody of the partner": ('if own and "focal_point" in principal.roles else 0', "if own else 0"),
    "in-house for every focal point": ('if own and "focal_point" in principal.roles else 0', 'if "focal_point" in principal.roles else 0'),
    "one partner's two postings are two sides": ("full = len({sides[plan].owner for plan in seen})", "full = len(seen)"),
    "explained with a hidden side": ("explained=len(seen) == len(outcomes) and full >= 2", "explained=full >= 2"),
}  # fmt: skip


def mutant(name: str) -> ModuleType:
    """The module with one place changed; the place must be there, or the mutant proves nothing."""
    old, new = MUTANTS[name]
    source = Path(visibility.__file__).read_text("utf-8")
    assert source.count(old) == 1, f"{name}: {old!r} is there {source.count(old)} times"
    made = ModuleType("mutant")
    exec(compile(source.replace(old, new), f"<{name}>", "exec"), made.__dict__)
    return made


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mutant", ModuleType("mutant"))
    code = mutant(name)
    assert next(differences_of_plans(code), None) or next(differences_of_alerts(code), None)


def test_facts_survive_their_journey() -> None:
    """What a read model stores is what decides there; equal facts are equal texts."""
    facts = plan(visibility, oracle.RED, "kenya", invited=True, poster=True, draft=False)
    stored = visibility.facts_to_json(facts)
    assert (
        visibility.Facts(
            **{name: frozenset(value) if isinstance(value, list) else value for name, value in stored.items()}  # pyright: ignore[reportUnknownArgumentType, reportArgumentType]
        )
        == facts
    )
