"""The words of dates in eight languages: a line becomes tokens, or is not understood. Used by `shared/periods.py`.

A token is one letter and a number: D day, M month, Y year, Q quarter, R "to", A "and" ("between 7 and 11" has an R). A line that holds any word that
does not belong to a date gives None: "may be delivered in 2018" is not a date, though "May" and "2018" are in it.
"""

import re
import unicodedata
from typing import NamedTuple


class Token(NamedTuple):
    kind: str
    value: int


class AmbiguousDate(ValueError):
    """03/04/2017: March or April."""


_MONTHS = """
january jan janvier janv enero ene январь января январе янв يناير كانون_الثاني جانفي janeiro januar jänner
february feb fevrier fevr fev febrero февраль февраля феврале фев فبراير شباط فيفري fevereiro februar feber
march mar mars marzo март марта марте مارس آذار março märz maerz mrz
april apr avril avr abril abr апрель апреля апреле апр أبريل نيسان أفريل
may mai mayo май мая мае مايو أيار maio
june jun juin junio июнь июня июне июн يونيو يونيه حزيران junho juni
july jul juillet juil julio июль июля июле июл يوليو يوليه تموز julho juli
august aug aout agosto ago август августа августе авг أغسطس آب أوت
september sep sept septembre septiembre setiembre сентябрь сентября сентябре сен сент سبتمبر أيلول setembro
october oct octobre octubre октябрь октября октябре окт أكتوبر تشرين_الأول outubro oktober okt
november nov novembre noviembre ноябрь ноября ноябре ноя нояб نوفمبر تشرين_الثاني
december dec decembre diciembre dic декабрь декабря декабре дек ديسمبر كانون_الأول dezembro dezember dez
"""
_TO = "to through thru until till au a al hasta jusqu'au по до إلى الى حتى 至 到 ao bis"
_AND = "and et y и و e und"
_BETWEEN = "between entre между zwischen بين"
# May stand in a date without changing it.
_FILLER = """
of the on from in during date dates year de del du le les la el en des dia dias los el с в во на г гг год года году из من في عام سنة
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes sabado domingo
понедельник вторник среда четверг пятница суббота воскресенье st nd rd th er го
do dos da o os vom am der den ten te montag dienstag mittwoch donnerstag freitag samstag sonntag
segunda terça quarta quinta sexta feira
"""
_ORDINALS = (
    "first 1st premier 1er primer",
    "second 2nd deuxieme 2e segundo",
    "third 3rd troisieme 3e tercer",
    "fourth 4th quatrieme 4e cuarto",
)
_QUARTER = r"(?:quarter|trimestre)"

_ARABIC_PAIRS = re.compile(r"(كانون|تشرين)\s+(ال\w+)")
_WORD_OR_NUMBER = re.compile(r"[0-9]+|[^\W0-9_](?:[^\W0-9]|['’])*|[-–—‐‑−~]+|\S")
_DAY_FIRST = re.compile(r"(?<![0-9.])([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?![0-9])")
_SLASHED = re.compile(r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![0-9/])")
_YEAR_FIRST = re.compile(r"(?<![0-9])([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
_CHINESE = re.compile(r"([0-9]+)\s*([年月日号號])")
_DASHES = frozenset("-–—‐‑−~")
_CHINESE_KIND = {"年": "Y", "月": "M"}


def plain(text: str) -> str:
    """Casefolded, without accents and points, every script's digits as 0-9."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = (c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf"))
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in kept)


def _lookup(words: str) -> frozenset[str]:
    return frozenset(plain(words).split())


_MONTH_OF = {
    name: number for number, line in enumerate(_MONTHS.strip().splitlines(), start=1) for name in plain(line).split()
}
_TO_WORDS, _AND_WORDS, _FILLER_WORDS = _lookup(_TO), _lookup(_AND), _lookup(_FILLER)
BETWEEN = _lookup(_BETWEEN)
_QUARTERS = [
    (re.compile(rf"\b(?:{'|'.join(words.split())})\s+{_QUARTER}\b|\b[qt]{number}\b|第[{number}{chinese}]季度"), number)
    for number, (words, chinese) in enumerate(zip(_ORDINALS, "一二三四", strict=True), start=1)
]


def _spell_out(day: str, month: str, year: str) -> str:
    return f" {int(day)}日 {int(month)}月 {year}年 "


def _slashed(found: re.Match[str]) -> str:
    first, second, year = found.groups()
    if int(second) > 12 or first == second:
        return _spell_out(second, first, year)
    if int(first) > 12:
        return _spell_out(first, second, year)
    raise AmbiguousDate(found.group())


def tokens(text: str) -> list[Token] | None:
    """The tokens of a line, or None if anything in it does not belong to a date. Raises AmbiguousDate."""
    line = _ARABIC_PAIRS.sub(r"\1_\2", plain(text))
    line = _YEAR_FIRST.sub(lambda m: _spell_out(m[4], m[3], m[1]), line)
    line = _DAY_FIRST.sub(lambda m: _spell_out(m[1], m[2], m[3]), line)
    line = _SLASHED.sub(_slashed, line)
    for form, number in _QUARTERS:
        line = form.sub(f" quarter_{number} ", line)
    line = _CHINESE.sub(lambda m: f" {_CHINESE_KIND.get(m[2], 'D')}_{int(m[1][:6])} ", line)
    found: list[Token] = []
    between = False
    for raw in re.findall(r"[A-Z]_[0-9]+|quarter_[1-4]|" + _WORD_OR_NUMBER.pattern, line):
        if raw in BETWEEN and not found:
            between = True
            continue
        token = _token(str(raw))
        if token is None:
            return None
        if token.kind == "A" and between:
            token = Token("R", 0)
        if token.kind and not (found and found[-1] == token and token.kind in "MR"):
            found.append(token)  # once, for a month given twice: "نيسان/أبريل"
    return found


def _token(word: str) -> Token | None:
    kind, _, number = word.partition("_")
    if kind in ("D", "M", "Y", "quarter") and number.isdigit():
        return Token("Q" if kind == "quarter" else kind, int(number))
    if word.isdigit():
        if len(word) not in (1, 2, 4):
            return None
        return Token("Y" if len(word) == 4 else "D", int(word))
    if word in _MONTH_OF:
        return Token("M", _MONTH_OF[word])
    if word in _TO_WORDS or _DASHES.issuperset(word):
        return Token("R", 0)
    if word in _AND_WORDS or word == "&":
        return Token("A", 0)
    if word in _FILLER_WORDS or word in (",", ".", ":", "/", "，"):
        return Token("", 0)
    return None
