"""A venue's name and a person's as keys: equal where two postings mean one building, or one person."""

from __future__ import annotations

import re
from functools import lru_cache

from services.activities.matching import codes, words
from shared import places

_OF_ANY_VENUE = """
hotel hôtel hotels conference conferences congress convention centre center central room rooms building hall house site campus office offices
headquarters premises venue place location tbc tbd confirmed announced decided online virtual zoom teams webex remote meet meeting training
the of and for in at to be a salle bâtiment centre conférence conférences bureau siège lieu en ligne à de du des la le les l et
sala salón edificio centro conferencias oficina sede lugar línea virtual por confirmar el los las y prédio escritório local
raum saal gebäude konferenzzentrum büro online der die das und
гостиница отель центр зал здание офис онлайн конференц فندق مركز قاعة مبنى مكتب 酒店 会议 中心 大楼 办公室 线上
"""
_CHINESE = re.compile("[\u3400-\u9fff]+")
_OF_ANY_CHINESE_VENUE = re.compile(
    "国际|会议室|会议|会展|中心|大酒店|酒店|饭店|宾馆|大楼|大厦|大厅|厅|会场|礼堂|办公室|培训|线上|室"
)
_CHINESE_TITLES = re.compile("教授|博士|先生|女士|法官|检察官|警官|主任")
_ROLES = frozenset(
    ("tbc", "tbd", "team", "staff", "unit", "trainer", "trainers", "expert", "experts", "speaker", "speakers", "consultant",
     "consultants", "facilitator", "facilitators", "mentor", "mentors", "various", "several", "confirmed")
)  # fmt: skip
_TITLES = frozenset(("dr", "mr", "mrs", "ms", "mme", "prof", "professor", "sir", "judge", "justice", "col", "colonel"))


@lru_cache(maxsize=1)
def _any_venue() -> frozenset[str]:
    return frozenset(words.stems(_OF_ANY_VENUE))


@lru_cache(maxsize=16384)
def site_key(name: str, city: str | None, country: str | None) -> int:
    """One key for "Hotel Hilton Nairobi" and "Hilton, Nairobi"; 0 where the name tells no building apart ("Conference room
    2", "online"), or where it is not known in which town or country it stands."""
    town = places.canonical_city(city) if city else ""
    if not (town or country):
        return 0
    around = words.stems(f"{city or ''} {town} {places.country_name(country) if country else ''}")
    told = set(words.stems(name)) - _any_venue() - set(around)
    told = {word for word in told if len(word) > 1 and not word.isdigit()} | _chinese(name, city, country)
    return codes.hash64("\0".join((*sorted(told), "", town or str(country)))) if told else 0


def _chinese(name: str, city: str | None, country: str | None) -> set[str]:
    """The name of a building among characters that no spaces part: what is left without its town and what any venue has."""
    if not (runs := "".join(_CHINESE.findall(name))):
        return set()
    for around in (city or "", places.country_name(country, "zh") if country else ""):
        runs = runs.replace(around, " ") if _CHINESE.fullmatch(around) else runs
    left = "".join(_OF_ANY_CHINESE_VENUE.sub(" ", runs).split())
    return {places.fold(left)} if len(left) > 1 else set()


def person_key(name: str) -> str:
    """One key for "Dr Maria Silva" and "SILVA, Maria", for 张伟 and "Zhang Wei"; empty for what names nobody in particular ("two
    UNODC experts")."""
    written = _CHINESE_TITLES.sub("", name).strip()
    if (
        _CHINESE.fullmatch(written) and 1 < len(written) < 5
    ):  # the family's name comes first, and is one character nearly always
        name = f"{written[0]} {written[1:]}"
    told = {word for word in places.fold(name).replace(",", " ").replace(".", " ").split() if len(word) > 1}
    kept = sorted(told - _TITLES)
    somebody = len(kept) > 1 and not told & _ROLES and not any(c.isdigit() for c in name)
    return " ".join(kept) if somebody else ""
