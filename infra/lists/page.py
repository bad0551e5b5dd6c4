"""One page for reading: the pairs with their reasons, when they take place, and what was left out. Nothing is fetched for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from infra.lists.pairing import Found, Options, Run
from infra.lists.postings import Posting
from infra.lists.rows import counted
from services.activities.matching import overlaps
from shared.vocabulary import VOCABULARIES

MOST = 300
"""Pairs of one kind on a page, the surest first; more is for a program to read."""
MOST_LANES = 60
_ROWS = 200
_WIDTH = 760.0
_TITLES = {"duplicate": "The same activity", "series": "The same series", "overlap": "Overlaps"}
_LEADS = {
    "duplicate": "Both rows seem to speak of one activity. Talk to each other: is it one, or are there two?",
    "series": "Not the same activity, but another edition, phase, country or audience of it. Nothing to do; good to know.",
    "overlap": "Two different activities that call on the same people, the same trainer or venue, or give a country the same "
    "thing twice. What is only nearby asks for nothing.",
}


@dataclass(frozen=True)
class Bar:
    """A stretch of the timeline, in its units from the left."""

    side: str
    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Lane:
    anchor: str
    title: str
    kind: str
    bars: tuple[Bar, ...]


@dataclass
class Timeline:
    """`ticks` are (x, text)."""

    lanes: list[Lane] = field(default_factory=list[Lane])
    ticks: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    left_out: int = 0


class Page:
    """Takes note of the pairs as they pass, and writes the page at the end of the run."""

    def __init__(self, run: Run, options: Options) -> None:
        self._run, self._options = run, options
        self._best: dict[str, list[tuple[float, int, Found]]] = {kind: [] for kind in _TITLES}
        self._seen = 0

    def noting(self, found: Iterator[Found]) -> Iterator[Found]:
        for each in found:
            self._seen += 1
            sure = each.probability if each.overlap is None else each.overlap["score"] + 100 * each.overlap["asked"]
            heap = self._best[each.kind]
            # among equals the first in the lists stays
            entry = (float(sure or 0), -self._seen, each)
            heapq.heappush(heap, entry) if len(heap) < MOST else heapq.heappushpop(heap, entry)
            yield each

    def write(self, path: Path) -> None:
        """Raises OSError where it cannot be written."""
        from jinja2 import Environment, FileSystemLoader

        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["thousands"] = lambda number: f"{number:,}"
        summary = self._run.summary
        sections = [self._section(kind) for kind in _TITLES if kind != "overlap" or self._options.overlaps]
        undated = summary.undated[:_ROWS]
        html = environment.get_template("page.html").render(
            files=[(read, counted(read.ignored, 20)) for read in summary.files],
            summary=summary,
            options=self._options,
            sections=sections,
            timeline=_timeline([card for section in sections for card in section["cards"]]),
            undated=[(self._run.label(index), self._run.posting(index).title) for index in undated],
            crowded=[(self._run.label(index), total) for index, total in summary.crowded[:_ROWS]],
            most_overlaps=overlaps.MOST,
            most_rows=_ROWS,
        )
        path.write_text(html, encoding="utf-8")

    def _section(self, kind: str) -> dict[str, Any]:
        best = sorted(self._best[kind], key=lambda entry: (-entry[0], -entry[1]))
        cards = [self._card(kind, number, found) for number, (_, _, found) in enumerate(best, 1)]
        count = self._run.summary.found[kind]
        return {"kind": kind, "title": _TITLES[kind], "lead": _LEADS[kind], "cards": cards, "count": count}

    def _card(self, kind: str, number: int, found: Found) -> dict[str, Any]:
        a, b = self._run.posting(found.a), self._run.posting(found.b)
        rows = [*_prior(found.explanation), *found.explanation.get("contributions", [])]
        most = max([abs(row["weight"]) for row in rows], default=1) or 1
        return {
            "anchor": f"{kind}-{number}",
            "kind": kind,
            "number": number,
            "a": a,
            "b": b,
            "labels": (self._run.label(found.a), self._run.label(found.b)),
            "files": (self._run.summary.files[a.file].name, self._run.summary.files[b.file].name),
            "sides": list(_sides(a, b)),
            "percent": _percent(found.probability),
            "overlap": found.overlap,
            "sentence": found.explanation["sentence"],
            "change": found.explanation.get("change", ""),
            "weights": found.explanation.get("weights_version", ""),
            "contributions": [
                {
                    "field": row["field"].replace("_", " "),
                    "why": row["why"],
                    "bits": _bits(row["weight"]),
                    "series": _bits(row["series"]) if "series" in row else None,
                    "share": min(100, round(100 * abs(row["weight"]) / most)),
                    "against": row["weight"] < 0,
                }
                for row in rows
            ],
            "capped": self._run.capped(found),
        }


def _prior(explanation: dict[str, Any]) -> list[dict[str, Any]]:
    """What holds of any two rows that are looked at, as a row of its own, so that the column sums to the answer."""
    prior = explanation.get("prior")
    if prior is None:
        return []
    first, *rest = prior if isinstance(prior, tuple | list) else (prior,)
    row = {"field": "any pair", "why": "before anything is compared", "weight": first}
    return [row | {"series": rest[0]} if rest else row]


def _percent(probability: float | None) -> str:
    """Never 100: nothing here is certain."""
    if probability is None:
        return ""
    return "> 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def _bits(weight: int) -> str:
    return f"{weight / 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def _sides(a: Posting, b: Posting) -> Iterator[tuple[str, str, str]]:
    """(what, of one, of the other) for everything that either says."""

    def labels(vocabulary: str, found: tuple[str, ...]) -> str:
        return ", ".join(VOCABULARIES[vocabulary].label(code) for code in found)

    for name, one, other in (
        ("Dates", a.when, b.when),
        ("Place", a.place_text, b.place_text),
        ("Type", *(labels("type", (each.type,) if each.type else ()) for each in (a, b))),
        ("How", *(labels("mode", (each.mode,) if each.mode else ()) for each in (a, b))),
        ("For", labels("audience", a.audiences), labels("audience", b.audiences)),
        ("On", labels("theme", a.themes), labels("theme", b.themes)),
        ("Partners", ", ".join(a.partners), ", ".join(b.partners)),
        ("Funders", ", ".join(a.funders), ", ".join(b.funders)),
        ("Venue", *("; ".join(name for name, _, _ in each.sites) for each in (a, b))),
        ("Trainers", ", ".join(a.trainers), ", ".join(b.trainers)),
        ("Says", a.description[:400], b.description[:400]),
    ):
        if one or other:
            yield name, one, other


def _timeline(cards: list[dict[str, Any]]) -> Timeline:
    """Lanes in the order of time; the surest pairs where there are too many."""
    dated = [card for card in cards if card["kind"] != "series" and card["a"].period and card["b"].period]
    shown = sorted(
        dated[:MOST_LANES], key=lambda card: (min(card["a"].period.start, card["b"].period.start), card["anchor"])
    )
    timeline = Timeline(left_out=len(dated) - len(shown))
    if not shown:
        return timeline
    periods = [card[side].period for card in shown for side in "ab"]
    first = min(period.start for period in periods).replace(day=1).toordinal()
    last = max(period.end for period in periods).toordinal() + 1
    scale = _WIDTH / max(last - first, 28)

    def bar(side: str, posting: Posting) -> Bar:
        period = posting.period
        assert period
        width = max((period.end.toordinal() - period.start.toordinal() + 1) * scale, 5.0)
        x = min((period.start.toordinal() - first) * scale, _WIDTH - width)
        return Bar(
            side,
            round(max(x, 0), 1),
            round(min(width, _WIDTH), 1),
            f"{posting.organisation} {posting.title}: {posting.when}",
        )

    for card in shown:
        bars = (bar("a", card["a"]), bar("b", card["b"]))
        timeline.lanes.append(Lane(card["anchor"], card["a"].title, card["kind"], bars))
    timeline.ticks = _ticks(date.fromordinal(first), date.fromordinal(last), scale)
    return timeline


def _ticks(first: date, last: date, scale: float) -> list[tuple[float, str]]:
    """The first days of months, quarters or years, as many as can be read."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((step for step in (1, 2, 3, 6, 12, 24, 60) if months / step <= 13), 120)
    found: list[tuple[float, str]] = []
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        if month % step == 0 or (step > 12 and month % 12 == 0 and (month // 12) % (step // 12) == 0):
            day = date(month // 12, month % 12 + 1, 1)
            x = (day.toordinal() - first.toordinal()) * scale
            if 0 <= x <= _WIDTH - 20:
                found.append((round(x, 1), f"{day:%Y}" if step >= 12 else f"{day:%Y-%m}"))
    return found
