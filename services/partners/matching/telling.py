"""Why a candidate is one, in words."""

from services.partners.matching.levels import Likeness

_LINES = {
    ("asked", "all"): "all that was written is in “{name}”",
    ("asked", "most"): "most of what was written is in “{name}”; not: {asked_only}",
    ("asked", "half"): "about half of what was written is in “{name}”; not: {asked_only}",
    ("asked", "some"): "little of what was written is in “{name}”; not: {asked_only}",
    ("asked", "none"): "no word of what was written is in “{name}”",
    ("asked", "no words"): "nothing but an acronym or a country was written",
    ("known", "all"): "nothing of “{name}” is missing",
    ("known", "most"): "little of “{name}” is missing: {known_only}",
    ("known", "half"): "about half of “{name}” is missing: {known_only}",
    ("known", "some"): "most of “{name}” is missing: {known_only}",
    ("known", "none"): "nothing of “{name}” was written",
    ("known", "no words"): "no words to look for in “{name}”",
    ("rarity", "much more"): "the words they share are very telling: {shared}",
    ("rarity", "much"): "the words they share are telling: {shared}",
    ("rarity", "some"): "the words they share say something: {shared}",
    ("rarity", "little"): "the words they share are common: {shared}",
    ("rarity", "nothing"): "they share no word",
    ("order", "letter by letter"): "letter by letter the same",
    ("order", "same order"): "the words stand in the same order",
    ("order", "other order"): "the words stand in another order",
    ("order", "one word"): "there is no order to compare",
    ("slips", "none"): "spelt alike",
    ("slips", "one"): "spelt nearly alike: {slips}",
    ("slips", "several"): "spelt nearly alike: {slips}",
    ("acronym", "its own"): "“{acronym}” is short for it",
    ("acronym", "initials"): "“{acronym}” is made of the initials",
    ("acronym", "none"): "no acronym in common",
    ("country", "same"): "the same country",
    ("country", "its seat"): "it has its seat in the country that was written",
    ("country", "works there"): "it works in the country that was written",
    ("country", "other"): "another country",
    ("country", "asked only"): "a country was written that it does not name",
    ("country", "known only"): "its country was not written",
    ("country", "none"): "no country on either side",
    ("state", "its government"): "a country alone is its government",
    ("state", "a body of it"): "a country alone may be a ministry or an agency of it",
    ("state", "no"): "not a country alone",
    ("name", "name"): "“{name}” is its name",
    ("name", "alias"): "“{name}” is another name of it",
    ("name", "programme"): "“{name}” is a programme of it",
    ("part", "whole"): "the whole of what was written",
    ("part", "part"): "only a part of what was written",
    ("status", "active"): "it is active",
    ("status", "inactive"): "it is active no longer",
}


def why(field: str, level: str, likeness: Likeness, name: str) -> str:
    """One row in words."""
    return _LINES[field, level].format(
        name=name,
        acronym=likeness.acronym,
        shared=", ".join(likeness.shared),
        asked_only=", ".join(likeness.asked_only),
        known_only=", ".join(likeness.known_only),
        slips=", ".join(f"{one} / {other}" for one, other in likeness.slips),
    )
