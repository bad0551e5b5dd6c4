"""What is taken for an activity and is not: the next edition, phase II, the next country, another audience, a session.

Each function gives another activity made from one, of the same `series`, or (`neighbour`, `generic`) of none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bench.matching.activities import Activity, World, working_day
from bench.matching.vocabulary import chosen


def next_edition(world: World, one: Activity) -> Activity:
    """A year later, more or less; often in the same town, sometimes in another country."""
    random = world.random
    later = one.moved(random.choice((52, 52, 52, 51, 53, 26, 50, 54)) * 7 + random.randint(-20, 20))
    country = world.voc.countries[one.country]
    if random.random() < 0.35:
        country = random.choice(world.voc.in_region(country.region))
    return replace(
        later,
        key=world.key(),
        kind="next_edition",
        organisers=world.handed(one),
        country=country.code,
        city=one.city if country.code == one.country else world.city(country),
        edition=one.edition + 1 if one.edition else None,
        participants=one.participants + random.randint(-5, 10),
    )


def next_phase(world: World, one: Activity) -> Activity:
    """Phase II in the same place, for the same people, months later. Only sometimes does the title say so."""
    named = world.random.random() < 0.65
    level = {"introductory": "intermediate", "intermediate": "advanced"}.get(one.level or "", one.level)
    later = one.moved(world.random.choice((28, 35, 60, 90, 120, 150, 180)))
    return replace(
        later,
        key=world.key(),
        kind="next_phase",
        organisers=world.handed(one),
        level=level,
        phase=(one.phase or 1) + 1 if named else None,
    )


def next_module(world: World, one: Activity) -> Activity:
    """The second week of a course: other contents, same people."""
    named = world.random.random() < 0.7
    later = one.moved(world.random.choice((7, 7, 14, 14, 21, 28)))
    topic2 = world.other_topic(world.voc.topics[one.topic]).key
    return replace(
        later, key=world.key(), kind="next_module", topic2=topic2, module=(one.module or 1) + 1 if named else None
    )


def roll_out(world: World, one: Activity) -> Activity:
    """The same course in the next country of the region: other place, other host, other people."""
    random, countries = world.random, world.voc.countries
    region = world.voc.in_region(countries[one.country].region)
    been = (*one.been, one.country)
    among = [country for country in region if country.code not in been]
    country = random.choice(among or [country for country in countries.values() if country.code not in been])
    later = one.moved(random.choice((0, 7, 7, 14, 21, 28, 42, 60, 90)))
    return replace(
        later,
        key=world.key(),
        kind="roll_out",
        organisers=world.handed(one),
        country=country.code,
        been=been,
        # what goes from country to country is seldom for the whole region
        regional=one.regional and random.random() < 0.2,
        city=world.city(country),
        host=random.choice(world.voc.hosts),
        venue=random.choice(world.voc.venues),
        participants=max(8, one.participants + random.randint(-8, 8)),
    )


def other_audience(world: World, one: Activity) -> Activity:
    """The same course in the same town, days later or side by side, for other people."""
    random = world.random
    among = [code for code in world.voc.audiences if code not in one.audiences]
    weights = [world.voc.audiences[code].weight for code in among]
    later = one.moved(chosen(random, (0, 1, 2, 3, 7), (25, 15, 15, 25, 20)))
    return replace(
        later,
        key=world.key(),
        kind="other_audience",
        organisers=world.handed(one),
        audiences=(chosen(random, among, weights),),
        participants=max(8, one.participants + random.randint(-8, 8)),
    )


def session(world: World, one: Activity) -> Activity:
    """A session or side event of another partner inside a conference."""
    random, country = world.random, world.voc.countries[one.country]
    guest = world.others(country.region, one.organisers, 1) or one.organisers[:1]
    length = (one.end - one.start).days
    start = one.start + timedelta(days=random.randint(0, length))
    topic = world.other_topic(world.voc.topics[one.topic])
    return replace(
        one,
        key=world.key(),
        kind="session",
        form=chosen(random, ("briefing", "awareness", "workshop", "meeting"), (4, 2, 3, 1)),
        topic=topic.key,
        topic2=one.topic,
        audiences=world.audiences(topic),
        start=start,
        end=start,
        organisers=guest,
        donors=(),
        programme=None,
        parent=one.key,
        edition=None,
        brand="",
        participants=random.randint(10, 40),
    )


def neighbour(world: World, one: Activity) -> Activity:
    """The same host in the same town and week, on another topic for other people: no series, no duplicate."""
    random = world.random
    topic = world.other_topic(world.voc.topics[one.topic])
    fresh = world.draw()
    start = working_day(one.start + timedelta(days=random.randint(-2, 4)))
    return replace(
        fresh,
        kind="neighbour",
        topic=topic.key,
        audiences=world.audiences(topic),
        country=one.country,
        city=one.city,
        venue=one.venue,
        host=one.host,
        organisers=one.organisers[:1] if random.random() < 0.6 else fresh.organisers,
        start=start,
        end=start + (fresh.end - fresh.start),
    )


def generic(world: World, one: Activity) -> Activity:
    """ "Cybercrime training" once more, by somebody else, elsewhere, about the same time."""
    fresh = world.draw(one.form)
    start = working_day(one.start + timedelta(days=world.random.randint(-10, 10)))
    return replace(fresh, kind="generic", topic=one.topic, start=start, end=start + (one.end - one.start), generic=True)


SERIES = {
    "next_edition": (next_edition, 24),
    "next_phase": (next_phase, 13),
    "next_module": (next_module, 8),
    "roll_out": (roll_out, 30),
    "other_audience": (other_audience, 13),
}
"""Kinds that any activity may have, with their share."""
UNRELATED = {"neighbour": (neighbour, 60), "generic": (generic, 40)}
