"""The command: `python -m bench [NAME ...] [--quick] [--json FILE]`. Ends with 1 where a run was not clean."""

import argparse
import asyncio
import importlib
import json
import sys
import time
from pathlib import Path

from bench import report
from bench.measure import Result
from infra.native.errors import NativeError
from shared import logs, sqlite

NAMES = ("post", "relay", "fanout", "chain", "audit")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ours beside the bare thing, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all of them without one")
    parser.add_argument("--quick", action="store_true", help="small rounds: about two minutes for all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the ratios as a page for bench/results/")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"no bench is called {', '.join(unknown)}: {', '.join(NAMES)}")
    sqlite.install()
    logs.setup("console", "ERROR")
    about = report.machine()
    command = " ".join(["python -m bench", *given.names, *(["--quick"] if given.quick else [])])
    print("  ".join(f"{name} {value}" for name, value in about.items()))
    begun, results = time.monotonic(), list[Result]()
    for name in given.names or NAMES:
        try:
            result = asyncio.run(importlib.import_module(f"bench.{name}").run(given.quick, _say))
        except NativeError as error:
            print(f"{name}: Kafka or PostgreSQL cannot be had here: {error}", file=sys.stderr)
            return 1
        results.append(result)
        print(report.text(result), flush=True)
    print(f"\nRepeat it: {command}    ({time.monotonic() - begun:.0f} s)")
    if given.json:
        given.json.write_text(json.dumps(report.document(results, command, about), indent=1) + "\n")
    if given.page:
        given.page.write_text(report.page(results, command, about, given.page.stem))
    return 0 if all(result.clean for result in results) else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
