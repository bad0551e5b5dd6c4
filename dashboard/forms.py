"""The form of a plan: its fields, the body that they make, and the server's complaints back at the fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convene import ConveneError

SINGLE = ("title", "type", "status", "when", "countries", "where", "participants_planned", "partners", "mode",
          "description", "tlp", "organisation")  # fmt: skip
SEVERAL = ("audiences", "themes")

SEEN_BY = ("status", "beneficiary_countries", "venues", "themes", "partners", "organisation", "on_behalf_of")
"""What decides, with the label, who will see a plan."""

DEFAULTS: Mapping[str, str] = {"status": "tentative", "mode": "in_person", "tlp": "AMBER"}

POINTERS: Mapping[str, str] = {
    "beneficiary_countries": "countries",
    "beneficiary_regions": "countries",
    "venues": "where",
    "period": "when",
    "on_behalf_of": "organisation",
}
"""The API's field -> the form's, where the names differ."""

TITLES: Mapping[str, str] = {
    "title": "Title",
    "type": "Type",
    "status": "Status",
    "when": "When",
    "countries": "For which countries",
    "where": "Where",
    "audiences": "For whom",
    "themes": "Themes",
    "participants_planned": "How many people",
    "partners": "With which partners",
    "mode": "How",
    "description": "Description",
    "tlp": "Who will see it",
    "organisation": "Whose plan",
}

_REGISTERED = re.compile(r"org_[0-9a-f]+|[a-z0-9]+(-[a-z0-9]+)*")


@dataclass
class PlanForm:
    """What was typed, and what is wrong with it (field -> messages; "" for what belongs to no field)."""

    values: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    chosen: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    errors: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def read(cls, sent: Mapping[str, list[str]]) -> "PlanForm":
        return cls(
            {name: (sent.get(name) or [""])[0].strip() for name in SINGLE},
            {name: [each for each in sent.get(name, []) if each] for name in SEVERAL},
        )

    def body(self, *, coordinator: bool) -> dict[str, Any]:
        """As `POST /plans` takes it; what was left empty is left out."""
        values = self.values
        body: dict[str, Any] = {
            name: values[name]
            for name in (
                "title",
                "type",
                "status",
                "start",
                "end",
                "participants_planned",
                "mode",
                "description",
                "tlp",
            )
            if values.get(name)
        }
        body |= {name: chosen for name, chosen in self.chosen.items() if chosen}
        countries = [each.strip() for each in values.get("countries", "").replace(";", ",").split(",") if each.strip()]
        if countries:
            body["beneficiary_countries"] = countries
        if values.get("when"):
            body["period"] = {"text": values["when"]}
        if values.get("where"):
            body["venues"] = [{"text": values["where"]}]
        parties = [party(line) for line in values.get("partners", "").splitlines() if line.strip()]
        if parties:
            body["partners"] = parties
        if values.get("organisation"):
            body["on_behalf_of" if coordinator else "organisation"] = values["organisation"]
        return body

    def in_words(self) -> list[str]:
        """Partners that are named as no registry knows them: no plan becomes theirs to see by that."""
        found = [party(line) for line in self.values.get("partners", "").splitlines() if line.strip()]
        return [each["name"] for each in found if "name" in each]

    def complain(self, error: ConveneError) -> None:
        """Put the server's words at the fields that they are about."""
        for pointer, said in error.fields:
            parts = pointer.removeprefix("#").strip("/").split("/")
            name = POINTERS.get(parts[0], parts[0])
            self.errors.setdefault(name if name in TITLES else "", []).append(said)
        if not error.fields:
            self.errors.setdefault("", []).append(str(error.problem.get("detail") or error))

    def require(self) -> bool:
        """What can be said without asking the server. True if nothing is missing."""
        for name in ("title", "type"):
            if not self.values.get(name):
                self.errors.setdefault(name, []).append("Fill this in; everything else may wait.")
        return not self.errors


def party(text: str) -> dict[str, str]:
    """`World Bank (StAR)` -> a partner and its programme. One lower-case word (`world-bank`) is the registry's name."""
    name, bracket, programme = text.strip().removesuffix(")").partition("(")
    name = name.strip()
    found = {"organisation" if _REGISTERED.fullmatch(name) else "name": name}
    return found | {"programme": programme.strip()} if bracket and programme.strip() else found
