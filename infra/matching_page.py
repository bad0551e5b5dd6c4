"""`docs/reference/matching.md`: what matching reads of a plan, how alike two can be, and what that is worth, from the code.

Whatever is not described here fails the test of the page: a column, a field, a kind of key or of overlap.
"""

from collections.abc import Mapping
from typing import Final

from services.activities.matching.candidates import KINDS, MAX_CANDIDATES
from services.activities.matching.features import DECIDED_ON, FORMAT, ROW
from services.activities.matching.overlap_rules import RULES, level_of
from services.activities.matching.picking import NAMES
from services.activities.matching.weights import HELD, NEUTRAL, POLICY, SHIPPED

COLUMNS: Final[Mapping[tuple[str, ...], str]] = {
    ("format", "plan", "plan_version"): "which layout this is, whose row, and of which version",
    ("start", "end", "precision"): "first and last possible day, and how exactly they are known",
    ("type", "status", "level", "mode"): "codes of the vocabularies",
    ("language", "languages"): "of the title; those in which it is held",
    ("flags",): "what was read from the words or a region instead of a field, and whether anything was cut",
    ("year", "season", "edition", "phase", "module"): "taken out of the title",
    ("partner", "programme", "reference"): "the owner, its programme and its own number for the plan",
    ("part_of", "follow_up_of", "series", "series_edition"): "what the plan says it belongs to",
    ("themes", "audiences"): "from the fields, or from the words where a field is empty",
    ("venue_countries", "beneficiaries", "mentions"): "where it is held, for whom, and countries that the texts name",
    ("cities", "sites"): "towns, and the venue by name",
    ("regions",): "regions that the fields or the texts name",
    ("partners", "funders", "people"): "organisations by id, funders, and trainers",
    ("own", "named"): "the owner's names, and organisations that fields and texts name",
    ("title", "summary"): "words and concepts, each with how rare it is: 2 common, 3 rare, forms below that",
    ("grams",): "how the title is spelled, as letter triples",
    ("said",): f"what a decision is about: {', '.join(DECIDED_ON)}",
}
FIELDS: Final[Mapping[str, str]] = {
    "dates": "the days, as intervals of what they may mean",
    "city": "towns of the venues",
    "country": "countries of the venues, or of the texts",
    "region": "a region that both speak of",
    "beneficiaries": "countries that it is for; assumed: none was named, so the venue's",
    "title": "words and concepts that both titles have, by how rare they are; translated: by concepts alone",
    "spelling": "letters of the titles, for names written together or wrongly",
    "summary": "words of the descriptions; told: one's title in the other's description",
    "type": "kind of activity; kin: of one class",
    "audience": "for whom; kin: desks of one law enforcement house",
    "themes": "what it is about",
    "level": "introductory to expert",
    "mode": "in person or online",
    "language": "in which it is held",
    "named": "one names the other's organisation, both do, or both name a third",
    "reference": "a partner's own number for the plan",
    "series": "the same series is named",
    "ordinal": "edition, phase or module in the title: both the same, only one has it, or others",
    "year": "years in the titles",
    "in_house": "both of one partner",
    "part_of": "policy: one is a part of the other",
    "follow_up_of": "policy: one follows the other up",
    "next_edition": "policy: two editions of one series",
}
KEYS: Final[Mapping[str, str]] = {
    "reference": "a partner's own number",
    "rare": "a rare word of the title",
    "organiser": "who posts it, for whoever names them",
    "named": "an organisation that it names",
    "trainer": "a trainer",
    "site": "a venue by name",
    "city": "a town",
    "country": "a country, of the venue or for whom",
    "audience": "a country with an audience",
    "theme": "a country with a theme",
    "word": "another word of the title",
}
OVERLAPS: Final[Mapping[str, str]] = {
    "people": "the same trainer on days that meet",
    "audience": "the same audience of one country",
    "venue": "the same venue on days that meet",
    "funding": "the same money for the same theme in one country",
    "effort": "the same theme in one country",
}


def page() -> str:
    """The whole page as Markdown."""
    described = {column for columns in COLUMNS for column in columns}
    assert described == set(ROW.names or ()), f"not described: {described ^ set(ROW.names or ())}"
    lines = [
        "# Matching: features, levels, weights\n",
        "<!-- Written by `python -m infra.reference` from the code: change that, not this page. -->\n",
        "How it decides is told in [matching](../explanation/matching.md), overlaps in [overlaps](../explanation/overlaps.md), and how to",
        "correct the weights in [learn from decisions](../how-to/learn-from-decisions.md).\n",
        f"## Features, format {FORMAT}\n",
        f"One row of {ROW.itemsize} bytes a plan, made when a version is stored and kept beside it. Names are hashes.\n",
        "| columns | what they hold |",
        "|---|---|",
        *(f"| {', '.join(f'`{name}`' for name in names)} | {text} |" for names, text in COLUMNS.items()),
        "\n## Candidates\n",
        f"A plan is compared with at most {MAX_CANDIDATES} others: those that share most of these keys, rare ones more. Rows: most that are read",
        "for all keys of a kind, to each side in time.\n",
        "| key | what is shared | worth | rows |",
        "|---|---|---|---|",
        *(f"| {kind} | {KEYS[kind]} | {what.worth} | {what.rows} |" for kind, what in KINDS.items()),
        f"\n## Levels and weights, version {SHIPPED.version}\n",
        'In 1/100 bit: +100 doubles the odds of "the same activity", -100 halves them. The first against unrelated, the second against two of',
        f"one series. Prior: {SHIPPED.prior[0]} and {SHIPPED.prior[1]}. With u and s the two sums, P(same) = 1 / (1 + 2^(-u/100) + 2^(-s/100)).",
        f"Bands: probable from p = 0.5, likely from {SHIPPED.likely} (p = 0.95), certain from {SHIPPED.certain} (p = 0.99); without days on both sides never more",
        "than probable. *Held*: learning may harden it only. *Policy*: never learned.\n",
    ]
    for field, levels in NAMES.items():
        lines += [
            f"### {field}\n",
            f"{FIELDS[field].capitalize()}.\n",
            "| level | unrelated | series | |",
            "|---|---|---|---|",
        ]
        for level in levels:
            unrelated, series = SHIPPED.fields[field][level]
            lines.append(f"| {level} | {unrelated} | {series} | {_kind(field, level)} |")
        lines.append("")
    lines += [
        "## Overlaps\n",
        "Defaults; `ACTIVITIES_OVERLAP_<KIND>_ON`, `_DAYS` and `_ALERT_FROM` change them.\n",
        "| kind | what | days between | dates known to | alert from |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {OVERLAPS[kind]} | {rule.window} | {', '.join(sorted(rule.precisions))} | {level_of(rule.least)} |"
            for kind, rule in RULES.by_kind.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _kind(field: str, level: str) -> str:
    if field in POLICY:
        return "policy"
    return "held" if (field, level) in HELD else "says nothing" if level in NEUTRAL else ""
