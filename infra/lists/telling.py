"""What people read of a run in the terminal: a table of pairs, and what was read, left out and cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.cli.output import hint, say, table
from infra.lists.pairing import Found, Run
from infra.lists.rows import counted
from services.activities.matching.overlaps import MOST

MOST_TOLD = 20
"""Rows named one by one in the summary of a file; the others are counted."""
_KINDS = {"duplicate": "same activity", "series": "same series", "overlap": "overlap"}


def as_json(run: Run, found: Found) -> dict[str, Any]:
    """One line of `--json`."""
    line: dict[str, Any] = {"a": run.label(found.a), "b": run.label(found.b), "kind": found.kind}
    if found.overlap is not None:
        return (
            line
            | {name: value for name, value in found.overlap.items() if name != "why"}
            | {"explanation": found.explanation}
        )
    capped = run.capped(found)
    line |= {"probability": round(found.probability or 0.0, 6), "explanation": found.explanation}
    if capped:
        line["explanation"] = found.explanation | {"capped": capped}
    return line


def how_grave(overlap: dict[str, Any]) -> str:
    """`high`, `medium`; what would ask nobody in an installation is `nearby`."""
    return overlap["severity"] if overlap["asked"] else "nearby"


def tell(run: Run, pairs: Iterable[Found]) -> None:
    """The table; it is printed whole, so at most what fits memory as text."""
    rows: list[list[Any]] = []
    for found in pairs:
        a, b = run.posting(found.a), run.posting(found.b)
        how = f"{found.probability:.2f}" if found.overlap is None else how_grave(found.overlap)
        kind = _KINDS[found.kind] if found.overlap is None else f"overlap ({found.overlap['overlap_kind']})"
        rows.append(
            [
                "\n".join((run.label(found.a), run.label(found.b))),
                "\n".join((f"{a.title[:70]}", f"{b.title[:70]}")),
                "\n".join((a.when, b.when)),
                "\n".join((a.place_text[:40], b.place_text[:40])),
                kind,
                how,
                found.explanation["sentence"],
            ]
        )
    if rows:
        table(["", "title", "dates", "place", "", "how sure", "why"], rows)
    else:
        say("No pairs.")


def summarise(run: Run, min_probability: float, overlaps: bool) -> None:
    """On stderr: every row is accounted for, and every cut is said."""
    summary = run.summary
    for file in summary.files:
        hint(
            f"{file.name}: {file.rows:,} rows read"
            + (f", {len(file.unread):,} could not be read" if file.unread else "")
        )
        _each(file.unread)
        if file.notes:
            hint(f"  {len(file.notes):,} rows were read in part:")
            _each(file.notes)
        order, shown = file.order
        if order:
            hint(f"  dates such as 03/04/2026 were read {order} first, because of {shown!r}")
        if file.ignored:
            hint(f"  left out: {counted(file.ignored)}")
    if run.labels.twice:
        hint(
            f"{run.labels.twice:,} rows have a reference that their file has twice for one organisation; they are called by their number"
        )
    if summary.undated:
        named = ", ".join(run.label(index) for index in summary.undated[:MOST_TOLD])
        more = f" and {len(summary.undated) - MOST_TOLD:,} more" if len(summary.undated) > MOST_TOLD else ""
        hint(f"not checked for overlaps, for want of a date (matched on what else they say): {named}{more}")
    for index, total in summary.crowded[:MOST_TOLD]:
        hint(
            f"{run.label(index)} overlaps with {total:,} others: the strongest {MOST} are told, and {total - MOST:,} more are not"
        )
    if len(summary.crowded) > MOST_TOLD:
        hint(f"and so do {len(summary.crowded) - MOST_TOLD:,} rows more")
    for cut in summary.cuts:
        hint(
            f"budget: {cut.rows:,} rows share a {cut.kind} with more rows than are compared; they met the nearest in date"
        )
    kinds = [f"{summary.found['duplicate']:,} of one activity", f"{summary.found['series']:,} of one series"]
    kinds += [f"{summary.found['overlap']:,} overlaps"] if overlaps else []
    hint(
        f"{summary.rows:,} rows, {summary.pairs:,} pairs compared: {', '.join(kinds)} (at {min_probability:g} or more)"
    )


def _each(rows: list[tuple[str, str]]) -> None:
    for where, problem in rows[:MOST_TOLD]:
        hint(f"  {where}: {problem}")
    if len(rows) > MOST_TOLD:
        hint(f"  and {len(rows) - MOST_TOLD:,} more")
