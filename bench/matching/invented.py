"""Names that no table holds: "KavixCon". Rare words are evidence, and lists of events live of them."""

from __future__ import annotations

from random import Random

from bench.matching.vocabulary import parts_of_names


def invented(random: Random) -> str:
    """A name: two words in one, a made-up word, or letters."""
    parts, how = parts_of_names(), random.random()
    if how < 0.3:
        return random.choice(parts["first"]) + random.choice(parts["last"])
    word = "".join(random.choice(parts["sounds"]) for _ in range(random.choice((2, 2, 3)))).capitalize()
    if how < 0.68:
        return word + random.choice(("", "Con", "Conf", " Summit", "Camp", " Days"))
    if how < 0.9:
        return f"{random.choice(parts['first'])}{word}"
    return "".join(random.choice("ABCDEFGIKLMNOPRSTUX") for _ in range(random.choice((4, 5, 5, 6))))
