"""Titles: one partner's template, filled with its own words; now and then the other's title with small changes."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping
from random import Random

from bench.matching.activities import Activity
from bench.matching.vocabulary import Vocabulary, chosen
from bench.matching.wording import begun, counted

STYLES = {"calendar": 46, "line": 6, "report": 13, "headline": 15, "project": 13, "joint": 4, "generic": 3}
"""How partners keep their lists, with the share of each."""
_NEEDS_PARTNER = ("partner", "partners")


def title(one: Activity, style: str, language: str, voc: Vocabulary, words: Mapping[str, str], random: Random) -> str:
    """A title in a style; falls back to the calendar's where the style needs a partner that there is not."""
    templates = [t for t in voc.titles.get((language, style), ()) if fits(t, one, words)]
    templates = templates or [t for t in voc.titles[language, "calendar"] if fits(t, one, words)]
    text = templates[int(random.random() * len(templates))].format_map(words)
    return spoiled(begun(" ".join(text.split())) + counted(one, language, random), language, random)


def borrowed(text: str, language: str, words: Mapping[str, str], random: Random) -> str:
    """The other partner's title, as somebody types it in again."""
    how = random.random()
    if how < 0.3:
        text = f"{words['org']}: {text}" if how < 0.15 else f"{text} ({words['org']})"
    elif how < 0.5 and words["city"] not in text:
        text = f"{text}, {words['city']}"
    elif how < 0.65 and words["country"] not in text:
        text = f"{words['country']} – {text}"
    elif how < 0.8:
        text = text.split(" – ")[0].split(" (")[0]
    return spoiled(text, language, random, 2)


def spoiled(text: str, language: str, random: Random, times: float = 1) -> str:
    """Typing mistakes, lost accents, capitals: a share of all titles."""
    if language in ("fr", "es") and random.random() < 0.12 * times:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if random.random() < 0.06 * times:
        text = typo(text, random)
    if random.random() < 0.02 * times:
        text = text.upper()
    return text


def typo(text: str, random: Random) -> str:
    """Two letters swapped, one lost or one doubled, inside a word."""
    inside = [i for i in range(1, len(text) - 2) if text[i - 1 : i + 3].isalpha()]
    if not inside:
        return text
    at = random.choice(inside)
    return chosen(
        random,
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        ),
    )


def fits(template: str, one: Activity, words: Mapping[str, str]) -> bool:
    asked = {field for _, field, _, _ in string.Formatter().parse(template) if field}
    if one.regional and ("demonym" in asked or ("country" in asked and "city" not in asked)):
        return False
    if not one.regional and "region" in asked:
        return False
    if one.mode == "online" and asked & {"city", "venue"}:
        return False
    return all(words[field] for field in asked - {"edition"})
