"""Plans to post: each `number` has a country and a time of its own, so that it resembles no other number's plan."""

import json
from typing import Any

from shared.countries import countries_of_region

_COUNTRIES = sorted(countries_of_region("001"))
_TOPICS = (
    ("cybercrime_investigation", "digital_forensics", "Cybercrime investigations and digital forensics training"),
    ("electronic_evidence", "international_cooperation", "Workshop on electronic evidence and mutual legal assistance"),
    ("cryptocurrency", "money_laundering", "Tracing virtual assets: a course for financial investigators"),
    ("online_child_abuse", "victim_identification", "Victim identification in cases of online abuse"),
    ("malware", "incident_response", "Handling ransomware incidents: an exercise for response teams"),
)
_TEXT = (
    "Five days for twenty-five participants from specialised units, half of the time in exercises on seized images, "
    "with trainers of the regional academy; follows the needs assessment of last year and prepares its second part."
)


def plan(number: int, **changes: Any) -> dict[str, Any]:
    """A body of POST /plans, about 1 kB, with what a careful partner fills in."""
    # six months apart and another topic each time: the same country's plans neither match nor collide
    months, country = divmod(number, len(_COUNTRIES))
    year, half = divmod(months, 2)
    first, second, title = _TOPICS[months % len(_TOPICS)]
    month = 2 + 6 * half
    return {
        "title": title,
        "type": "training",
        "status": "confirmed",
        "start": f"{2027 + year}-{month:02}-08",
        "end": f"{2027 + year}-{month:02}-12",
        "venues": [{"country": _COUNTRIES[country]}],
        "audiences": ["investigators", "prosecutors"],
        "themes": [first, second],
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
