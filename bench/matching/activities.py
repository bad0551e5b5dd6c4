"""What happens in the world of the generator: activities, drawn one by one. Nobody has described them yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from bench.matching.invented import invented
from bench.matching.vocabulary import Country, Form, Organisation, Topic, Vocabulary, chosen, speciality

_HUBS = ("FRA", "NLD", "AUT", "CHE", "SGP", "ROU", "HUN")
_WIDE = (  # noqa: SIM905
    "USA DEU GBR IND FRA NLD ESP CAN POL AUS JPN ITA CHE SWE BRA CZE BEL PRT SGP FIN AUT IRL TUR NZL ZAF GRC EST KOR MEX ARG"
).split()
_FORM_FOR_TOPIC = {
    "legislation": {"legislative_support": 8.0, "workshop": 2.0},
    "budapest": {"legislative_support": 4.0},
    "maturity": {"assessment": 20.0, "workshop": 1.0},
    "awareness": {"awareness": 14.0},
    "incident": {"exercise": 5.0},
    "csirtsetup": {"assessment": 6.0},
    "cii": {"exercise": 4.0},
    "diplomacy": {"meeting": 3.0, "conference": 2.0},
    "untreaty": {"meeting": 8.0},
    "network": {"training": 3.0},
}
_GATHERINGS = ("conference", "meeting", "briefing")


@dataclass(frozen=True)
class Activity:
    """One thing that happens. `regional`: for its country's whole region, wherever it is held.

    `brand` is a name of its own ("Octopus Conference"), kept in every language; `been` are countries where it was before. `series` is shared by everything that is taken for it and is not; `kind` says what made this one of the series.
    """

    key: str
    form: str
    topic: str
    topic2: str
    audiences: tuple[str, ...]
    country: str
    city: int
    regional: bool
    start: date
    end: date
    organisers: tuple[str, ...]
    donors: tuple[str, ...]
    programme: str | None
    host: str
    venue: str
    mode: str
    level: str | None
    participants: int
    series: str
    kind: str = "first"
    edition: int | None = None
    phase: int | None = None
    module: int | None = None
    parent: str | None = None
    parent_title: str = ""
    brand: str = ""
    generic: bool = False
    been: tuple[str, ...] = ()

    def moved(self, days: int) -> Activity:
        """The same, later (or sooner), on a working day."""
        length = self.end - self.start
        start = working_day(self.start + timedelta(days=days))
        return replace(self, start=start, end=start + length)


def working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day


@dataclass
class World:
    """What activities are drawn from. One stream of randomness: the same seed gives the same world."""

    random: Random
    voc: Vocabulary
    partners: tuple[str, ...]
    first: date
    days: int
    named: float = 0.0
    """Share of activities with an invented name of their own."""
    wide: bool = False
    """Anywhere: the countries and towns where conferences are, and not those where help is given."""
    count: int = 0
    taken: set[str] = field(default_factory=set[str])

    def key(self) -> str:
        self.count += 1
        return f"w{self.count:06d}"

    def draw(self, form: str | None = None) -> Activity:
        """An activity that has nothing to do with any other."""
        random, voc = self.random, self.voc
        lead = voc.organisations[
            chosen(random, self.partners, [voc.organisations[key].weight for key in self.partners])
        ]
        country = self._country(lead)
        topic = self._topic(lead)
        kind = voc.forms[form] if form else self._form(topic)
        # what has a name of its own is posted more often than its share of subjects tells
        if not form and random.random() < 0.09:
            named, subject, _ = random.choice(voc.brands)
            kind, topic = voc.forms[named], voc.topics[subject]
        regional = random.random() < (0.55 if kind.code in _GATHERINGS else 0.27)
        if regional and kind.code in _GATHERINGS and random.random() < 0.25:
            country = voc.countries[random.choice(_HUBS)]
        start = self._start()
        least, most = kind.days
        length = random.randint(least, min(most, 5)) if random.random() < 0.9 else random.randint(least, most)
        programme = self._programme(lead.key, country.region)
        organisers = self.organisers(lead.key, country.region)
        key = self.key()
        brands = [name for form, subject, name in voc.brands if form == kind.code and subject == topic.key]
        online = kind.code == "e_learning" or random.random() < (0.18 if self.wide else 0.06)
        return Activity(
            key=key,
            form=kind.code,
            topic=topic.key,
            topic2=self.other_topic(topic).key,
            audiences=self.audiences(topic),
            country=country.code,
            city=self.city(country),
            regional=regional,
            start=start,
            end=start + timedelta(days=length - 1),
            organisers=organisers,
            donors=self._donors(programme, country.region),
            programme=programme,
            host=random.choice(voc.hosts),
            venue=random.choice(voc.venues),
            mode="online" if online else "hybrid" if random.random() < 0.05 else "in_person",
            level=chosen(random, (None, "introductory", "intermediate", "advanced"), (5, 3, 2, 2)),
            participants=random.choice((12, 15, 18, 20, 22, 24, 25, 28, 30, 32, 35, 40, 45, 50, 60, 80, 120)),
            series=key,
            brand=self._brand(brands),
            edition=random.randint(2, 17) if kind.code in _GATHERINGS and random.random() < 0.3 else None,
        )

    def organisers(self, lead: str, region: str) -> tuple[str, ...]:
        """The lead and who works with it: named or not, and whether or not they post it themselves."""
        more = chosen(self.random, (0, 1, 2, 3), (40, 36, 17, 7))
        return (lead, *self.others(region, (lead,), more))

    def others(self, region: str, without: Sequence[str], count: int) -> tuple[str, ...]:
        """Other partners at work in a region."""
        found: list[str] = []
        among = [key for key in self.partners if self.voc.organisations[key].works_in(region) and key not in without]
        while among and len(found) < count:
            key = chosen(self.random, among, [self.voc.organisations[one].weight for one in among])
            among.remove(key)
            found.append(key)
        return tuple(found)

    def handed(self, one: Activity) -> tuple[str, ...]:
        """Organisers of what follows: often another of them leads and posts it, sometimes somebody new."""
        how, (lead, *rest) = self.random.random(), one.organisers
        if rest and how < 0.45:
            return (rest[0], lead, *rest[1:])
        if how > 0.86:
            return (*self.others(self.voc.countries[one.country].region, one.organisers, 1), *one.organisers[:2])
        return one.organisers

    def audiences(self, topic: Topic) -> tuple[str, ...]:
        among = list(topic.audiences)
        found = {self.random.choice(among)}
        if self.random.random() < 0.42:
            found.add(self.random.choice(among))
        if self.random.random() < 0.12:
            found.add(chosen(self.random, list(self.voc.audiences), [a.weight for a in self.voc.audiences.values()]))
        return tuple(code for code in self.voc.audiences if code in found)

    def city(self, country: Country) -> int:
        # most things happen in the capital
        return 0 if self.random.random() < (0.3 if self.wide else 0.64) else self.random.randrange(len(country.cities))

    def other_topic(self, topic: Topic) -> Topic:
        among = [one for one in self.voc.topics.values() if one.key != topic.key]
        near = [one for one in among if set(one.audiences) & set(topic.audiences)]
        return chosen(self.random, near or among, [one.weight for one in near or among])

    def _country(self, lead: Organisation) -> Country:
        if self.wide:
            named = [self.voc.countries[code] for code in _WIDE]
            if self.random.random() < 0.75:
                return chosen(self.random, named, [1 / (rank + 2) for rank in range(len(named))])
        among = [country for country in self.voc.countries.values() if self.wide or lead.works_in(country.region)]
        return chosen(self.random, among, [country.weight for country in among])

    def _topic(self, lead: Organisation) -> Topic:
        mostly = speciality(lead.key)
        among = list(self.voc.topics.values())
        return chosen(self.random, among, [one.weight * (5 if one.key in mostly else 1) for one in among])

    def _form(self, topic: Topic) -> Form:
        more = _FORM_FOR_TOPIC.get(topic.key, {})
        among = list(self.voc.forms.values())
        return chosen(self.random, among, [form.weight * more.get(form.code, 1) for form in among])

    def _start(self) -> date:
        day = self.first + timedelta(days=self.random.randrange(self.days))
        # little happens in August and at the turn of the year
        if (day.month == 8 or (day.month, day.day) > (12, 18)) and self.random.random() < 0.7:
            return self._start()
        return working_day(
            day - timedelta(days=day.weekday()) + timedelta(days=chosen(self.random, range(5), (50, 22, 15, 8, 5)))
        )

    def _brand(self, known: list[str]) -> str:
        if self.random.random() < self.named:
            # no two things are called the same by chance: who shares an invented name is kin
            while (name := invented(self.random)) in self.taken:
                pass
            self.taken.add(name)
            return name
        return self.random.choice(known) if known and self.random.random() < 0.6 else ""

    def _programme(self, lead: str, region: str) -> str | None:
        if self.random.random() < 0.5:
            return None
        among = [one for one in self.voc.programmes if one.owner == lead and {"*", region} & set(one.regions)]
        return self.random.choice(among).name if among else None

    def _donors(self, programme: str | None, region: str) -> tuple[str, ...]:
        found = next((one.donors for one in self.voc.programmes if one.name == programme), ())
        if found or self.random.random() < 0.35:
            return found
        among = [one for one in self.voc.organisations.values() if one.kind == "donor" and one.works_in(region)]
        count = chosen(self.random, (1, 2, 3), (70, 22, 8))
        drawn = (
            {chosen(self.random, among, [one.weight for one in among]).key for _ in range(count)} if among else set()
        )
        return tuple(sorted(drawn))
