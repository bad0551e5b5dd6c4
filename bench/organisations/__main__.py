"""The command: `python -m bench.organisations --data DIR`."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from bench.organisations.quality import Bench, report
from bench.organisations.registry import load

SHIPPED_ON = 0
"""The half that the weights of a release are fitted on."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.organisations", description="How well names are resolved.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder with organisations.json")
    parser.add_argument("--fit", type=Path, metavar="FILE", help=f"write weights fitted on half {SHIPPED_ON} instead")
    parser.add_argument("--version", default="2026.1")
    given = parser.parse_args()
    bench = Bench(load(given.data))
    if given.fit is None:
        report(bench, print)
        return 0
    weights = bench.fitted(SHIPPED_ON, f"{given.version}, fitted on half {SHIPPED_ON} of the labelled list")
    given.fit.write_text(json.dumps(asdict(weights), indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{weights.version}: {given.fit}; shipped is services/partners/matching/weights.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
