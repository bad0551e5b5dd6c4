"""One partner's words for an activity: every name drawn once, ready to be put into templates of its language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from bench.matching import dates
from bench.matching.activities import Activity
from bench.matching.vocabulary import Organisation, Vocabulary

_ARTICLE = {"fr": re.compile(r"^(?:la |les |le |l')"), "es": re.compile(r"^(?:el |la |los |las )")}
_AND = {"en": " and ", "fr": " et ", "es": " y ", "ru": " и ", "ar": " و", "zh": "和"}
_COMMA = {"ar": "، ", "zh": "、"}
_ORDINALS = ("", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth")
_ROMAN = ("", "I", "II", "III", "IV", "V", "VI")
_PHASE = {
    "en": ("Phase {r}", "phase {n}", "Part {n}"),
    "fr": ("phase {r}", "phase {n}"),
    "es": ("Fase {r}", "fase {n}"),
    "ru": ("этап {r}", "{n}-й этап"),
    "ar": ("المرحلة {n}",),
    "zh": ("第{n}阶段", "第{n}期"),
}
_MODULE = {
    "en": ("Module {n}", "Week {n}", "Session {n}"),
    "fr": ("module {n}",),
    "es": ("módulo {n}",),
    "ru": ("модуль {n}",),
    "ar": ("الوحدة {n}",),
    "zh": ("第{n}单元",),
}


def bare(topic: str, language: str) -> str:
    """Without the article: for the begin of a title."""
    article = _ARTICLE.get(language)
    return article.sub("", topic) if article else topic


def begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def joined(names: list[str], language: str) -> str:
    """ "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    return _COMMA.get(language, ", ").join(names[:-1]) + _AND[language] + names[-1]


def named(organisation: Organisation, language: str, random: Random, short: float = 0.72) -> str:
    """An organisation as people write it: short, long, or "Long (SHORT)"."""
    how = random.random()
    brief, long = random.choice(organisation.short[language][:2]), organisation.long[language][0]
    if how < short:
        return brief if random.random() < 0.85 else random.choice(organisation.short[language])
    return long if how < short + 0.18 or brief == long else f"{long} ({organisation.short[language][0]})"


def words(
    one: Activity, organisation: str, language: str, voc: Vocabulary, random: Random, days: tuple[date, date]
) -> Mapping[str, str]:
    """Every name that a template can ask for. Draws the same number of times for any activity of a series."""
    country, region = voc.countries[one.country], voc.regions[voc.countries[one.country].region]
    topic, topic2 = voc.topics[one.topic], voc.topics[one.topic2]
    city = country.cities[min(one.city, len(country.cities) - 1)]
    number = random.randrange(1000)
    form = voc.forms[one.form].names[language]
    subject = topic.names[language][number % len(topic.names[language])]
    form_name = form[int(len(form) * random.random() ** 1.6)]
    audiences = [voc.audiences[code].names[language] for code in one.audiences]
    people = [names[int(len(names) * random.random() ** 1.4)] for names in audiences][
        : 1 if random.random() < 0.3 else 3
    ]
    others = [voc.organisations[key] for key in one.organisers if key != organisation]
    donors = [voc.organisations[key] for key in one.donors]
    spelled = random.random()
    names = country.names[language]
    country_name = names[0] if spelled < 0.8 else names[-1]
    filled = {
        "form": form_name,
        "topic": subject,
        "topic2": topic2.names[language][number % len(topic2.names[language])],
        "topicdat": topic.dative[number % len(topic.dative)],
        "audience": joined(people, language),
        "country": country_name,
        "incountry": country.within[language],
        "demonym": country.demonym,
        "city": city.names[language][0 if random.random() < 0.85 else -1],
        "region": region.names[language][number % len(region.names[language])],
        "org": voc.organisations[organisation].short[language][0],
        "partner": named(others[number % len(others)], language, random, 0.9) if others else "",
        "partners": joined([named(other, language, random) for other in others], language),
        "donors": joined([named(donor, language, random) for donor in donors], language),
        "programme": one.programme or "",
        "host": one.host.format(demonym=country.demonym, country=country.names["en"][0]),
        "venue": one.venue.format(city=city.names["en"][0]),
        "n": str(max(5, one.participants + (0 if random.random() < 0.6 else random.randint(-6, 6)))),
        "days": str((days[1] - days[0]).days + 1),
        "dates": dates.span(*days, language, random),
        "month": dates.month(days[0], language, random),
        # a report is written on the first day, the second, or the day after the last
        "day": dates.day(
            (days[0], min(days[0] + timedelta(days=1), days[1]), days[1] + timedelta(days=1))[number % 3], language
        ),
        "number": f"{random.randint(1, 4)}.{random.randint(1, 9)}"
        + (f".{random.randint(1, 5)}" if random.random() < 0.4 else ""),
        "edition": _edition(one, language, random),
        "parent": one.parent_title,
        "brand": one.brand,
    }
    return {
        **filled,
        "Form": begun(filled["form"]),
        "Topic": begun(bare(subject, language)),
        "Incountry": begun(filled["incountry"]),
    }


def counted(one: Activity, language: str, random: Random) -> str:
    """What comes after the title: the phase or module, where there is one and it is told."""
    for value, forms in ((one.phase, _PHASE), (one.module, _MODULE)):
        # one partner in four leaves it to the reader
        if value and random.random() < 0.75:
            text = random.choice(forms[language]).format(n=value, r=_ROMAN[min(value, 6)])
            return random.choice((" – {}", " ({})", ", {}")).format(text)
    return ""


def numbered(kind: str, number: int) -> list[str]:
    """Every way in which "phase" or "module" number so and so is written."""
    forms = {"phase": _PHASE, "module": _MODULE}[kind]
    return [form.format(n=number, r=_ROMAN[min(number, 6)]) for ways in forms.values() for form in ways]


def _edition(one: Activity, language: str, random: Random) -> str:
    how = random.random()
    if not one.edition or how < 0.25:
        return ""
    number = one.edition
    if language == "en":
        if how < 0.5 and number < len(_ORDINALS):
            return f"{_ORDINALS[number]} "
        return f"{number}{'th' if 10 < number < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')} "
    return {"fr": f"{number}e ", "es": f"{number}.º ", "ru": f"{number}-й ", "ar": "", "zh": f"第{number}届"}[language]
