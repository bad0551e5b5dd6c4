"""One sentence a coordinator can act on, and one that says what would change it."""

from __future__ import annotations

from dataclasses import dataclass

from services.activities.matching.engine import COARSE, Contribution, Match
from services.activities.matching.features import PlanText
from shared.places import canonical_city

_LEAD = {
    "certain": "Almost certainly the same",
    "likely": "Likely the same",
    "probable": "Perhaps the same",
    "none": "Not the same",
}
_CHANGE = {
    "dates": ("if the dates were further apart", "if the dates were closer"),
    "city": ("if the cities differed", "if the city were the same"),
    "country": ("if the venue countries differed", "if the venue country were the same"),
    "region": ("if they spoke of different regions", "if both spoke of the same region"),
    "beneficiaries": ("if the beneficiaries differed", "if the beneficiaries were the same"),
    "title": ("if the titles shared less", "if the titles shared more"),
    "type": ("if the types differed", "if the type were the same"),
    "audience": ("if the audiences differed", "if the audience were the same"),
    "themes": ("if the themes differed", "if the themes were shared"),
    "named": ("if neither named the other", "if one named the other as partner"),
    "ordinal": ("if the numbers in the titles differed", "if both titles carried the same number"),
    "year": ("if the years in the titles differed", "if the titles named the same year"),
    "mode": ("if one were online", "if both were held the same way"),
    "language": ("if the languages differed", "if a language were shared"),
    "level": ("if the levels differed", "if the level were the same"),
    "in_house": ("if the partner were another", "if the other posting were another partner's"),
    "part_of": ("", "if neither were part of the other"),
    "follow_up_of": ("", "if neither followed up the other"),
    "next_edition": ("", "if the edition were the same"),
}


@dataclass(frozen=True)
class Explanation:
    """`sentence` from the three strongest rows and the strongest against; `change` what would turn the answer."""

    sentence: str
    change: str


def explain(match: Match, a: PlanText | None = None, b: PlanText | None = None) -> Explanation:
    """In words. With the two texts, in either order, the city is named; without them the packed rows must do."""
    noun = _noun(a, b)
    against = sorted((row for row in match.contributions if row.effect < 0), key=lambda row: row.effect)
    backing = sorted((row for row in match.contributions if row.effect > 0), key=lambda row: -row.effect)
    if match.band == "none":
        reasons, but = against[:3], backing[:1]
    else:
        reasons, but = _strongest(match, backing), against[:1]
    said = ", ".join(_say(row, a, b) for row in reasons) or "nothing speaks for it"
    tail = f"; {'but ' if match.band == 'none' else ''}{_say(but[0], a, b)}" if but else ""
    lead = "Two of one series rather than the same" if match.kind == "series" else _LEAD[match.band]
    return Explanation(f"{lead} {noun}: {said}{tail}.", _change(match, backing, against))


def _strongest(match: Match, backing: list[Contribution]) -> list[Contribution]:
    """The three strongest rows, dates always among them, in the order in which people tell them."""
    place = [row for row in backing if row.field == "country"]
    city = [row for row in match.contributions if row.field == "city" and row.level == "same"]
    telling = [row for row in backing if row.field != "city"]
    if city and place:  # who hears the city knows the country
        telling[telling.index(place[0])] = city[0]
    elif city:
        telling += city
    dates = [row for row in telling if row.field == "dates"]
    chosen = (dates + [row for row in telling if row.field != "dates"])[:3]
    return [row for row in match.contributions if row in chosen]


def _change(match: Match, backing: list[Contribution], against: list[Contribution]) -> str:
    if match.band == "certain" and backing:
        rows = [row for row in backing if row.field in _CHANGE]
        return f"This would change {_CHANGE[rows[0].field][0]}." if rows else ""
    rows = [row for row in against if row.field in _CHANGE]
    direction = "change" if match.band == "none" else "be surer"
    if rows:
        return f"This would {direction} {_CHANGE[rows[0].field][1]}."
    coarse = any(row.field == "dates" and row.level in COARSE for row in match.contributions)
    return (
        "This would be surer if both gave exact days."
        if coarse
        else "This would be surer if more fields were filled in."
    )


def _say(row: Contribution, a: PlanText | None, b: PlanText | None) -> str:
    if row.field == "city" and row.level == "same" and a and b:
        cities = [city for city, _ in a.venues if city]
        others = {canonical_city(city) for city, _ in b.venues if city}
        named = [city for city in cities if canonical_city(city) in others] or cities[:1]
        return f"same city ({', '.join(named)})"
    return row.why


def _noun(a: PlanText | None, b: PlanText | None) -> str:
    types = {one.type for one in (a, b) if one and one.type}
    return types.pop().replace("_", " ") if len(types) == 1 else "activity"
