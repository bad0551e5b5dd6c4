"""Why a level holds, in words: made from the two packed rows alone, so it works on what is stored."""

from __future__ import annotations

from datetime import date

from services.activities.matching.features import Features
from shared.places import country_name
from shared.vocabulary import VOCABULARIES

_PLAIN = {
    ("city", "same"): "same city",
    ("city", "other"): "different cities",
    ("city", "other in the text"): "different towns, as far as is known",
    ("country", "in the text"): "same country, as far as the texts tell",
    ("country", "in the region"): "the country of one in the region of the other",
    ("country", "other in the text"): "different countries, as far as the texts tell",
    ("region", "same"): "both speak of the same region",
    ("spelling", "same"): "titles spelled the same",
    ("spelling", "close"): "titles spelled much alike",
    ("spelling", "like"): "titles spelled somewhat alike",
    ("spelling", "some"): "a few letters of the titles in common",
    ("spelling", "other"): "titles differ",
    ("title", "same few words"): "the same short title",
    ("title", "translated"): "titles say the same in two languages",
    ("title", "translated in part"): "titles share a subject in two languages",
    ("summary", "told"): "one's description tells the other's title",
    ("summary", "few"): "descriptions share little",
    ("mode", "both online"): "both online",
    ("named", "a third"): "both name the same third organisation",
    ("beneficiaries", "assumed"): "beneficiaries not named by both",
    ("beneficiaries", "assumed other"): "beneficiaries may differ",
    ("title", "same"): "the same title",
    ("title", "close"): "very similar titles",
    ("title", "like"): "similar titles",
    ("title", "some"): "titles share a subject",
    ("title", "few"): "titles share little",
    ("title", "none"): "titles differ",
    ("summary", "like"): "similar descriptions",
    ("summary", "some"): "descriptions share a subject",
    ("dates", "days in the text"): "the same days of the year, as far as the texts tell",
    ("dates", "other days in the text"): "other days, as far as the texts tell",
    ("audience", "other in the title"): "different audiences in the titles",
    ("audience", "other in the text"): "different audiences, as far as the texts tell",
    ("themes", "other in the text"): "different themes, as far as the texts tell",
    ("type", "other in the text"): "different types, as far as the texts tell",
    ("audience", "kin"): "related audiences",
    ("type", "kin"): "types of one kind",
    ("level", "same"): "same level",
    ("level", "other"): "different levels",
    ("mode", "other"): "one online, one in person",
    ("language", "shared"): "a shared language",
    ("language", "other"): "different languages",
    ("named", "one"): "one names the other as partner or funder",
    ("named", "one and a third"): "one names the other as partner or funder, and both the same third organisation",
    ("named", "both"): "each names the other as partner or funder",
    ("reference", "same"): "same reference",
    ("series", "same"): "same series",
    ("ordinal", "one"): "only one is numbered",
    ("in_house", "other programme"): "one partner, two programmes: internal to it",
    ("in_house", "same programme"): "one partner, one programme: a revision or a sibling",
    ("part_of", "yes"): "one is part of the other",
    ("follow_up_of", "yes"): "one follows up the other",
    ("next_edition", "yes"): "another edition of the same series",
}
_APART = {"days apart", "weeks apart", "a month apart", "far apart", "other month"}


# strftime would follow the machine's locale
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def days(first: date, last: date) -> str:
    """`25-27 Apr 2017`, `30 Apr-2 May 2017`, `1 Apr 2017`."""
    end = f"{last.day} {_month(last)} {last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{end}"
    return (
        f"{first.day} {_month(first)}-{end}"
        if first.year == last.year
        else f"{first.day} {_month(first)} {first.year}-{end}"
    )


def _month(day: date) -> str:
    return _MONTHS[day.month - 1]


def when(features: Features) -> str:
    """The plan's dates as its precision allows: `25-27 Apr 2017`, `Oct 2017`, `Q4 2017`, `2018`, `no date`."""
    dates = features.dates
    if dates is None:
        return "no date"
    first, last = dates
    precision = features.precision
    if precision == "year":
        return str(first.year) if first.year == last.year else f"{first.year}-{last.year}"
    if precision == "quarter":
        spans = [f"Q{(day.month + 2) // 3} {day.year}" for day in dates]
    elif precision == "month":
        spans = [f"{_month(day)} {day.year}" for day in dates]
    else:
        return days(first, last)
    return spans[0] if spans[0] == spans[1] else f"{spans[0]}-{spans[1]}"


def labels(vocabulary: str, codes: tuple[str, ...], most: int = 3) -> str:
    """English labels of codes: `digital forensics, legislation`, never more than `most` of them."""
    named = ", ".join(VOCABULARIES[vocabulary].label(code).lower() for code in codes[:most])
    return named if len(codes) <= most else f"{named} and {len(codes) - most} more"


def countries(codes: tuple[str, ...], most: int = 3) -> str:
    """English names of countries, never more than `most` of them."""
    named = ", ".join(country_name(code) for code in codes[:most])
    return named if len(codes) <= most else f"{named} and {len(codes) - most} more"


def why(field: str, level: str, a: Features, b: Features) -> str:
    """One phrase for one row of an explanation; the same whichever plan comes first."""
    if (field, level) in _PLAIN:
        return _PLAIN[(field, level)]
    if field == "dates":
        return _dates(level, a, b)
    if field in {"country", "beneficiaries"}:
        shared = (
            _shared(a.venue_countries, b.venue_countries)
            if field == "country"
            else _shared(a.beneficiaries, b.beneficiaries)
        )
        place = "venue country" if field == "country" else "beneficiaries"
        return f"{'different' if level == 'other' else 'same'} {place}{_list(countries(shared))}"
    if field == "type":
        kinds = sorted({labels("type", (one.type,)) for one in (a, b) if one.type})
        return f"both {kinds[0]}" if level == "same" else f"different types ({', '.join(kinds)})"
    if field == "audience":
        return _vocabulary("audience", "audiences", level, _shared(a.audiences, b.audiences))
    if field == "themes":
        return _vocabulary("theme", "themes", level, _shared(a.themes, b.themes))
    if field in {"ordinal", "year"}:
        return f"{'same' if level == 'same' else 'different'} {_numbers(field, level, a, b)}"
    return f"{field}: {level}"


def _dates(level: str, a: Features, b: Features) -> str:
    spans = sorted({when(a), when(b)})
    if level == "same":
        return f"same days ({spans[0]})"
    if level.endswith("in the text"):
        return f"dates apart, as far as the texts tell ({' and '.join(spans)})"
    if level in _APART:
        return f"dates apart ({' and '.join(spans)})"
    if len(spans) == 1:
        return f"same period ({spans[0]})"
    if level == "same start":
        return f"same first day ({' and '.join(spans)})"
    lead = (
        "dates overlap"
        if level in {"close", "half", "touch", "a day of it"}
        else "dates agree as far as they are known"
    )
    return f"{lead} ({' and '.join(spans)})"


def _vocabulary(name: str, plural: str, level: str, shared: tuple[str, ...]) -> str:
    return f"different {plural}" if level == "other" else f"shared {plural} ({labels(name, shared)})"


def _numbers(field: str, level: str, a: Features, b: Features) -> str:
    columns = ("year",) if field == "year" else ("edition", "phase", "module")
    for column in columns:
        pair = sorted((int(a.row[column]), int(b.row[column])))
        if all(pair) and (level == "same") == (pair[0] == pair[1]):
            return f"{column} ({' and '.join(str(number) for number in sorted(set(pair)))})"
    return field


def _shared(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code for code in a if code in b)


def _list(text: str) -> str:
    return f" ({text})" if text else ""
