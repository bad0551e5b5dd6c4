"""Who may see what, once more: written from the table of the rules, not from the code, over plain yes and no.

The product works on sets of partners, people, countries and regions. Here somebody else has already answered the
questions that the table asks ("does the viewer's partner own it?"), so that nothing of the product's way is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CLEAR, GREEN, AMBER, STRICT, RED = "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"
FULL, BLIND, NOTHING = "full", "blind", "nothing"


@dataclass(frozen=True)
class Case:
    """One plan as it stands to one viewer.

    member      the viewer signed in and belongs to some partner
    owner       ... to the partner that owns the plan
    named       ... to a partner named on the plan
    invited     the viewer is one of the named people
    poster      the viewer posted it
    in_scope    the viewer is a coordinator, and the plan lies in the scope
    partner     whose plan it is; focal: the viewer is a focal point
    """

    label: str
    member: bool = False
    owner: bool = False
    named: bool = False
    invited: bool = False
    poster: bool = False
    in_scope: bool = False
    draft: bool = False
    partner: str = ""
    focal: bool = False


def sees(case: Case) -> bool:
    """The table, row by row."""
    if case.label == RED:
        # "the named people only (a coordinator too must be named)"; being the owner is no exception
        may = case.invited
    elif case.label == STRICT:
        may = case.owner or case.in_scope
    elif case.label == AMBER:
        may = case.owner or case.named or case.in_scope
    elif case.label == GREEN:
        # "every signed-in partner"; a laxer label never hides what a stricter one would show to a coordinator
        may = case.member or case.in_scope
    else:
        # "everybody, without signing in"
        may = True
    if case.draft:
        # Not posted yet: only those who write it. A RED draft is for the named among them.
        writes = case.owner or case.poster
        return writes and (case.invited if case.label == RED else True)
    return may


def outcome(case: Case, *, matched: bool) -> str:
    """ "When a plan labelled AMBER or AMBER+STRICT matches yours and you may not see it": blind. Never from a draft."""
    if sees(case):
        return FULL
    if matched and case.label in (AMBER, STRICT) and not case.draft:
        return BLIND
    return NOTHING


def bulk(case: Case) -> bool:
    """ "Never a bulk stream, never an export": RED is left out even for those who may see it."""
    return case.label != RED and sees(case)


@dataclass(frozen=True)
class Alert:
    """What one viewer gets of an alert."""

    sides: tuple[str, ...]
    shown: bool
    blind: bool
    explained: bool
    call: frozenset[str]


def alert(
    cases: Sequence[Case],
    *,
    in_bulk: bool,
    activities: Sequence[int] | None = None,
    first: Sequence[bool] | None = None,
) -> Alert:
    """The alert between these plans, seen by one viewer. activities: of an overlap, which of the two each plan is of.
    first: whether it is by this alert that the viewer's partner met the plan first ("once per pair")."""
    there = [not (in_bulk and case.label == RED) for case in cases]
    # "matches yours": a posted plan of one's own partner that one may see oneself. A draft is no plan to match with
    # ("blind alerts arise only from stored, non-draft plans"), or drafts would be bait.
    yours = any(
        case.owner and sees(case) and not case.draft for case, is_there in zip(cases, there, strict=True) if is_there
    )
    sides = tuple(
        outcome(case, matched=yours and new) if is_there else NOTHING
        for case, is_there, new in zip(cases, there, first or [True] * len(cases), strict=True)
    )
    hidden = [case for case, side in zip(cases, sides, strict=True) if side == BLIND]
    # alerts are between partners: what one partner posted twice is one side (an overlap: what is of one activity)
    whose = activities or [case.partner for case in cases]
    full = len({one for one, side in zip(whose, sides, strict=True) if side == FULL})
    if len({case.partner for case in cases}) == 1:
        # "it would tell UNODC's own focal points only"
        full = sides.count(FULL) if yours and any(case.focal for case in cases) else 0
    blind = bool(hidden) and full < 2
    return Alert(
        sides=sides,
        # an alert is between plans: with one of them in sight there is nothing to tell, unless the other is blind
        shown=full >= 2 or blind,
        blind=blind,
        # "an explanation is shown only to those with full sight of both plans"
        explained=sides.count(FULL) == len(cases) and full >= 2,
        # "whom to call (the owner's focal point for AMBER, the coordinator in scope for AMBER+STRICT)"
        call=frozenset("focal_point" if case.label == AMBER else "coordinator" for case in hidden),
    )
