"""Posting and changing plans."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any, TypeVar

from services.activities.commands import AmendPlan, ChangeStatus, ClaimPlan, PostPlan
from services.activities.domain import plan as plans
from services.activities.domain.content import Content, Funder, Invalid, Party, to_json
from services.activities.domain.plan import Plan
from services.activities.domain.reading import read
from services.activities.uow.unit import ActivitiesUnit
from shared.auth import require
from shared.etags import stale
from shared.problem import FieldError, Problem, not_found
from shared.visibility import RED, Outcome, Principal, sight

Named = TypeVar("Named", Party, Funder)


async def post_plan(command: PostPlan, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """A new plan, stored with its features and its fact. Raises problems that name the fields."""
    require(principal, "post")
    owner = await _owner(command, uow, principal)
    content = await read_content(command.body, uow, principal)
    assert principal.person
    await _check_rate(owner, uow)
    plan = plans.post(
        plan_id=uow.ids.new("plan"),
        activity_id=uow.ids.new("act"),
        owner=owner,
        posted_by=principal.person,
        claimed=not command.on_behalf,
        content=content,
        now=uow.clock.now(),
    )
    return await uow.store(plan, "plan.posted", [])


async def owner_to_check(command: PostPlan, uow: ActivitiesUnit, principal: Principal) -> str:
    """Whose plan it would be; nobody's where that is not said, so that it is held against everybody's."""
    if command.organisation is None and len(principal.partners) != 1:
        return ""
    return await _owner(command, uow, principal)


async def amend_plan(
    command: AmendPlan, uow: ActivitiesUnit, principal: Principal, validate: Callable[[Any], Mapping[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """The next version of a plan, and whether anything changed. `validate` checks the types of the patched document."""
    plan = await _own_plan(command.plan, command.expected_version, uow, principal)
    document = validate(merge_patch(to_json(plan.content), command.patch))
    content = await read_content(document, uow, principal, before=plan)
    return await _next(plan, content, uow)


async def change_status(
    command: ChangeStatus, uow: ActivitiesUnit, principal: Principal
) -> tuple[dict[str, Any], bool]:
    plan = await _own_plan(command.plan, command.expected_version, uow, principal)
    if plan.content.status == command.status:
        return await _next(plan, plan.content, uow)
    return await _next(plan, replace(plan.content, status=command.status), uow)


async def claim_plan(command: ClaimPlan, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """The owner's focal point takes over what was posted on the owner's behalf."""
    plan = await _own_plan(command.plan, command.expected_version, uow, principal, owner_only=True)
    assert principal.person
    await _check_rate(plan.owner, uow)
    return await uow.store(plans.claim(plan, principal.person, uow.clock.now()), "plan.claimed", ["claimed"])


async def read_content(
    body: Mapping[str, Any], uow: ActivitiesUnit, principal: Principal, before: Plan | None = None
) -> Content:
    """Content whose organisations, people and other plans exist. Raises Invalid with every error at once.

    before: the plan that this content is to change
    """
    errors: list[FieldError] = []
    content: Content | None = None
    try:
        content = read(body, uow.clock.now().date())
    except Invalid as invalid:
        errors += invalid.errors
    if content is None:
        raise Invalid(errors)
    content = await _resolve(content, uow, errors)
    await _check_references(content, before, uow, principal, errors)
    if errors:
        raise Invalid(errors)
    return content


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    merged: dict[str, Any] = dict(document) if isinstance(document, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]
    for name, value in patch.items():  # pyright: ignore[reportUnknownVariableType]
        if value is None:
            merged.pop(str(name), None)  # pyright: ignore[reportUnknownArgumentType]
        else:
            merged[str(name)] = merge_patch(merged.get(str(name)), value)  # pyright: ignore[reportUnknownArgumentType]
    return merged


async def _next(plan: Plan, content: Content, uow: ActivitiesUnit) -> tuple[dict[str, Any], bool]:
    amended, action = plans.amend(plan, content, uow.clock.now())
    if action is None:
        return {}, False
    await _check_rate(plan.owner, uow)
    return await uow.store(amended, action, plans.changed_fields(plan.content, content)), True


async def _owner(command: PostPlan, uow: ActivitiesUnit, principal: Principal) -> str:
    """Whose plan it is: the poster's own organisation, one of them by name, or another's for a coordinator."""
    if command.on_behalf:
        if "coordinator" not in principal.roles:
            raise Problem(
                "forbidden",
                "#/on_behalf_of: only a coordinator posts on behalf of a partner",
                [FieldError("#/on_behalf_of", "forbidden", "only a coordinator posts on behalf of a partner")],
            )
        return await _organisation("#/on_behalf_of", command.organisation or "", uow)
    if command.organisation:
        found = await _organisation("#/organisation", command.organisation, uow)
        if found not in principal.partners:
            raise Invalid([FieldError("#/organisation", "not_yours", "you do not post for that organisation")])
        return found
    if len(principal.partners) != 1:
        detail = (
            "say for which of your organisations"
            if principal.partners
            else "you belong to no organisation; say on_behalf_of"
        )
        raise Invalid([FieldError("#/organisation", "missing", detail)])
    return next(iter(principal.partners))


async def _check_rate(owner: str, uow: ActivitiesUnit) -> None:
    wait = await uow.wait_to_post(owner)
    if wait is not None:
        seconds = max(1, ceil(wait.total_seconds()))
        raise Problem(
            "too-many-requests",
            f"Your organisation has posted and changed as many plans as it may in an hour; go on in {seconds} seconds.",
            headers={"Retry-After": str(seconds)},
        )


async def _organisation(pointer: str, reference: str, uow: ActivitiesUnit) -> str:
    found = await uow.organisation(reference)
    if found is None:
        raise Invalid(
            [FieldError(pointer, "unknown_organisation", f"{reference[:80]!r} is not an organisation of the registry")]
        )
    return found


async def _resolve(content: Content, uow: ActivitiesUnit, errors: list[FieldError]) -> Content:
    """Slugs of partners and funders become ids."""

    async def resolved(name: str, parties: tuple[Named, ...]) -> tuple[Named, ...]:
        done: list[Named] = []
        for index, party in enumerate(parties):
            if party.organisation is None:
                done.append(party)
                continue
            try:
                organisation = await _organisation(f"#/{name}/{index}/organisation", party.organisation, uow)
                done.append(replace(party, organisation=organisation))
            except Invalid as invalid:
                errors.extend(invalid.errors)
        return tuple(done)

    return replace(
        content,
        partners=await resolved("partners", content.partners),
        funders=await resolved("funders", content.funders),
    )


async def _check_references(
    content: Content, before: Plan | None, uow: ActivitiesUnit, principal: Principal, errors: list[FieldError]
) -> None:
    for name in ("part_of", "follow_up_of"):
        reference: str | None = getattr(content, name)
        if reference is None or (before is not None and getattr(before.content, name) == reference):
            continue
        if before is not None and reference == before.id:
            errors.append(FieldError(f"#/{name}", "itself", "a plan cannot refer to itself here"))
            continue
        other = await uow.plan(reference)
        if other is None or sight(principal, other.facts) is not Outcome.FULL:
            errors.append(FieldError(f"#/{name}", "unknown_plan", "no such plan, or it is not for you"))
    for name in ("named_people", "trainers"):
        people: tuple[str, ...] = getattr(content, name)
        there = await uow.people_exist(people) if people else set[str]()
        for index, person in enumerate(people):
            if person not in there:
                errors.append(FieldError(f"#/{name}/{index}", "unknown_person", "no such person"))
    if content.tlp != RED and content.named_people:
        errors.append(FieldError("#/named_people", "label", "only a RED plan is for named people"))


async def _own_plan(
    plan_id: str, expected_version: int, uow: ActivitiesUnit, principal: Principal, *, owner_only: bool = False
) -> Plan:
    """The plan, locked, if this principal may change it: its owner's people, or the coordinator who posted it."""
    require(principal, "post")
    plan = await uow.plan(plan_id, lock=True)
    if plan is None or sight(principal, plan.facts) is not Outcome.FULL:
        raise not_found("plan")
    owner = plan.owner in principal.partners
    poster = not plan.claimed and plan.posted_by == principal.person
    if not owner and (owner_only or not poster):
        raise Problem("forbidden", "Only the plan's owner changes it.")
    if plan.version != expected_version:
        raise stale(f"the plan is at version {plan.version} now")
    return plan
