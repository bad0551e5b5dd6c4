"""Whose ids are told. People stand in documents as opaque ids, and even these are not for everybody who sees the plan.

| reader                                                                          | is told who posted, changed, decided |
|---------------------------------------------------------------------------------|--------------------------------------|
| administrators; coordinators in whose scope the plan (one of the plans) lies    | yes                                  |
| the plan's owner and whoever posted it, of the plan; colleagues of who decided  | yes                                  |
| the person who did it                                                           | of what they did                     |
| everybody else, signed in or not                                                | no: the field is left out            |

Pure, and the same for the API, its lists and histories, `/events` and the stream. Source: DESIGN sections 5 and 7.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from shared.visibility import Facts, Outcome, Principal, coordinates

PERSONAL = frozenset({"posted_by", "named_people", "trainers", "actor", "made_by", "reversed_by", "by"})
"""The fields, at any depth of a document, that hold people: an id, or a list of ids."""

People = frozenset[str] | None
"""Those who may be told; None for everybody."""


def people_told(
    principal: Principal,
    outcome: Outcome,
    facts: Iterable[Facts],
    *,
    owner: str | None = None,
    acting: Mapping[str, Collection[str]] | None = None,
) -> People:
    """The people whose ids this principal is told.

    facts    the present facts of the plans that the document is about, as far as the principal sees them
    owner    the partner whose plan it is; None for a decision, which is nobody's
    acting   who acted beside the poster, each with the partners they belong to (as far as that matters and is known)
    """
    if outcome is not Outcome.FULL or not principal.signed_in:
        return frozenset()
    plans = tuple(facts)
    own = owner is not None and (owner in principal.partners or any(each.poster == principal.person for each in plans))
    if own or "administrator" in principal.roles or any(coordinates(principal, each) for each in plans):
        return None
    return frozenset(
        person
        for person, partners in (acting or {}).items()
        if person == principal.person or principal.partners & set(partners)
    )


def with_people(document: Mapping[str, Any], told: People) -> dict[str, Any]:
    """The document with those people alone; a field that is left with nobody is left out."""
    if told is None:
        return dict(document)
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name in PERSONAL:
            kept = _kept(value, told)
            if kept:
                found[name] = kept
        else:
            found[name] = _within(value, told)
    return found


def _within(value: Any, told: People) -> Any:
    if isinstance(value, Mapping):
        return with_people(cast(Mapping[str, Any], value), told)
    return [_within(each, told) for each in cast(list[Any], value)] if isinstance(value, list) else value


def _kept(value: Any, told: frozenset[str]) -> Any:
    if isinstance(value, list | tuple):
        return [person for person in cast(Collection[str], value) if person in told]
    return value if value in told else None


def shown_to(
    document: Mapping[str, Any],
    outcome: Outcome,
    principal: Principal,
    facts: Iterable[Facts],
    *,
    owner: str | None = None,
    acting: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Any]:
    """The document as this principal is shown it, where nothing but people is to be left out (see `people_told`)."""
    return with_people(document, people_told(principal, outcome, facts, owner=owner, acting=acting))
