"""A title's own words: what is left once places, names, years, ordinals and audiences are pulled out.

Why pull them out: a city in both title and venue would count twice (measured: false alarms), and "Phase II" or "17th"
is the one word that tells a sibling from a duplicate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.places import fold, resolve_country

_TOKEN = re.compile(r"[a-z0-9]+")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP = _set(
    "a an and at by for from in into its of on or the to with under within between through towards against new joint joined "
    "de des du la le les et en au aux sur pour dans par contre une un "
    "del el los las y para con contra una e "
    "da do das dos em os na no und der die das fur"
)
_MONTHS = _set(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)
# Left: the concept. Right: how people write it, in English, French and Spanish. `f:` form, `c:` common subject, `a:` audience.
_CONCEPTS = """
f:training | training, trainings, course, courses, capacity building, formation, cours, formacion, capacitacion, curso
f:workshop | workshop, seminar, atelier, seminaire, taller, seminario, webinar, session
f:gathering | conference, meeting, forum, symposium, summit, congress, conferencia, reunion, congreso
f:programme | programme, program, project, projet, proyecto, programa, initiative, event, engagement
f:general | national, regional, international, advanced, basic, introductory, intermediate, specialised, specialized, joint, technical
f:people | officer, official, personnel, staff, practitioner, participant, expert, agency, unit
c:cybercrime | cybercrime, cyber crime, cybercriminalite, ciberdelincuencia, ciberdelito, cibercrimen, cyber enabled crime
c:cyber | cyber, cybersecurity, cyber security, cybersecurite, ciberseguridad
c:investigation | investigation, investigating, investigate, inquiry, enquete, investigacion
c:forensics | digital forensics, digital forensic, computer forensics, forensics, forensic, criminalistique numerique, informatica forense
c:evidence | electronic evidence, digital evidence, e evidence, preuve electronique, preuve numerique, prueba electronica, evidencia digital
c:crypto | cryptocurrency, cryptocurrencies, crypto currency, virtual asset, virtual currency, crypto asset, cryptoasset, bitcoin, cryptomonnaie, criptomoneda, blockchain
c:laundering | money laundering, anti money laundering, aml, blanchiment, lavado de dinero, lavado de activos
c:legislation | legislation, law, legal, treaty, legislative, loi, ley, legislacion
c:csea | child sexual abuse, child sexual exploitation, child exploitation, online child abuse, csea, csam
c:cooperation | cooperation, mutual legal assistance, mla, cooperacion
c:crime | crime, criminal, organized crime, organised crime, transnational organized crime, transnational crime, delincuencia organizada
c:expertgroup | expert group, intergovernmental expert group, ieg, groupe d experts, grupo de expertos
c:malware | malware, ransomware
a:investigators | police, law enforcement, investigator, first responder, lea, detective, policier, policia, enqueteur, investigador
a:prosecutors | prosecutor, procureur, fiscal, fiscales, magistrat du parquet
a:judges | judge, judiciary, magistrate, juge, juez, jueces, magistrat
a:central_authorities | central authority, autorite centrale, autoridad central
a:financial_intelligence | financial intelligence, fiu, financial intelligence unit
a:cert | cert, csirt
a:policy_makers | policy maker, policymaker, decision maker
a:parliamentarians | parliamentarian, legislator, member of parliament
a:trainers | trainer, train the trainer, formateur, formador
a:educators | teacher, educator
"""
_NUMBER_WORDS = {
    word: number
    for number, words in enumerate(
        (
            "first premier premiere primera primero 1st 1er 1ere",
            "second deuxieme segunda segundo",
            "third troisieme tercera tercero tercer",
            "fourth quatrieme cuarta cuarto",
            "fifth cinquieme quinta quinto",
            "sixth sixieme sexta sexto",
            "seventh septieme septima",
            "eighth huitieme octava",
            "ninth neuvieme novena",
            "tenth dixieme decima",
            "eleventh onzieme",
            "twelfth douzieme",
        ),
        start=1,
    )
    for word in words.split()
}
_ROMAN = {
    r: n for n, r in enumerate(("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"), start=1)
}
_ORDINAL = re.compile(r"^(\d{1,3})(?:st|nd|rd|th|e|eme|er|a|o)$")
_COUNTED = {
    "edition": "edition", "edicion": "edition", "round": "edition",
    "phase": "phase", "fase": "phase", "stage": "phase", "cohort": "phase", "batch": "phase", "group": "phase",
    "module": "module", "modulo": "module", "part": "module", "level": "module", "niveau": "module", "week": "module",
}  # fmt: skip
_YEAR = re.compile(r"^(?:19|20)\d\d$")
_VAGUE_PLACE = _set("republic united state island islands democratic people kingdom federation northern southern new")


@dataclass(frozen=True)
class TitleParts:
    """A title taken apart. `words` are concepts or stems, sorted; `audiences` vocabulary codes; the rest None if absent."""

    words: tuple[str, ...]
    audiences: frozenset[str]
    year: int | None
    edition: int | None
    phase: int | None
    module: int | None


def tokens_of(text: str) -> list[str]:
    """Words of a text in order: folded, ASCII, without punctuation."""
    return _TOKEN.findall(fold(text).replace("'", " "))


def stems(text: str) -> list[str]:
    """Words of a text in order, singular. ASCII only."""
    return [_stem(token) for token in tokens_of(text)]


def tier(word: str) -> int:
    """How rare a word is in this field: 1 a form ("course"), 2 a common subject ("cybercrime"), 3 the title's own word."""
    return 1 if word.startswith("f:") else 2 if word.startswith("c:") else 3


