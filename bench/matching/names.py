"""What a list of events calls a thing that has a name of its own."""

from __future__ import annotations

import re
from random import Random

from bench.matching.activities import Activity
from bench.matching.vocabulary import Country, chosen

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def called(one: Activity, country: Country, random: Random) -> str:
    """The name as one list has it: with the country, the town, the year, spelled apart."""
    name = one.brand
    if random.random() < 0.12:
        name = _CAMEL.sub(" ", name)
    if random.random() < 0.03:
        name = name.lower()
    city = country.cities[min(one.city, len(country.cities) - 1)].names["en"][0]
    more = chosen(
        random,
        ("", country.names["en"][0], city, str(one.start.year), country.code[:2], "Conference"),
        (42, 18, 12, 16, 5, 7),
    )
    if one.edition and random.random() < 0.3:
        name = f"{name} {one.edition}" if random.random() < 0.5 else f"{one.edition}. {name}"
    joint = "" if len(more) == 2 and random.random() < 0.4 else " "
    return f"{name}{joint}{more}".strip()
