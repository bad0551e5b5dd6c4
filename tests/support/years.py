"""Years of made-up plans with their edits and cancellations, and the orders in which they may arrive."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

COUNTRIES = ("KEN", "UGA", "PER", "LKA", "THA", "GEO", "SEN", "FJI", "JOR", "MEX", "NPL", "ZMB", "TUN", "LAO", "UKR", "BRA",
             "GHA", "VNM", "SLV", "MWI")  # fmt: skip
WORDS = ("ransomware", "darknet markets", "electronic evidence", "mobile devices", "open source intelligence", "cryptocurrency",
         "malware", "child protection online", "cloud data", "network intrusion")  # fmt: skip
AUDIENCES = ("investigators", "prosecutors", "judges", "forensic_examiners")
THEMES = ("electronic_evidence", "darknet", "malware", "cryptocurrency", "digital_forensics")

DENSE = 1500
"""Plans of a full year of this field."""


@dataclass(frozen=True)
class Deed:
    """What somebody does to plan `number`: post it, change it, or cancel it."""

    kind: str
    number: int
    body: dict[str, Any]


def plan_id(number: int) -> str:
    return f"plan_{random.Random(number).getrandbits(128):032x}"


def some_year(plans: int, chance: random.Random) -> Iterator[list[Deed]]:
    """The deeds of one plan after another, each in their own order. A seventh are another partner's posting of an earlier one.
    Many plans are those of several years, so that a country does not have more of them in a month than there could be."""
    told: list[dict[str, Any]] = []
    days = 360 * max(plans, DENSE) // DENSE
    for number in range(plans):
        if told and chance.random() < 0.15:
            body = dict(chance.choice(told))
            body["title"] = f"Workshop: {body['title'].lower()}"
            start = date.fromisoformat(body["start"]) + timedelta(chance.choice((0, 0, 1)))
            body |= {"start": start.isoformat(), "end": (start + timedelta(2)).isoformat()}
        else:
            start = date(2027, 1, 4) + timedelta(chance.randrange(days))
            body = {
                "title": f"{chance.choice(WORDS).capitalize()} for {chance.choice(('police', 'courts', 'banks'))}",
                "type": chance.choice(("training", "workshop")), "tlp": "GREEN",
                "start": start.isoformat(), "end": (start + timedelta(chance.choice((1, 2, 4)))).isoformat(),
                "venues": [{"country": chance.choice(COUNTRIES)}],
                "audiences": chance.sample(AUDIENCES, chance.randint(1, 2)), "themes": chance.sample(THEMES, 1),
            }  # fmt: skip
            told.append(body)
        if chance.random() < 0.1:
            body = {name: value for name, value in body.items() if name not in ("start", "end")}
        deeds = [Deed("post", number, body)]
        if chance.random() < 0.15:
            moved = date(2027, 1, 4) + timedelta(chance.randrange(days))
            dates = {"start": moved.isoformat(), "end": (moved + timedelta(1)).isoformat()}
            deeds.append(
                Deed("amend", number, chance.choice((dates, {"title": "Ransomware week"}, {"themes": ["malware"]})))
            )
        if chance.random() < 0.08:
            deeds.append(Deed("cancel", number, {}))
        yield deeds


def shuffled(year: list[list[Deed]], chance: random.Random) -> list[Deed]:
    """All deeds in any order that keeps each plan's own."""
    turns = [number for number, deeds in enumerate(year) for _ in deeds]
    chance.shuffle(turns)
    left = [iter(deeds) for deeds in year]
    return [next(left[number]) for number in turns]
