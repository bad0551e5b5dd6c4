"""An overlap in one sentence, from the two packed rows alone: so it works on what is stored, and names nobody."""

from __future__ import annotations

from services.activities.matching.features import AUDIENCES_FROM_TEXT, THEMES_FROM_TEXT, Features
from services.activities.matching.levels import gap_days
from services.activities.matching.overlap_rules import Kind
from services.activities.matching.phrases import countries, labels, when

CHANGES: dict[Kind, str] = {
    "people": "Other dates or another trainer would end this.",
    "audience": "Other dates, another audience or another country would end this.",
    "venue": "Other dates or another venue would end this.",
    "funding": "Another period, another funder or another theme would end this.",
    "effort": "Another period, another theme or another country would end this.",
}
"""What would end a conflict, by its kind."""


def why(kind: Kind, a: Features, b: Features) -> str:
    """`Same audience (prosecutors) in Kenya on the same days (9-11 Mar 2026); both on legislation.`"""
    spans = " and ".join(dict.fromkeys(when(one) for one in sorted((a, b), key=lambda one: (one.dates, one.plan_id))))
    coarse, apart = kind in ("funding", "effort"), days_apart(a, b)
    meeting = "in the same period" if coarse else "on the same days"
    near = f"{apart} day{'s' * (apart > 1)} apart" if apart else meeting
    common = shared("beneficiaries", a, b)
    place = f" in {countries(common)}" if common else ""
    themes = labels("theme", shared("themes", a, b))
    guessed = bool((a.row["flags"] | b.row["flags"]) & AUDIENCES_FROM_TEXT)
    match kind:
        case "people":
            said = _counted(
                len(_both("people", a, b)), "The same trainer, speaker or mentor", "trainers, speakers or mentors"
            )
            said += " at both"
        case "audience":
            told = ", as far as the texts tell" if guessed else ""
            said = f"Same audience ({labels('audience', shared('audiences', a, b))}{told}){place}"
        case "venue":
            held = countries(shared("venue_countries", a, b))
            said = "Same venue" + (f" in {held}" if held else "")
        case "funding":
            payers = len(_both("funders", a, b) - {a.partner, b.partner})
            pay = "pays" if payers == 1 else "pay"
            said = f"{_counted(payers, 'One funder', 'funders')} {pay} both for the same theme ({themes}){place}"
        case _:
            said = f"Same theme ({themes}){place}"
    audiences = "" if guessed else labels("audience", shared("audiences", a, b))
    also = f"; both on {themes}" if themes and not coarse else f"; both for {audiences}" if audiences and coarse else ""
    return f"{said} {near} ({spans}){also}."


def shared(attribute: str, a: Features, b: Features) -> tuple[str, ...]:
    """Codes of both plans; no themes where one side's were only read from its words."""
    if attribute == "themes" and (a.row["flags"] | b.row["flags"]) & THEMES_FROM_TEXT:
        return ()
    others = frozenset(getattr(b, attribute))
    return tuple(code for code in getattr(a, attribute) if code in others)


def days_apart(a: Features, b: Features) -> int:
    return int(gap_days(a.row, b.row))


def _both(column: str, a: Features, b: Features) -> set[int]:
    return (set(a.row[column].tolist()) & set(b.row[column].tolist())) - {0}


def _counted(count: int, one: str, several: str) -> str:
    return one if count == 1 else f"{count} {several}"