def take_apart(
    title: str, cities: Iterable[str] = (), countries: Mapping[str, str] | None = None, names: Iterable[str] = ()
) -> TitleParts:
    """Split a title into its own words and what is evidence of its own.

    `cities` and `countries` (alpha-3 -> name) are the plan's, `names` are organisation names and acronyms; all of them,
    other spellings of a country and its demonyms too, are dropped from the words.
    """
    countries = countries or {}
    tokens = _drop_countries(tokens_of(title), countries)
    tokens = _drop_phrases([_stem(token) for token in tokens], [stems(name) for name in (*cities, *names)])
    tokens = _drop_demonyms(tokens, countries.values())
    tokens = _concepts(tokens)
    counted, tokens = _pull_ordinals(tokens)
    years = {int(token) for token in tokens if _YEAR.match(token)}
    audiences = frozenset(token[2:] for token in tokens if token.startswith("a:"))
    words = {token for token in tokens if _is_word(token)}
    return TitleParts(
        words=tuple(sorted(words)),
        audiences=audiences,
        year=years.pop() if len(years) == 1 else None,
        edition=counted.get("edition"),
        phase=counted.get("phase"),
        module=counted.get("module"),
    )


def own_words(text: str) -> tuple[str, ...]:
    """Distinct concepts and stems of a running text (a description), forms and short words left out."""
    return tuple(sorted({t for t in _concepts(stems(text)) if _is_word(t) and tier(t) > 1 and len(t) > 3}))


def _is_word(token: str) -> bool:
    if token.startswith("a:") or token in STOP or token in _MONTHS or _YEAR.match(token):
        return False
    return len(token) > 1 and not (token.isdigit() and len(token) < 3)


def _stem(token: str) -> str:
    """Singular, roughly: the same for every writer is what counts."""
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is")):
        return token[:-1]
    return token


@lru_cache(maxsize=1)
def _concept_table() -> dict[tuple[str, ...], str]:
    table: dict[tuple[str, ...], str] = {}
    for line in _CONCEPTS.strip().splitlines():
        concept, _, phrases = line.partition(" | ")
        for phrase in phrases.split(", "):
            table[tuple(stems(phrase))] = concept
    return table


def _concepts(tokens: Sequence[str]) -> list[str]:
    table, out, at = _concept_table(), list[str](), 0
    while at < len(tokens):
        for length in (5, 4, 3, 2, 1):
            found = table.get(tuple(tokens[at : at + length])) if at + length <= len(tokens) else None
            if found:
                out.append(found)
                at += length
                break
        else:
            out.append(tokens[at])
            at += 1
    return out


def _drop_countries(tokens: list[str], countries: Mapping[str, str]) -> list[str]:
    out, at = list[str](), 0
    while at < len(tokens):
        for length in (4, 3, 2, 1):
            phrase = " ".join(tokens[at : at + length])
            # two letters are words more often than codes
            if len(phrase) > 3 and at + length <= len(tokens) and resolve_country(phrase) in countries:
                at += length
                break
        else:
            out.append(tokens[at])
            at += 1
    return out


def _drop_phrases(tokens: list[str], phrases: Iterable[list[str]]) -> list[str]:
    for phrase in sorted((p for p in phrases if p and p[0] not in STOP), key=len, reverse=True):
        at = 0
        while at + len(phrase) <= len(tokens):
            if tokens[at : at + len(phrase)] == phrase:
                tokens = tokens[:at] + tokens[at + len(phrase) :]
            else:
                at += 1
    return tokens


def _drop_demonyms(tokens: list[str], countries: Iterable[str]) -> list[str]:
    # "Thai", "Nepalese", "Kenyan": the country once more
    roots = {root for name in countries for root in stems(name) if len(root) > 3 and root not in _VAGUE_PLACE}

    def demonym(token: str) -> bool:
        return len(token) > 3 and any(root.startswith(token) or token.startswith(root) for root in roots)

    return [token for token in tokens if not demonym(token)]


def _number(token: str) -> int | None:
    if token.isdigit():
        return int(token) if len(token) < 4 else None
    return _ROMAN.get(token)


def _ordinal(token: str) -> int | None:
    found = _ORDINAL.match(token)
    return int(found.group(1)) if found else _NUMBER_WORDS.get(token)


def _pull_ordinals(tokens: list[str]) -> tuple[dict[str, int], list[str]]:
    counted: dict[str, int] = {}
    rest: list[str] = []
    at = 0
    while at < len(tokens):
        token, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        kind, value, used = "", None, 1
        if token in _COUNTED and (value := _number(after) or _ordinal(after)):
            kind, used = _COUNTED[token], 2
        elif value := _ordinal(token):
            kind, used = (_COUNTED[after], 2) if after in _COUNTED else ("edition", 1)
        elif len(token) > 1 and (value := _ROMAN.get(token)):
            kind = "phase"
        if kind and value:
            counted.setdefault(kind, value)
        else:
            rest.append(token)
        at += used
    return counted, rest
