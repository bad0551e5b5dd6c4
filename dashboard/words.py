"""Codes to words: the vocabularies' English labels, and what the pages say themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

LABELS: Mapping[str, str] = {
    "CLEAR": "Everybody, without signing in",
    "GREEN": "Every signed-in partner",
    "AMBER": "Your organisation, the partners named on the plan, and coordinators in scope",
    "AMBER+STRICT": "Your organisation and coordinators in scope",
    "RED": "Only the people named on the plan; it is never in lists, streams or exports, and nobody is warned of a collision with it",
}
"""TLP label -> who will see a plan with it."""

BANDS: Mapping[str, str] = {
    "certain": "Almost certainly the same",
    "likely": "Likely the same",
    "probable": "Perhaps the same",
    "possible": "Worth a look",
}
OVERLAPS: Mapping[str, str] = {
    "audience": "Same audience, close dates",
    "effort": "Same theme, same country",
    "venue": "Same place, same days",
    "people": "Same person, same days",
    "funding": "Same funding",
}
VERDICTS: tuple[tuple[str, str, str], ...] = (
    ("link", "Link", "the same activity: it becomes one joint activity, both plans stay"),
    ("distinct", "Distinct", "two different activities: do not ask again unless they change"),
    ("ask_to_move", "Ask to move", "ask the partners for other dates"),
    ("snooze", "Snooze", "ask again later"),
    ("escalate", "Escalate", "somebody else has to decide"),
)
CONTACTS: Mapping[str, str] = {
    "focal_point": "the other partner's focal point",
    "coordinator": "the coordinator in scope",
}


class Words:
    """Labels of the published vocabularies, in English."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._lists: dict[str, dict[str, str]] = {}
        for name, entries in answer.get("vocabularies", {}).items():
            self._lists[name] = {each["code"]: each.get("labels", {}).get("en", each["code"]) for each in entries}

    def choices(self, vocabulary: str, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """(code, label), in the order published."""
        return [pair for pair in self._lists.get(vocabulary, {}).items() if pair[0] not in set(without)]

    def label(self, vocabulary: str, code: str | None) -> str:
        return self._lists.get(vocabulary, {}).get(code or "", code or "")


def readers(seen: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Who would see a plan with one label, as `plans:sight` has it; "" where the label says all."""
    if seen.get("everybody"):
        return ""
    said = ["every partner"] if seen["every_partner"] else [names.get(each, each) for each in seen["partners"]]
    if scopes := seen["coordinators"]:
        count = "1 coordinator" if len(scopes) == 1 else f"{len(scopes)} coordinators"
        said.append(f"{count}, looking after {'; '.join(dict.fromkeys(scopes))}")
    if people := seen["people"]:
        said.append("you alone" if people == 1 else f"{people} people, you among them")
    return ", ".join(said) or "nobody yet"


def place(plan: Mapping[str, Any]) -> str:
    """Where a plan takes place or, without a venue, whom it is for."""
    venues = [", ".join(filter(None, (each.get("city"), each.get("country")))) for each in plan.get("venues") or ()]
    return "; ".join(filter(None, venues)) or ", ".join(
        [*(plan.get("beneficiary_countries") or ()), *(plan.get("beneficiary_regions") or ())]
    )


def dates(plan: Mapping[str, Any]) -> str:
    start, end = plan.get("start"), plan.get("end")
    if not start:
        return plan.get("dates_text") or "no date yet"
    precision = plan.get("precision")
    text = start if start == end or not end else f"{start} to {end}"
    return f"{text} ({precision})" if precision and precision != "day" else text
