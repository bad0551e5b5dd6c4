"""Days as people write them, in six languages, and how partners disagree on them."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from bench.matching.vocabulary import chosen

MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "es": [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    "ru": [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ],
    "ar": [
        "يناير",
        "فبراير",
        "مارس",
        "أبريل",
        "مايو",
        "يونيو",
        "يوليو",
        "أغسطس",
        "سبتمبر",
        "أكتوبر",
        "نوفمبر",
        "ديسمبر",
    ],
    "zh": [f"{month}月" for month in range(1, 13)],
}
_MONTH_ALONE = [
    "январь",
    "февраль",
    "март",
    "апрель",
    "май",
    "июнь",
    "июль",
    "август",
    "сентябрь",
    "октябрь",
    "ноябрь",
    "декабрь",
]


def month(day: date, language: str, random: Random) -> str:
    """ "April 2017"; sometimes without the year."""
    name = _MONTH_ALONE[day.month - 1] if language == "ru" else MONTHS[language][day.month - 1]
    if language == "zh":
        return f"{day.year}年{name}"
    return name if random.random() < 0.15 else f"{name} de {day.year}" if language == "es" else f"{name} {day.year}"


def day(one: date, language: str) -> str:
    """ "14 June 2019": the day on which a report was written."""
    name = MONTHS[language][one.month - 1]
    if language == "zh":
        return f"{one.year}年{name}{one.day}日"
    return f"{one.day} de {name} de {one.year}" if language == "es" else f"{one.day} {name} {one.year}"


def span(start: date, end: date, language: str, random: Random) -> str:
    """ "25 – 27 April 2017", or across months; sometimes without the year."""
    first, last = MONTHS[language][start.month - 1], MONTHS[language][end.month - 1]
    year = "" if random.random() < 0.25 else f" {end.year}"
    if language == "zh":
        until = f"至{end.day}日" if start.month == end.month else f"至{last}{end.day}日"
        return f"{year.strip() + '年' if year else ''}{first}{start.day}日{until if end > start else ''}"
    if language == "es":
        year = year and f" de{year}"
        first, last = f"de {first}", f"de {last}"
    dash = random.choice(("-", "–", " – ", " to " if language == "en" else "-"))
    if start == end:
        return f"{start.day} {first}{year}"
    if start.month == end.month:
        if language == "en" and random.random() < 0.3:
            return f"{first} {start.day}{dash}{end.day},{year}".rstrip(",")
        text = f"{start.day}{dash}{end.day} {last}{year}"
    else:
        text = f"{start.day} {first} {dash.strip()} {end.day} {last}{year}"
    before = {"fr": "du ", "es": "del "}.get(language)
    return f"{before}{text.replace('-', ' au ' if language == 'fr' else ' al ', 1)}" if before and dash == "-" else text


def disagreed(start: date, end: date, random: Random) -> tuple[date, date]:
    """What another partner has for the same days: exact 76 %, within 3 days 13 %, weeks 7 %, a month 4 %.

    (60, 25, 10 and 5 were first assumed; "same country and start" then finds fewer pairs than it does among real ones.)
    """
    how = random.random()
    length = (end - start).days
    if how < 0.76:
        days = 0
    elif how < 0.89:
        days = random.choice((-3, -2, -1, -1, 1, 1, 2, 3))
    elif how < 0.96:
        days = random.choice((-1, 1)) * random.choice((7, 7, 7, 9, 12, 14, 14, 21))
    else:
        days = random.choice((-1, 1)) * random.randint(26, 35)
    # travel days counted in, or the closing day left out
    if random.random() < 0.16:
        length = max(0, length + random.choice((-1, -1, 1, 1, 2)))
    first = start + timedelta(days=days)
    return first, first + timedelta(days=length)


_UNDATED = {"calendar": 0.09, "brand": 0.12, "line": 0.35, "report": 0.42, "headline": 0.46, "project": 0.36}
"""How often a posting of a style has no start in a field: a headline has it in its text, a project's line nowhere."""


def written(start: date, end: date, style: str, random: Random, share: float = 1) -> tuple[str | None, str | None]:
    """The fields `start` and `end`: days, or a month, quarter or year, or nothing (`share`: so much as often as usual)."""
    if random.random() < _UNDATED.get(style, 0.2) * share:
        return None, None
    how = random.random()
    if how < 0.04:
        return f"{start:%Y-%m}", None
    if how < 0.048:
        return f"{start.year}-Q{(start.month + 2) // 3}", None
    if how < 0.065:
        return f"{start.year}", None
    return start.isoformat(), end.isoformat() if chosen(random, (True, False), (82, 18)) else None
