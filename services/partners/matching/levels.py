"""Field by field, how alike a written name and a known one are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz.distance import OSA

from services.partners.matching.reading import Reading, Word, stands_for

Bits = Callable[[str], int]
"""How rare a word is among names of organisations, in 1/100 bit."""

SHARES = ((100, "all"), (75, "most"), (45, "half"), (1, "some"), (0, "none"))
RARITIES = ((2200, "much more"), (1500, "much"), (900, "some"), (1, "little"), (0, "nothing"))
_KNOWN = 1000
"""1/100 bit more for a name that is known in several languages: it is one word here, and several telling ones on paper."""
ORDERS = ("letter by letter", "same order", "other order", "one word")
SLIPS = ("none", "one", "several")
ACRONYMS = ("its own", "initials", "none")
COUNTRIES = ("same", "its seat", "works there", "other", "asked only", "known only", "none")
STATES = ("its government", "a body of it", "no")
# Whoever writes a country for a donor means one of these, not the ministry of agriculture.
_GIVING = frozenset({"#foreign", "foreign", "development", "cooperation", "aid"})
_BODIES = frozenset({"#ministry", "agency", "office"})

LEVELS: Mapping[str, tuple[str, ...]] = {
    "asked": (*(name for _, name in SHARES), "no words"),
    "known": (*(name for _, name in SHARES), "no words"),
    "rarity": tuple(name for _, name in RARITIES),
    "order": ORDERS,
    "slips": SLIPS,
    "acronym": ACRONYMS,
    "country": COUNTRIES,
    "state": STATES,
    "name": ("name", "alias", "programme"),
    "part": ("whole", "part"),
    "status": ("active", "inactive"),
}
"""Field to its levels. asked: how much of what was written is in the known name; known: how much of the known name was
written, both by rarity; rarity: how telling what they share is."""


@dataclass(frozen=True)
class Likeness:
    """`levels` by field, and what to say about them: words shared, asked only, known only, as written."""

    levels: Mapping[str, str]
    shared: tuple[str, ...]
    asked_only: tuple[str, ...]
    known_only: tuple[str, ...]
    slips: tuple[tuple[str, str], ...]
    acronym: str


class Where(NamedTuple):
    """Of the organisation: seat, and countries it works in (alpha-3); whether it is of a government."""

    seat: str | None = None
    works_in: frozenset[str] = frozenset()
    government: bool = False


NOWHERE = Where()


def likeness(asked: Reading, known: Reading, acronyms: frozenset[str], where: Where, bits: Bits) -> Likeness:
    """acronyms: all that the organisation has, folded. The fields that come of one pair of readings."""
    kind, acronym, mine, theirs = _acronym(asked, known, acronyms)
    pairs, slips = _paired(mine, theirs)
    identical = asked.letters == known.letters and asked.letters != ""
    matched_mine = set(range(len(mine))) if identical else {one for one, _ in pairs}
    matched_theirs = set(range(len(theirs))) if identical else {other for _, other in pairs}
    shared = sum(bits(mine[one].key) + (_KNOWN if mine[one].key.startswith("@") else 0) for one in matched_mine)
    levels = {
        "asked": _share(matched_mine, mine, bits),
        "known": _share(matched_theirs, theirs, bits) if mine else "no words",
        "rarity": _floor(shared, RARITIES),
        "order": "letter by letter" if identical else _order(pairs),
        "slips": SLIPS[min(len(slips), 2)],
        "acronym": kind,
        "country": _country(asked.countries, known.countries, where),
        "state": _state(asked, known, where),
    }
    return Likeness(
        levels,
        tuple(_shown(mine[one]) for one in sorted(matched_mine)),
        tuple(_shown(word) for at, word in enumerate(mine) if at not in matched_mine),
        tuple(_shown(word) for at, word in enumerate(theirs) if at not in matched_theirs),
        tuple(slips),
        acronym,
    )


def _acronym(
    asked: Reading, known: Reading, acronyms: frozenset[str]
) -> tuple[str, str, Sequence[Word], Sequence[Word]]:
    """The level, the acronym it is about, and the words of both that are left beside it."""
    if own := sorted((asked.acronyms | asked.shouted) & acronyms):
        return "its own", own[0], _without(asked.words, own[0]), _without(known.words, own[0])
    for acronym in sorted(asked.acronyms - known.acronyms):
        if stands_for(acronym, known.first, known.places):
            return "initials", acronym, _without(asked.words, acronym), known.words
    for acronym in sorted(known.acronyms - asked.acronyms):
        rest = _without(known.words, acronym)
        others = [word for word in asked.first if word != acronym]
        if not rest and stands_for(acronym, others, asked.places, whole=True):
            return "initials", acronym, (), rest
    return "none", "", asked.words, known.words


def _without(words: Sequence[Word], acronym: str) -> Sequence[Word]:
    """The words beside an acronym that both sides have in their ways: it speaks once, as an acronym, and not as a word too."""
    return [word for word in words if word.plain != acronym and word.key != f"@{acronym}"]


def _paired(mine: Sequence[Word], theirs: Sequence[Word]) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """Positions of words that are one another's, each once; and which of them only nearly."""
    pairs: list[tuple[int, int]] = []
    slips: list[tuple[str, str]] = []
    free = dict(enumerate(theirs))
    left: list[int] = []
    for one, word in enumerate(mine):
        found = next((other for other, theirs_ in free.items() if theirs_.key == word.key), None)
        if found is None:
            left.append(one)
        else:
            pairs.append((one, found))
            del free[found]
    for one in left:
        near = sorted((distance, other) for other, word in free.items() if (distance := _distance(mine[one], word)))
        if near:
            other = near[0][1]
            pairs.append((one, other))
            slips.append((mine[one].plain, free.pop(other).plain))
    return _joined(mine, theirs, pairs), slips


