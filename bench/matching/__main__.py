"""The command: `python -m bench.matching generate|fit|quality|speed ...`."""

import argparse
import sys
from pathlib import Path

from bench.matching import file, fit, generator, labels, quality, search, speed, year
from bench.matching.figures import judged
from bench.matching.marginals import BOUNDS, MEASURED, marginals
from services.activities.matching.weights import SHIPPED


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description="How well matching decides.")
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("generate", help="write a list of plans and its truth, both JSON Lines")
    made.add_argument("--seed", type=int, default=1, help="below 1000: to judge; from 1000: to learn from")
    made.add_argument("--plans", type=int, default=1500)
    made.add_argument("--recipe", choices=sorted(generator.RECIPES), default="study")
    made.add_argument("--out", type=Path, default=Path("var/matching"), metavar="FOLDER")
    asked = commands.add_parser("quality", help="judge the engine, and simpler rules beside it")
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="lists of the generator to judge on")
    asked.add_argument("--plans", type=int, default=3000, help="plans in each of them")
    asked.add_argument("--labelled", type=Path, metavar="FOLDER", help="a labelled list: plans.jsonl and truth.json")
    asked.add_argument("--read", type=Path, metavar="FILE", help="pairs of it that a person has read: same, not")
    asked.add_argument("--wrong", type=Path, metavar="FILE", help="write every pair decided wrongly, to be read")
    asked.add_argument("--without-splink", action="store_true")
    learned = commands.add_parser(
        "fit", help="learn a table of weights from lists of the generator; judge it with `quality`"
    )
    learned.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001, 1002, 1003], help="from 1000")
    learned.add_argument("--plans", type=int, default=1500, help="plans in each list")
    learned.add_argument("--slack", type=float, default=300, help="1/100 bit a weight may stray from the table by hand")
    learned.add_argument("--version", default="2026.5")
    learned.add_argument("--out", type=Path, default=Path("var/matching/weights.json"), metavar="FILE")
    timed = commands.add_parser("speed", help="match one plan against very many stored ones on PostgreSQL")
    timed.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="plans stored")
    timed.add_argument("--probes", type=int, default=500, help="plans to match against them")
    timed.add_argument("--rounds", type=int, default=5, help="how often each of them is matched")
    listed = commands.add_parser("file", help="convene match over one long list: seconds and memory")
    listed.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    if given.command == "file":
        file.run(given.rows, _say)
        return 0
    if given.command == "speed":
        speed.run(given.sizes, given.probes, given.rounds, _say)
        return 0
    if given.command == "fit":
        table = fit.fit(given.seeds, given.plans, version=given.version, slack=given.slack, say=_say)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        fit.write(table, given.out)
        print(f"version {table.version} in {given.out}; shipped is services/activities/matching/weights.json")
        return 0
    if given.command == "quality":
        return _quality(given.seeds, given.plans, given.labelled, given.read, given.wrong, not given.without_splink)
    return _generate(given.seed, given.plans, given.recipe, given.out)


def _generate(seed: int, plans: int, recipe: str, folder: Path) -> int:
    corpus = generator.generate(seed, plans, generator.RECIPES[recipe])
    folder.mkdir(parents=True, exist_ok=True)
    lists, truth = folder / "plans.jsonl", folder / "truth.jsonl"
    generator.write(corpus, lists, truth)
    print(f"{len(corpus.postings):,} plans in {lists}, {len(corpus.pairs):,} pairs of interest in {truth}\n")
    print(f"{'of the pairs of one activity':32}{'here':>8}{'real':>8}   wanted")
    for name, value in marginals(corpus).items():
        low, high = BOUNDS[name]
        said = "" if low <= value <= high else "  OUTSIDE"
        print(f"{name:32}{value:8.2f}{MEASURED[name]:8.2f}   {low:.2f} to {high:.2f}{said}")
    return 0


def _quality(
    seeds: list[int], plans: int, folder: Path | None, read: Path | None, wrong: Path | None, splink: bool
) -> int:
    lines: list[str] = []
    for seed in seeds:
        corpus = generator.generate(seed, plans)
        print(f"\nGenerator, seed {seed}, {len(corpus.postings):,} plans")
        scores, truth = quality.scored(corpus.rows), quality.labels_of(corpus)
        quality.report(scores, truth, _say, splink)
        print(f"  candidates of convene match:  {search.of_lists(corpus.rows, truth.same)}")
        lines += [f"== generator, seed {seed}", *quality.wrong_pairs(scores, truth)]
    ordinary = generator.generate(seeds[0], 1500, generator.YEAR)
    print(f"\nAlerts of an ordinary year, seed {seeds[0]}, {len(ordinary.postings):,} plans")
    year.report(quality.scored(ordinary.rows, weights=SHIPPED), ordinary, _say)
    if folder:
        rows, truth = quality.labelled_list(folder)
        print(f"\nLabelled list {folder.name}, {len(rows):,} postings, {len(truth.same)} pairs")
        scores = quality.scored(rows)
        quality.report(scores, truth, _say, splink)
        print(f"  candidates of convene match:  {search.of_lists(rows, truth.same)}")
        if read:
            after = quality.read_by_hand(truth, read)
            wrongly, missing = truth.same - after.same, after.same - truth.same
            print(
                f"  read by hand: {len(wrongly)} labelled pairs are not the same, {len(missing)} others are; judged by that"
            )
            found = judged(scores.found - after.left_out, set(after.same))
            print(f"  {'this engine, at 0.5':44}{found}")
        _with_labels(scores, truth)
        mistakes = list(quality.wrong_pairs(scores, truth))
        lines += [f"== {folder.name}", *mistakes]
        print("\n".join(("  wrong pairs, to be read:", *mistakes)))
    if wrong:
        wrong.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _with_labels(scores: quality.Scored, truth: quality.Labels) -> None:
    figures: list[tuple[float, float]] = []
    for seen, asked in labels.learned(scores, truth):
        every, found = set(truth.same) - asked, seen.found - truth.left_out - asked
        differ = {pair for pair in every | found if quality.titles_differ(scores.rows, pair)}
        figures.append((judged(found, every).f1, judged(found & differ, every & differ).f1))
    mean, hard = (sum(each) / len(figures) for each in zip(*figures, strict=True))
    print(
        f"  with 50 labels of this list, mean of {len(figures)} draws, the others judged: F1 {mean:.3f}, titles differ {hard:.3f}"
    )


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
