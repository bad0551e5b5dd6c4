"""Descriptions: none, a line, or a page's worth, made of sentences that each say something of the activity."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from bench.matching.activities import Activity
from bench.matching.titles import fits
from bench.matching.vocabulary import Vocabulary, chosen
from bench.matching.wording import begun

_LONG = ("where", "aim", "who", "with", "content", "funded", "content", "after", "about")
_SHORT = ("aim", "who", "with", "funded", "where", "content")


def text(
    one: Activity, language: str, voc: Vocabulary, words: Mapping[str, str], random: Random, *, dated: bool
) -> str:
    """A description. `dated`: the days or the month stand in the text (as where the field has none)."""
    how = chosen(random, ("none", "short", "long"), (24, 38, 38))
    if how == "none" and not dated:
        return ""
    parts: list[str] = []
    if how == "long":
        parts = [part for part in _LONG if random.random() < (0.8 if part not in ("after", "about") else 0.4)]
    elif how == "short":
        parts = random.sample(_SHORT, random.choice((1, 1, 2, 3)))
    if dated and "where" not in parts:
        parts.insert(random.randint(0, len(parts)), "where")
    if one.parent and random.random() < 0.8:
        parts.append("session")
    sentences: list[str] = []
    for part in parts:
        among = [t for t in voc.sentences.get((language, part), ()) if fits(t, one, words)]
        if dated and part == "where":
            among = [t for t in among if any(name in t for name in ("{dates}", "{day}", "{month}"))] or among
        if among:
            sentence = begun(random.choice(among).format_map(words))
            if sentence not in sentences:
                sentences.append(sentence)
    return ("" if language == "zh" else " ").join(sentences)