def _joined(mine: Sequence[Word], theirs: Sequence[Word], pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """With words that one side writes as one and the other as two: "multi-partner", "multipartner"."""
    used_mine, used_theirs = {one for one, _ in pairs}, {other for _, other in pairs}
    for two, one, used_two, used_one, turned in (
        (mine, theirs, used_mine, used_theirs, False),
        (theirs, mine, used_theirs, used_mine, True),
    ):
        singles = {word.plain: at for at, word in enumerate(one) if at not in used_one and word.plain}
        for at in range(len(two) - 1):
            whole = singles.get(two[at].plain + two[at + 1].plain)
            if whole is not None and not {at, at + 1} & used_two:
                pairs += [(whole, each) if turned else (each, whole) for each in (at, at + 1)]
    return pairs


def _order(pairs: Sequence[tuple[int, int]]) -> str:
    if len(pairs) < 2:
        return "one word"
    theirs = [other for _, other in sorted(pairs)]
    return "same order" if theirs == sorted(theirs) else "other order"


def _distance(one: Word, other: Word) -> int:
    """Slips of the pen between two words, 0 where they are too many (or none)."""
    shorter = min(len(one.plain), len(other.plain))
    allowed = 0 if shorter < 5 else 1 if shorter < 8 else 2
    if not allowed:
        return 0
    distance = OSA.distance(one.plain, other.plain, score_cutoff=allowed)
    return distance if distance <= allowed else 0


def _share(matched: set[int], words: Sequence[Word], bits: Bits) -> str:
    if not words:
        return "no words"
    total = sum(bits(word.key) for word in words)
    share = 100 * sum(bits(words[at].key) for at in matched) // max(total, 1)
    return "all" if len(matched) == len(words) else _floor(max(min(share, 99), 1 if matched else 0), SHARES)


def _floor(value: int, levels: Sequence[tuple[int, str]]) -> str:
    return next(name for least, name in levels if value >= least)


def _country(asked: frozenset[str], known: frozenset[str], where: Where) -> str:
    if asked & known:
        return "same"
    if asked and known:
        return "other"
    if asked:
        return "its seat" if where.seat in asked else "works there" if asked & where.works_in else "asked only"
    return "known only" if known else "none"


def _state(asked: Reading, known: Reading, where: Where) -> str:
    """A country alone is how people write its government, or the body of it that gives: "Denmark" for Danida."""
    words = {word.key for word in known.words}
    if not asked.countries or {word.key for word in asked.words} - {"#government"}:
        return "no"
    if not asked.countries & known.countries:
        return "a body of it" if where.government and where.seat in asked.countries else "no"
    if words <= {"#government"}:
        return "its government"
    gives = bool(_GIVING & words and _BODIES & words) or len(_GIVING & words) > 1
    return "a body of it" if gives or where.government else "no"


def _shown(word: Word) -> str:
    return word.plain or word.key.lstrip("@#")
