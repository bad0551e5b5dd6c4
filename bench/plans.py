"""Plans to post: each `number` has a place, a time and a subject of its own, so that it resembles no other number's."""

import json
from typing import Any

from shared.countries import countries_of_region, country_name
from shared.vocabulary import VOCABULARIES

_COUNTRIES = sorted(countries_of_region("001"))
_THEMES = tuple(VOCABULARIES["theme"].codes)
_FORMS = (
    "Regional workshop on {theme} for {country}",
    "{country}: practical course in {theme}",
    "Strengthening capacities in {theme}, {country}",
)
_TEXT = (
    "Five days for twenty-five participants from specialised units, half of the time in exercises on seized images, "
    "with trainers of the regional academy; follows the needs assessment of last year and prepares its second part."
)


def plan(number: int, **changes: Any) -> dict[str, Any]:
    """A body of POST /plans, with what a careful partner fills in."""
    country = _COUNTRIES[number % len(_COUNTRIES)]
    # the same country comes again after seven months, with other themes
    month = number * 5 + number // len(_COUNTRIES) * 7
    year, month = 2027 + number // len(_COUNTRIES) * 7 // 12, month % 12 + 1
    themes = [_THEMES[(number * step + number // len(_COUNTRIES)) % len(_THEMES)] for step in (3, 7)]
    title = _FORMS[number % len(_FORMS)].format(theme=themes[0].replace("_", " "), country=country_name(country))
    return {
        "title": title,
        "type": "training",
        "status": "confirmed",
        "start": f"{year}-{month:02}-08",
        "end": f"{year}-{month:02}-12",
        "venues": [{"country": country}],
        "audiences": ["investigators", "prosecutors"],
        "themes": sorted(set(themes)),
        "level": "intermediate",
        "mode": "in_person",
        "languages": ["en"],
        "participants_planned": 25,
        "description": _TEXT,
        "tlp": "GREEN",
        **changes,
    }


def body(number: int, **changes: Any) -> bytes:
    return json.dumps(plan(number, **changes), separators=(",", ":")).encode()
