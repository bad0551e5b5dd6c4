"""Plans for the tests of matching: a plain one to vary, and the demo's."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from services.activities.matching.features import Features, PlanText, extract

DEMO = Path(__file__).parents[3] / "infra" / "demo"
NAMES = {
    "unodc": ("UNODC", "United Nations Office on Drugs and Crime"),
    "world-bank": ("World Bank", "StAR"),
    "itu": ("ITU", "International Telecommunication Union"),
    "interpol": ("INTERPOL",),
    "asean": ("ASEAN",),
    "amlo": ("AMLO", "Anti-Money Laundering Office"),
    "gfce": ("GFCE",),
    "council-of-europe": ("Council of Europe",),
}


def text(plan_id: str = "plan_a", partner: str = "org_a", **changes: Any) -> PlanText:
    """A training of three days in Nairobi."""
    plain: dict[str, Any] = {
        "version": 1,
        "type": "training",
        "status": "confirmed",
        "title": "Electronic evidence and darknet markets: practical course for police",
        "description": "Collecting and presenting electronic evidence from hidden services, with exercises on seized devices.",
        "start": date(2026, 3, 9),
        "end": date(2026, 3, 11),
        "precision": "day",
        "venues": (("Nairobi", "KEN"),),
        "beneficiary_countries": ("KEN",),
        "audiences": ("investigators",),
        "themes": ("electronic_evidence", "darknet"),
        "level": "intermediate",
        "mode": "in_person",
        "languages": ("en",),
    }
    return PlanText(plan_id=plan_id, partner=partner, **(plain | changes))


def features(plan_id: str = "plan_a", partner: str = "org_a", **changes: Any) -> Features:
    return extract(text(plan_id, partner, **changes))


def demo(file: str) -> Any:
    return json.loads((DEMO / file).read_text("utf-8"))


def demo_text(entry: dict[str, Any], terms: bool = True) -> PlanText:
    """A demo entry as the service would hand it to matching: the key stands for the plan id, the slug for the organisation."""
    body = entry["body"]
    start, end, precision = _dates(body)
    linked = [
        row["organisation"] for row in (*body.get("partners", ()), *body.get("funders", ())) if row.get("organisation")
    ]
    series = body.get("series", {})
    return PlanText(
        plan_id=entry["key"],
        version=1,
        partner=entry["posted_by"],
        programme=body.get("programme"),
        type=body["type"],
        status=body["status"],
        title=body["title"],
        description=body.get("description", ""),
        start=start,
        end=end,
        precision=precision,
        venues=tuple((venue.get("city"), venue.get("country")) for venue in body.get("venues", ())),
        beneficiary_countries=tuple(body.get("beneficiary_countries", ())),
        beneficiary_regions=tuple(body.get("beneficiary_regions", ())),
        audiences=tuple(body.get("audiences", ())),
        themes=tuple(body.get("themes", ())),
        level=body.get("level"),
        mode=body.get("mode"),
        partners=tuple(row["organisation"] for row in body.get("partners", ()) if row.get("organisation")),
        funders=tuple(row["organisation"] for row in body.get("funders", ()) if row.get("organisation")),
        reference=body.get("reference"),
        part_of=body.get("part_of"),
        follow_up_of=body.get("follow_up_of"),
        series=series.get("name"),
        edition=series.get("edition"),
        languages=tuple(body.get("languages", ())),
        names=NAMES.get(entry["posted_by"], ()) if terms else (),
        named=tuple(name for slug in linked for name in NAMES.get(slug, ())) if terms else (),
    )


def _dates(body: dict[str, Any]) -> tuple[date | None, date | None, str | None]:
    if "start" not in body:
        return None, None, None
    precision = body.get("precision") or {10: "day", 7: "month", 4: "year"}[len(body["start"])]
    start, end = body["start"], body.get("end", body["start"])
    return _day(start), _day(end), precision


def _day(written: str) -> date:
    return date.fromisoformat(written + "-01" * ((10 - len(written)) // 3))
