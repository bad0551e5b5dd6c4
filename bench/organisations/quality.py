"""Each half of the list judged with weights fitted on the other, beside a string distance on the same questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rapidfuzz import fuzz, process, utils

from bench.organisations.figures import Answer, recall_at
from bench.organisations.fit import fit, words_in
from bench.organisations.registry import Listed, Question, ask, half_of
from services.partners.matching.resolving import Named, Weights, rarity, read, resolve

_HERE = Path(__file__).parent
BY_HAND = read(json.loads((_HERE / "by-hand.json").read_text("utf-8")))
READ: list[list[str]] = json.loads((_HERE / "read.json").read_text("utf-8"))["wrong_labels"]
"""Labels that a person has read and found wrong; they count, and the figures are also given without them."""
ABSENT, ANOTHER = 0.5, 0.2
"""How much a question counts in the fit whose organisation was taken out of the registry: of an alias, of a name."""
MADE = 0.1
"""How much one counts that was made of a name and not written by anybody."""


@dataclass(frozen=True)
class Told:
    """One question answered: the alias, what was said, what the list says."""

    written: str
    said: str
    wanted: str
    score: float

    @property
    def answer(self) -> Answer:
        return Answer(self.score, self.said == self.wanted)


class Bench:
    def __init__(self, listed: Listed) -> None:
        self.listed = listed
        self.ids = {name: f"org_{number}" for number, name in enumerate(listed.names)}
        self.names = {id_: name for name, id_ in self.ids.items()}
        made = [text for name in listed.names for text in self._made(name)]
        texts = list(dict.fromkeys([*(written for written, _ in listed.aliases), *listed.names, *made]))
        lists, self.counted = ask(listed, texts)
        self.found: Mapping[str, Sequence[Named]] = dict(zip(texts, lists, strict=True))

    def start(self, half: int) -> Weights:
        """The table by hand, with the words of the half's names."""
        names = self._names_of(half)
        return replace(BY_HAND, names=len(names), words=words_in(names))

    def fitted(self, half: int, version: str) -> Weights:
        start = self.start(half)
        questions = [(self._question(written, name), 1.0) for written, name in self.listed.half(half)]
        questions += [(self._without(written, name), ABSENT) for written, name in self.listed.half(half)]
        questions += [(self._without(name, name), ANOTHER) for name in self._names_of(half)]
        questions += [(self._question(text, name), MADE) for name in self._names_of(half) for text in self._made(name)]
        return replace(fit(questions, self._bits(start), start), version=version)

    def ours(self, aliases: Sequence[tuple[str, str]], weights: Weights, *, without: bool = False) -> list[Told]:
        """without: with the organisation meant taken out of the registry, so that every answer is wrong."""
        bits, told = self._bits(weights), list[Told]()
        for written, name in aliases:
            candidates = [each for each in self.found[written] if not (without and each.id == self.ids[name])]
            best = resolve(written, candidates, bits, weights, limit=1).candidates
            told.append(
                Told(written, self.names[best[0].id], name, best[0].score)
                if best
                else Told(written, "", name, float("-inf"))
            )
        return told

    def wratio(self, aliases: Sequence[tuple[str, str]]) -> list[Told]:
        """rapidfuzz WRatio over names and short names, the best of all."""
        keys = [(name, name) for name in self.listed.names]
        keys += [(short, name) for short, name in zip(self.listed.short, self.listed.names, strict=True) if short]
        told: list[Told] = []
        for written, name in aliases:
            _, score, at = process.extractOne(
                written, [key for key, _ in keys], scorer=fuzz.WRatio, processor=utils.default_process
            )
            told.append(Told(written, keys[at][1], name, score))
        return told

    def _bits(self, weights: Weights) -> Callable[[str], int]:
        return rarity(self.counted, len(self.listed.names), weights)

    def _made(self, name: str) -> list[str]:
        """What people write most, and no list of aliases has: the name itself, its short form, both, a slip of the pen."""
        short = self.listed.short[int(self.ids[name].removeprefix("org_"))]
        longest = max(name.split(), key=len)
        at = half_of(name) + len(longest) // 2
        slip = name.replace(longest, longest[:at] + longest[at + 1 :]) if len(longest) > 5 else name
        return list(dict.fromkeys([name, slip, *([short, f"{name} ({short})"] if short else [])]))

    def _names_of(self, half: int) -> list[str]:
        return [name for name in self.listed.names if half_of(name) == half]

    def _question(self, written: str, name: str) -> Question:
        candidates = tuple(self.found[written])
        there = any(each.id == self.ids[name] for each in candidates)
        return Question(written, self.ids[name] if there else None, candidates)

    def _without(self, written: str, name: str) -> Question:
        return Question(written, None, tuple(each for each in self.found[written] if each.id != self.ids[name]))


def report(bench: Bench, say: Callable[[str], None]) -> None:
    """Print the figures of both halves and of both together, and every wrong pair."""
    pooled: dict[str, list[Told]] = {"ours": [], "ours, weights by hand": [], "rapidfuzz WRatio": []}
    taken = 0
    for half in (0, 1):
        judged = bench.listed.half(half)
        weights = bench.fitted(1 - half, "judged")
        told = {
            "ours": bench.ours(judged, weights),
            "ours, weights by hand": bench.ours(judged, bench.start(1 - half)),
            "rapidfuzz WRatio": bench.wratio(judged),
        }
        say(f"half {half}, {len(judged)} names, weights fitted on half {1 - half}")
        _table(told, say)
        absent = bench.ours(judged, weights, without=True)
        taken += sum(each.score >= weights.one for each in absent)
        for name, each in told.items():
            pooled[name] += each
    say("both halves together, each with the weights of the other")
    _table(pooled, say)
    sure = [each for each in pooled["ours"] if each.score >= weights.one]
    right = sum(each.answer.right for each in sure)
    say(f"taken without asking: {len(sure)}, of them right {right}")
    say(f"the same names where the organisation is not registered: {taken} taken without asking")
    say("\nwrong, surest first: written | said | the list says")
    for each in sorted(pooled["ours"], key=lambda each: -each.score):
        if not each.answer.right:
            say(f"{each.score:>6.0f}  {each.written} | {each.said or 'nothing'} | {each.wanted}")


def _table(told: Mapping[str, Sequence[Told]], say: Callable[[str], None]) -> None:
    say(f"  {'':24}recall at precision 0.98     without wrong labels         best answer right")
    for name, answers in told.items():
        kept = [each for each in answers if [each.written, each.wanted] not in READ]
        first = sum(each.answer.right for each in answers) / len(answers)
        every, fair = (recall_at([each.answer for each in some]) for some in (answers, kept))
        say(f"  {name:24}{every!s:29}{fair!s:29}{first:.3f}")
