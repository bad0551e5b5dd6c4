"""The command: `python -m bench.matching generate|quality ...`."""

import argparse
import sys
from pathlib import Path

from bench.matching import generator
from bench.matching.marginals import BOUNDS, MEASURED, marginals


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description="How well matching decides.")
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("generate", help="write a list of plans and its truth, both JSON Lines")
    made.add_argument("--seed", type=int, default=1, help="below 1000: to judge; from 1000: to learn from")
    made.add_argument("--plans", type=int, default=1500)
    made.add_argument("--recipe", choices=sorted(generator.RECIPES), default="study")
    made.add_argument("--out", type=Path, default=Path("var/matching"), metavar="FOLDER")
    given = parser.parse_args()
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


if __name__ == "__main__":
    sys.exit(main())
