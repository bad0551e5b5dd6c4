"""The engine over candidate pairs, on the generator and on a labelled list; simpler rules beside it in the same run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.matching import baselines, splink_peer
from bench.matching.blocking import candidates
from bench.matching.figures import AT, Array, Bin, bins, calibration_error, calibration_error_of_chance, judged
from bench.matching.generator import Corpus, Pair
from bench.matching.marginals import Simple, simple
from bench.matching.training import plans_of
from services.activities.matching import engine
from services.activities.matching.features import ROW, Features, PlanText, extract
from services.activities.matching.weights import LEARNED_AMONG, SHIPPED, Weights, among
from services.activities.matching.words import tokens_of

LISTED = among(SHIPPED, LEARNED_AMONG)
"""As `convene match` weighs the pairs of a long list."""

_SLICE = 20_000
Key = tuple[str, str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Labels:
    """What is known of pairs (names in order): the same activity; not to be judged; by kind, certainly not the same; and
    those of a series that nothing in the two postings sets apart."""

    same: frozenset[Key]
    left_out: frozenset[Key]
    other: Mapping[str, frozenset[Key]]
    untold: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Scored:
    """Rows, and their candidate pairs with what the engine says of each. Pairs of one organisation are not among them:
    what one partner posted twice is asked of that partner, and never an alert between partners."""

    rows: Mapping[str, Mapping[str, Any]]
    features: Mapping[str, Features]
    pairs: list[Key]
    same: Array
    series: Array

    @property
    def found(self) -> set[Key]:
        return {pair for pair, chance in zip(self.pairs, self.same, strict=True) if chance >= AT}


def scored(
    rows: Sequence[Mapping[str, Any]], plans: Sequence[PlanText] | None = None, weights: Weights = LISTED
) -> Scored:
    """Every candidate pair of the bench's own exhaustive rule, scored: what is measured is the scorer alone."""
    plans = plans or plans_of(rows)
    features = [extract(plan) for plan in plans]
    packed = np.frombuffer(b"".join(one.packed for one in features), ROW)
    found = candidates(plans)
    owners = packed["partner"]
    found = found[owners[found[:, 0]] != owners[found[:, 1]]]
    same, series = np.zeros(len(found)), np.zeros(len(found))
    for at in range(0, len(found), _SLICE):
        part = found[at : at + _SLICE]
        same[at : at + _SLICE], series[at : at + _SLICE] = engine.chances(
            engine.score(packed[part[:, 0]], packed[part[:, 1]], weights)
        )
    names = [str(row["reference"]) for row in rows]
    return Scored(
        rows=dict(zip(names, rows, strict=True)),
        features=dict(zip(names, features, strict=True)),
        pairs=[_key(names[a], names[b]) for a, b in found],
        same=same,
        series=series,
    )


def labels_of(corpus: Corpus) -> Labels:
    by_outcome: dict[str, list[Pair]] = defaultdict(list)
    for pair in corpus.pairs:
        by_outcome[pair.outcome].append(pair)
    other: dict[str, set[Key]] = defaultdict(set)
    for pair in (*by_outcome["series"], *by_outcome["none"]):
        other[pair.why].add((pair.a, pair.b))
    return Labels(
        same=frozenset((pair.a, pair.b) for pair in by_outcome["same"] if pair.why == "joint"),
        left_out=frozenset((pair.a, pair.b) for pair in by_outcome["same"] if pair.why == "in_house"),
        other={kind: frozenset(pairs) for kind, pairs in other.items()},
        untold=frozenset((pair.a, pair.b) for pair in by_outcome["series"] if not pair.apart),
    )


def labelled_list(folder: Path) -> tuple[list[dict[str, Any]], Labels]:
    """`plans.jsonl` and `truth.json` (`gold` and `unknown` pairs of references) of a folder."""
    rows = [json.loads(line) for line in (folder / "plans.jsonl").read_text(encoding="utf-8").splitlines() if line]
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    gold, unknown = (frozenset(_key(a, b) for a, b in truth.get(kind, ())) for kind in ("gold", "unknown"))
    return rows, Labels(gold, unknown, {})


def read_by_hand(labels: Labels, file: Path) -> Labels:
    """Labels as somebody found them who read the wrong pairs: a file with `same` and `not` pairs of references."""
    told = json.loads(file.read_text(encoding="utf-8"))
    same, other = ({_key(a, b) for a, b in told.get(kind, ())} for kind in ("same", "not"))
    return Labels(labels.same - other | same, labels.left_out, labels.other, labels.untold)


