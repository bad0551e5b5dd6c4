"""Editions, phases, modules, months and years in a text: "2nd edition", "phase II", "второй этап", "第二期", "2026年"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from shared.lexicon import Fact, Span, plain_of

Count = Callable[[str, int], None]
"""Told what was counted, and which: ("phase", 2)."""

_AND = frozenset(["and", "et", "y", "e", "und", "и", "و", "和", "与"])
_ROMAN = {
    r: n for n, r in enumerate(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"), start=1)
}
_ORDINAL = re.compile(r"^(\d{1,3})(?:st|nd|rd|th|e|eme|er|ere|re|te|ter|tes|nd|nde|a|o|era|ra|da|do)$")
_RUSSIAN_ENDING = frozenset(["й", "я", "е", "го", "ой", "ая", "ый", "ое", "м", "ю"])
_NUMBERED = re.compile(r"(?:\bn[o°º]\.?\s?|#)(\d{1,2})\b", re.IGNORECASE)
_DIGITS = {c: n for n, c in enumerate("一二三四五六七八九", start=1)}
_CHINESE_NUMBER = "[0-9一二三四五六七八九十]{1,3}"
_CHINESE = re.compile(
    rf"第?(?P<n>{_CHINESE_NUMBER})\s*(?P<u>期|届|次|回|版|轮|阶段|批次|批|模块|单元|部分|讲|章|级|月|季度)"
    rf"|(?P<u2>模块|单元|阶段|第)\s*(?P<n2>{_CHINESE_NUMBER})|(?P<year>(?:19|20)\d\d)\s*年"
)
_CHINESE_KIND = {
    "edition": ("期", "届", "次", "回", "版", "轮", "第"),
    "phase": ("阶段", "批次", "批"),
    "module": ("模块", "单元", "部分", "讲", "章", "级"),
    "month": ("月",),
}


def ordinal(spans: Sequence[Span], at: int, count: Count) -> int:
    """Spans taken by "phase 2", "2nd edition", "второй этап", "III"; 0 if there is no such thing here."""
    token, facts = spans[at].tokens[0], spans[at].facts
    if facts is None and not token.text[0].isdigit() and token.text not in _ROMAN:
        return 0  # nearly always
    if counted := _value(spans, at, "counted"):
        number, used = _number(spans, at + 1)
        at += 1
        start = at
        while number:  # "modules 3 and 4"
            count(counted, number)
            at += used
            more = at < len(spans) and plain_of(spans[at].tokens[0].text) in _AND
            number, used = _number(spans, at + 1) if more else (0, 0)
            at += 1 if number else 0
        if at > start:
            return at - start + 1
        at -= 1
    value, used = _ordinal_at(spans, at)
    if value:
        kind = _value(spans, at + used, "counted")
        count(kind or "edition", value)
        return used + (1 if kind else 0)
    if spans[at].facts is None and len(token.text) > 1 and token.text in _ROMAN:
        kind = _value(spans, at + 1, "counted")
        count(kind or "phase", _ROMAN[token.text])
        return 2 if kind else 1
    kind = _value(spans, at + 1, "counted") if token.text.isdecimal() and len(token.text) < 4 else None
    if kind and "\u0400" <= spans[at + 1].tokens[0].text[0] <= "\u052f":  # "2 этап", but "5 modules"
        count(kind, int(token.text))
        return 2
    return 0


def _ordinal_at(spans: Sequence[Span], at: int) -> tuple[int, int]:
    """The ordinal that begins here and how many spans it takes; (0, 1) if none does."""
    if value := _value(spans, at, "ordinal"):
        return int(value), 1
    token = spans[at].tokens[0]
    if not token.text[0].isdigit():
        return 0, 1
    if found := _ORDINAL.match(plain_of(token.text)):
        return int(found[1]), 1
    after = spans[at + 1].tokens[0].text if at + 1 < len(spans) else ""
    if token.text.isdecimal() and len(token.text) < 4 and after in _RUSSIAN_ENDING:
        return int(token.text), 2
    return 0, 1


def _number(spans: Sequence[Span], at: int) -> tuple[int, int]:
    """The number at a place, as digits, Roman or in words, and how many spans it takes; (0, 1) if there is none."""
    if at >= len(spans):
        return 0, 1
    text = spans[at].tokens[0].text
    if len(spans[at].tokens) == 1 and text.upper() in _ROMAN and (text.isupper() or len(text) > 1):
        return _ROMAN[text.upper()], 1
    value, used = _ordinal_at(spans, at)
    if value:
        return value, used
    return (int(text), 1) if text.isdecimal() and len(text) < 4 else (0, 1)


def _value(spans: Sequence[Span], at: int, kind: str) -> str | None:
    facts: tuple[Fact, ...] = (spans[at].facts or ()) if at < len(spans) else ()
    return next((value for found, value in facts if found == kind), None)


def pull_numbered(text: str, count: Count) -> str:
    """Counts what no word reader can ("第二期", "2026年", "No. 2") and blanks it."""

    def chinese(match: re.Match[str]) -> str:
        if match["year"]:
            count("year", int(match["year"]))
            return " "
        unit, number = match["u"] or match["u2"], _chinese_number(match["n"] or match["n2"])
        kind = next((kind for kind, units in _CHINESE_KIND.items() if unit in units), None)
        if kind == "edition" and not match[0].startswith("第"):
            return match[0]  # "三次" is three times
        if kind and number and (kind != "month" or number <= 12):
            count(kind, number)
        return " "

    def numbered(match: re.Match[str]) -> str:
        count("edition", int(match[1]))
        return " "

    text = _NUMBERED.sub(numbered, text)
    return text if text.isascii() else _CHINESE.sub(chinese, text)


def _chinese_number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.partition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones if ten else tens, 0)
