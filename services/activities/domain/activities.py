"""A joint activity: several postings of one real-world event, and a view of where each of its fields comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.activities.domain.plan import Plan

_UNION = ("venues", "beneficiary_countries", "beneficiary_regions", "audiences", "themes", "languages", "institutions",
          "partners", "funders", "outcomes", "results", "indicators", "mandates")  # fmt: skip
_OWN = frozenset(
    {"id", "version", "owner", "posted_by", "claimed", "activity", "checked", "created_at", "updated_at",
     "named_people", "trainers", "tlp", "reference", "source_text", "provenance", "illustrative", "dates_text", "dates_inferred",
     "part_of", "follow_up_of"}
)  # fmt: skip
"""Properties of a posting, not of the event."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Plans that are one activity now. `activity` is the oldest plan's own, so that it stays when others come and go."""

    activity: str
    plans: tuple[str, ...]


def settle(plans: Sequence[Plan], linked: Iterable[tuple[str, str]]) -> list[Joined]:
    """Which activity each of these plans belongs to, given the pairs that people linked. Every plan is in exactly one."""
    home = {plan.id: {plan.id} for plan in plans}
    for a, b in linked:
        if a in home and b in home and home[a] is not home[b]:
            joined = home[a] | home[b]
            for each in joined:
                home[each] = joined
    by_id = {plan.id: plan for plan in plans}
    found: dict[str, Joined] = {}
    for members in home.values():
        ordered = tuple(sorted(members))
        oldest = min((by_id[each] for each in ordered), key=lambda plan: (plan.created_at, plan.id))
        found[ordered[0]] = Joined(oldest.home, ordered)
    return [found[key] for key in sorted(found)]


def fields_of(representations: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each field of the activity with the plan it comes from and what the others say.

    Lists are united (each entry with its plan); of single values the most certain wins: the confirmed plan's before the
    tentative one's, finer dates before coarser, then the older posting's. Nothing is dropped: `others` has the rest.
    """
    ordered = sorted(representations, key=_trust)
    fields: dict[str, dict[str, Any]] = {}
    for name in ordered[0] if ordered else ():
        if name in _OWN:
            continue
        said = [(plan["id"], plan[name]) for plan in ordered if plan.get(name) not in (None, [], "")]
        if not said:
            continue
        fields[name] = _united(said) if name in _UNION else _chosen(said)
    return fields


def _trust(plan: Mapping[str, Any]) -> tuple[int, int, str, str]:
    statuses = ("completed", "confirmed", "tentative", "postponed", "draft", "cancelled")
    precisions = ("day", "week", "month", "quarter", "year", None)
    return (
        statuses.index(plan["status"]),
        precisions.index(plan.get("precision")),
        str(plan["created_at"]),
        str(plan["id"]),
    )


def _chosen(said: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    source, value = said[0]
    others = [{"plan": plan, "value": each} for plan, each in said[1:]]
    return {"value": value, "from": source, "agreed": all(each["value"] == value for each in others), "others": others}


def _united(said: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for plan, values in said:
        for value in values:
            known = next((entry for entry in entries if entry["value"] == value), None)
            if known:
                known["from"].append(plan)
            else:
                entries.append({"value": value, "from": [plan]})
    everybody = [plan for plan, _ in said]
    return {
        "value": [entry["value"] for entry in entries],
        "from": [entry["from"] for entry in entries],
        "agreed": all(entry["from"] == everybody for entry in entries),
        "others": [],
    }