def report(scores: Scored, labels: Labels, say: Say, peers: bool = True) -> None:
    """Prints every figure of one list: ours, the rules beside it, calibration, and what is above 0.5 and is not the same."""
    truth, found = set(labels.same), scores.found - labels.left_out
    differ = {pair for pair in truth | found if titles_differ(scores.rows, pair)}
    say(f"  {'this engine, at 0.5':44}{judged(found, truth)}")
    say(f"  {'  titles differ':44}{judged(found & differ, truth & differ)}")
    for name, pairs in _peers(scores, labels, peers, say):
        say(f"  {name:44}{judged(pairs - labels.left_out, truth)}")
        say(
            f"  {'  titles differ':44}{judged({p for p in pairs - labels.left_out if titles_differ(scores.rows, p)}, truth & differ)}"
        )
    kept = np.array([pair not in labels.left_out for pair in scores.pairs], bool)
    true = np.array([pair in truth for pair in scores.pairs], bool)[kept]
    table = bins(scores.same[kept], true)
    say(f"  calibration error over {int(kept.sum()):,} candidate pairs: {calibration_error(table):.4f}")
    said = scores.same[kept]
    likely = bins(said[said >= 0.01], true[said >= 0.01])
    honest = calibration_error_of_chance(said[said >= 0.01])
    say(
        f"  and over those of at least 0.01:{'':10}{calibration_error(likely):.4f} (perfect odds would show {honest:.4f}: so few)"
    )
    _table(likely, say)
    everywhere = set(scores.pairs)
    lost = len(truth - everywhere)
    say(f"  pairs of one activity that are no candidates: {lost} of {len(truth)}")
    above = {kind: pairs & found for kind, pairs in labels.other.items()}
    for kind, pairs in sorted(labels.other.items()):
        between = pairs & everywhere
        if between:
            share = len(above[kind]) / len(between)
            say(f"  {kind:16} above 0.5: {len(above[kind]):4} of {len(between):5} = {share:.2%}")
    series = {pair for kind, pairs in labels.other.items() if kind not in ("neighbour", "generic") for pair in pairs}
    for name, pairs in (
        ("the whole series set", series & everywhere),
        ("  told apart by what both postings say", series & everywhere - labels.untold),
        ("  nothing in either posting tells them apart", series & everywhere & labels.untold),
    ):
        if pairs:
            wrong = len(pairs & found)
            say(f"  {name:46} above 0.5: {wrong} of {len(pairs)} = {wrong / len(pairs):.2%}")


def wrong_pairs(scores: Scored, labels: Labels) -> Iterator[str]:
    """Each pair decided wrongly, to be read: both rows, and what the engine said."""
    chance = dict(zip(scores.pairs, zip(scores.same, scores.series, strict=True), strict=True))
    found = scores.found - labels.left_out
    for kind, pairs in (("FOUND, NOT SAME", found - labels.same), ("MISSED", set(labels.same) - found)):
        for pair in sorted(pairs):
            same, series = chance.get(pair, (0.0, 0.0))
            where = "" if pair in chance else ", not a candidate"
            yield f"{kind} {pair[0]} {pair[1]}: same {same:.3f}, series {series:.3f}{where}"
            for reference in pair:
                row = {name: value for name, value in scores.rows[reference].items() if name != "reference"}
                yield f"    {json.dumps(row, ensure_ascii=False)[:400]}"


def _peers(scores: Scored, labels: Labels, peers: bool, say: Say) -> Iterator[tuple[str, set[Key]]]:
    rows: dict[str, Simple] = {reference: simple(row) for reference, row in scores.rows.items()}
    for name, rule in baselines.RULES.items():
        yield name, baselines.found_by(rule, rows, scores.pairs)
    found, threshold = baselines.country_query(rows, scores.pairs, set(labels.same))
    yield f"(country, start) query, title >= {threshold:.0f} *", found
    if peers:
        try:
            found, threshold = splink_peer.found(rows, set(scores.pairs), set(labels.same))
            yield f"Splink, probability >= {threshold:.3f} *", found
            yield "Splink, at 0.5", splink_peer.found(rows, set(scores.pairs), None)[0]
        except splink_peer.Absent as why:
            say(f"  Splink is left out: {why}")
    say("  * threshold best in hindsight, from the labels judged")


def _table(table: Sequence[Bin], say: Say) -> None:
    say(f"    {'probability':14}{'pairs':>8}{'said':>8}{'were':>8}")
    for one in table:
        say(f"    {one.low:.1f} to {one.high:.1f}{one.count:11,}{one.said:8.3f}{one.were:8.3f}")


def titles_differ(rows: Mapping[str, Mapping[str, Any]], pair: Key) -> bool:
    one, other = (sorted(set(tokens_of(str(rows[reference]["title"])))) for reference in pair)
    return one != other


def _key(a: str, b: str) -> Key:
    return (a, b) if a < b else (b, a)
