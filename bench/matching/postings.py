"""One partner's account of an activity, as a row of `convene match`'s JSON Lines: what it says, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bench.matching import dates, names, texts, titles
from bench.matching.activities import Activity
from bench.matching.telling import Told
from bench.matching.telling import told as tells
from bench.matching.vocabulary import Country, Organisation, Vocabulary, chosen
from bench.matching.wording import bare, named, words

_CONFUSED = {
    "training": ("workshop", "train_the_trainer"),
    "workshop": ("training", "meeting"),
    "train_the_trainer": ("training",),
    "meeting": ("workshop", "conference"),
    "conference": ("meeting",),
    "mentoring": ("training",),
    "exercise": ("workshop", "training"),
    "e_learning": ("training",),
    "assessment": ("meeting",),
    "legislative_support": ("workshop", "assessment"),
}
_ONLINE_PLACES = ("Online", "Virtual", "online", "Zoom")


@dataclass(frozen=True)
class Posting:
    """A row, of which activity it tells, and what of it."""

    reference: str
    activity: str
    organisation: str
    language: str
    row: dict[str, Any]
    told: Told


@dataclass
class Accounts:
    """Tells activities in the words of partners. A partner keeps its words within a series: that is what makes editions alike."""

    voc: Vocabulary
    seed: int
    random: Random
    bare: bool = False
    count: int = 0

    def tell(self, one: Activity, key: str, first: Posting | None = None) -> Posting:
        """A partner's posting of an activity; `first` is the posting of whoever told it before."""
        if self.bare:
            return self._listed(one, key, first)
        random, organisation = self.random, self.voc.organisations[key]
        own = f"{self.seed}/{key}/{one.series}"
        if random.random() < 0.25:
            own += f"/{one.key}"
        wording = Random(own)
        style = self._style(organisation, one, wording)
        country = self.voc.countries[one.country]
        language = self._language(organisation, country, wording)
        days = dates.disagreed(one.start, one.end, random) if first else (one.start, one.end)
        told = self._believed(one, random) if first else one
        filled = words(told, key, language, self.voc, wording, days)
        if first and first.language == language and random.random() < 0.07:
            title = titles.borrowed(first.row["title"], language, filled, random)
        else:
            title = titles.title(told, style, language, self.voc, filled, wording)
        start, end = dates.written(*days, style, random, 0.4 if first and "start" not in first.row else 0.88)
        dated = start is None and random.random() < 0.6
        self.count += 1
        row: dict[str, Any] = {
            "organisation": self._name(organisation),
            "reference": f"p{self.count:06d}",
            "title": title,
        }
        row |= {name: value for name, value in (("start", start), ("end", end if start else None)) if value}
        row |= self._places(told, country, language, random)
        row |= self._facts(told, key, language, random)
        description = texts.text(told, language, self.voc, filled, wording, dated=dated)
        if first and first.language == language and random.random() < 0.1 and "description" in first.row:
            # the partner's press release, cut
            description = first.row["description"][: random.choice((150, 300, 2000))]
        if description:
            row["description"] = description
        if random.random() < 0.5:
            row["language"] = language
        says = tells(told, row, filled, days, self.voc)
        return Posting(row["reference"], one.key, key, language, row, says)

    def _listed(self, one: Activity, key: str, first: Posting | None) -> Posting:
        """A line in a list of events: name, days, place. Lists agree on days nearly always, and not on what is online."""
        random, country = self.random, self.voc.countries[one.country]
        start, end = (
            dates.disagreed(one.start, one.end, random) if first and random.random() < 0.35 else (one.start, one.end)
        )
        if one.brand:
            title = titles.spoiled(names.called(one, country, random), "en", random)
        else:
            filled = words(one, key, "en", self.voc, random, (start, end))
            title = titles.title(one, "calendar", "en", self.voc, filled, random)
        self.count += 1
        row: dict[str, Any] = {"organisation": self._name(self.voc.organisations[key]), "title": title}
        row |= {"start": start.isoformat(), "end": end.isoformat()}
        online = one.mode == "online" and random.random() < 0.75
        if not online:
            row |= self._places(replace(one, mode="in_person", regional=False), country, "en", random)
        elif random.random() < 0.5:
            row["city"] = "Online"
        if random.random() < 0.6:
            row["mode"] = "online" if online else "in_person"
        says = Told(days=(start, end), country="" if online else one.country)
        return Posting("", one.key, key, "en", row, says)

    def _style(self, organisation: Organisation, one: Activity, wording: Random) -> str:
        if one.generic and wording.random() < 0.7:
            return "generic"
        if one.brand and wording.random() < 0.5:
            return "brand"
        # a partner has a house style, and does not always keep to it
        house = chosen(Random(f"{self.seed}/{organisation.key}"), list(titles.STYLES), list(titles.STYLES.values()))
        return house if wording.random() < 0.35 else chosen(wording, list(titles.STYLES), list(titles.STYLES.values()))

    @staticmethod
    def _language(organisation: Organisation, country: Country, wording: Random) -> str:
        shared = [one for one in country.languages if one in organisation.languages and one != "en"]
        if shared and wording.random() < 0.55:
            return shared[0] if wording.random() < 0.8 else shared[-1]
        if "en" in organisation.languages:
            return "en"
        return organisation.languages[0]

    def _name(self, organisation: Organisation) -> str:
        constant = Random(f"{self.seed}/{organisation.key}/name")
        return named(organisation, "en" if "en" in organisation.languages else organisation.languages[0], constant, 0.6)

    def _believed(self, one: Activity, random: Random) -> Activity:
        """What another partner knows of it: other main topic, some of the people, another form; seldom another town."""
        changes: dict[str, Any] = {}
        if random.random() < 0.10:
            changes |= {"topic": one.topic2, "topic2": one.topic}
        if random.random() < 0.3:
            changes["form"] = chosen(random, _CONFUSED.get(one.form, (one.form,)))
        if len(one.audiences) > 1 and random.random() < 0.35:
            changes["audiences"] = (random.choice(one.audiences),)
        elif random.random() < 0.12:
            topic = self.voc.topics[one.topic]
            changes["audiences"] = tuple(sorted({*one.audiences, random.choice(topic.audiences)}))
        if random.random() < 0.03:
            changes["city"] = random.randrange(len(self.voc.countries[one.country].cities))
        if random.random() < 0.2:
            changes["programme"] = None
        return replace(one, **changes)

    def _places(self, one: Activity, country: Country, language: str, random: Random) -> dict[str, Any]:
        how = random.random()
        city_names = country.cities[min(one.city, len(country.cities) - 1)].names
        city = random.choice(city_names[language]) if random.random() < 0.8 else city_names["en"][0]
        if random.random() < 0.03:
            city = titles.typo(city, random)
        spelled = country.names[language] if random.random() < 0.88 else country.names["en"]
        name = random.choice(spelled) if random.random() < 0.93 else country.code
        if one.mode == "online":
            if how < 0.45:
                return {}
            if how < 0.7:
                return {"places": [{"city": random.choice(_ONLINE_PLACES)}]}
            return {"places": [{"country": name}]}
        if one.regional and how < 0.2:
            region = random.choice(self.voc.regions[country.region].names[language])
            return {} if how < 0.07 else {"place": region} if how < 0.13 else {"places": [{"country": region}]}
        if how < 0.72:
            return {"places": [{"city": city, "country": name}]}
        if how < 0.82:
            return {"places": [{"country": name}]}
        if how < 0.86:
            return {"places": [{"city": f"{city}, {name}"}]}
        if how < 0.905:
            return {"place": f"{city}, {name}"}
        if how < 0.93:
            return {"city": city, "country": name}
        if how < 0.955:
            venue = one.venue.format(city=city)
            return {"places": [{"city": f"{venue}, {city}" if random.random() < 0.6 else venue, "country": name}]}
        if how < 0.972:
            return {"places": [{"city": city}]}
        return {}

    def _facts(self, one: Activity, key: str, language: str, random: Random) -> dict[str, Any]:
        """What stands in fields of its own: codes, or words of the partner's language, or nothing."""
        voc, facts = self.voc, dict[str, Any]()
        if random.random() < 0.55:
            facts["mode"] = one.mode
        if random.random() < 0.55:
            form = one.form
            if random.random() < 0.15:
                form = chosen(random, _CONFUSED.get(form, (form,)))
            facts["type"] = form if random.random() < 0.7 else random.choice(voc.forms[form].names[language][:3])
        if random.random() < 0.5:
            coded = random.random() < 0.5
            facts["audiences"] = [
                code if coded else random.choice(voc.audiences[code].names[language]) for code in one.audiences
            ]
        if random.random() < 0.48:
            facts["themes"] = self._themes(one, language, random)
        others = [voc.organisations[other] for other in one.organisers if other != key]
        others = [other for other in others if random.random() < 0.8]
        if others and random.random() < 0.55:
            facts["partners"] = [named(other, language if random.random() < 0.6 else "en", random) for other in others]
        if random.random() < 0.12:
            facts["partners"] = [*facts.get("partners", ()), one.host.format(
                demonym=voc.countries[one.country].demonym, country=voc.countries[one.country].names["en"][0]
            )]  # fmt: skip
        if one.donors and random.random() < 0.4:
            facts["funders"] = [named(voc.organisations[donor], language, random) for donor in one.donors]
        return facts

    def _themes(self, one: Activity, language: str, random: Random) -> list[str]:
        topic, topic2 = self.voc.topics[one.topic], self.voc.topics[one.topic2]
        if random.random() < 0.55:
            found = [code for code in topic.themes if random.random() < 0.9]
            if random.random() < 0.35:
                found += [code for code in topic2.themes[:1] if code not in found]
            return found or list(topic.themes)
        return [
            bare(random.choice(one.names[language]), language) for one in (topic, topic2)[: random.choice((1, 1, 2))]
        ]
