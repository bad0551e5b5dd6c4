"""Rounds, percentiles and ratios. Two sides are compared within a round, minutes never: the machine has other work."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

BUSY_GENERATOR = 0.8
"""A generator that uses more of its core than this measures itself."""


@dataclass(frozen=True)
class Round:
    """What one side did in one round.

    offered    what was asked for; achieved: what was seen to come out at the other end, each once
    errors     answers that were not the expected one, things lost, things seen twice
    figures    name with unit -> value: "posts/s", "p99 ms"
    generator  share of one core that the load generator used
    """

    offered: int
    achieved: int
    errors: int
    figures: Mapping[str, float]
    generator: float = 0.0

    @property
    def clean(self) -> bool:
        return self.offered == self.achieved and not self.errors


@dataclass(frozen=True)
class Spread:
    """Over the rounds."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), median(values), max(values))


@dataclass(frozen=True)
class Ratio:
    """`ours` divided by `bare` of the same round: for a figure per second more is better, for milliseconds less."""

    figure: str
    ours: str
    bare: str
    spread: Spread


@dataclass
class Result:
    """One bench: its sides in the order they are shown, with their rounds, and what is compared with what.

    compare   (figure of ours, our side, figure of the bare side, bare side)
    """

    bench: str
    what: str
    settings: Mapping[str, object]
    compare: Sequence[tuple[str, str, str, str]]
    rounds: dict[str, list[Round]] = field(default_factory=dict[str, list[Round]])

    @property
    def clean(self) -> bool:
        return all(each.clean for rounds in self.rounds.values() for each in rounds)

    @property
    def generator(self) -> float:
        return max((each.generator for rounds in self.rounds.values() for each in rounds), default=0.0)

    def spread(self, side: str, figure: str) -> Spread:
        return Spread.of([each.figures[figure] for each in self.rounds[side]])

    def figures(self, side: str) -> list[str]:
        return list(self.rounds[side][0].figures)

    def ratios(self) -> list[Ratio]:
        found: list[Ratio] = []
        for our_figure, ours, bare_figure, bare in self.compare:
            pairs = zip(self.rounds[ours], self.rounds[bare], strict=True)
            values = [mine.figures[our_figure] / theirs.figures[bare_figure] for mine, theirs in pairs]
            name = our_figure if our_figure == bare_figure else f"{our_figure} / {bare_figure}"
            found.append(Ratio(name, ours, bare, Spread.of(values)))
        return found


Side = Callable[[int], Awaitable[Round]]
"""Runs one round; the argument is its number, -1 for the warm-up that is thrown away."""


async def interleave(result: Result, sides: Mapping[str, Side], rounds: int, say: Callable[[str], None]) -> Result:
    """Every side once a round, in turns: the order is turned round each time, so that a drift favours nobody."""
    names = list(sides)
    for name in names:
        say(f"{result.bench}: warming up {name}")
        await sides[name](-1)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            done = await sides[name](number)
            result.rounds.setdefault(name, []).append(done)
            figures = "  ".join(f"{figure} {shown(value)}" for figure, value in done.figures.items())
            trouble = "" if done.clean else f"  ERRORS {done.errors}, {done.achieved} of {done.offered}"
            say(f"{result.bench}: round {number + 1}/{rounds} {name}: {figures}{trouble}")
    result.rounds = {name: result.rounds[name] for name in names}
    return result


class Busy:
    """How much of a core this process used since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def share(self) -> float:
        wall = time.perf_counter() - self._wall
        return (time.process_time() - self._cpu) / wall if wall else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed. NaN for none: a round without answers has no latency."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latencies(seconds: Sequence[float], name: str = "") -> dict[str, float]:
    """p50, p99 and max in milliseconds."""
    prefix = f"{name} " if name else ""
    return {
        f"{prefix}p50 ms": percentile(seconds, 0.5) * 1000,
        f"{prefix}p99 ms": percentile(seconds, 0.99) * 1000,
        f"{prefix}max ms": max(seconds, default=math.nan) * 1000,
    }


def shown(value: float) -> str:
    """Three digits that matter."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
