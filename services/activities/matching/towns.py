"""Which towns a place field names: people write houses ("Hilton Hotel"), hosts and regions ("East Africa") where the town belongs.

A house that is taken for a town contradicts the town, and a contradicted town is held against a pair: measured on generated
plans, one pair in six of one activity was lost so.
"""

from __future__ import annotations

from functools import lru_cache

from services.activities.matching import words
from shared.lexicon import stem_of, tokens_of
from shared.places import canonical_city, known_countries_of_city

_HOUSE_WORDS = """
hotel hôtel hilton marriott sheraton radisson hyatt intercontinental novotel ibis palace palais palacio inn resort suites
ministry ministère ministerio министерство court cour corte суд academy académie academia академия parliament parlement
parlamento парламент university université universidad университет institute institut instituto институт centre center
centro центр bureau oficina office офис headquarters siège sede complex complejo building edificio здание school école
escuela college campus embassy ambassade embajada chamber bank banque banco secretariat secretaría police association
agency agence agencia zoom teams webex online virtual отель гостиница فندق وزارة جامعة أكاديمية محكمة معهد مركز
"""
_HOUSES = frozenset(map(stem_of, _HOUSE_WORDS.split()))


@lru_cache(maxsize=8192)
def towns(text: str, country: str | None) -> tuple[str, ...]:
    """Canonical names of the towns that the text of a place names, one nearly always; none where it is a house or a region.
    `country` (alpha-3) puts right a slip of the pen. A town that nobody knows is taken for one."""
    whole = canonical_city(text, country)
    if not whole or known_countries_of_city(whole):
        return (whole,) if whole else ()
    told = words.take_apart(text)
    if told.cities:
        return tuple(sorted(told.cities))
    stems = {token.stem for token in tokens_of(text)}
    if told.regions or told.countries or told.organisations or stems & _HOUSES:
        return ()
    return (whole,)
