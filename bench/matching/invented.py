"""Names that no table holds: "KavixCon". Rare words are evidence, and lists of events live of them."""

from __future__ import annotations

from random import Random

_FIRST = (
    "Cyber Sec Hack Digi Net Crypto Null Open Forens Trust Safe Data Dark Byte Cloud Threat Code Dev Py Rust Go Java "
    "Cert Alpha Black Blue Red Root Zero Deep Smart Info Afri Euro Asia Inter"
).split()  # noqa: SIM905
_LAST = (
    "Con Days Camp Week Talks Fest Summit Shield Track Lab Conf Forum Net Hub Meet Fair Day Ops Sec Guard Bridge Point "
    "Quest Wave Link Storm"
).split()  # noqa: SIM905
_SOUNDS = (
    "ba be da di fo ga go ha ka ki la lo ma mi na ne no pa po ra ri ro sa se si ta te to va vi xa za ze zo".split()  # noqa: SIM905
)


def invented(random: Random) -> str:
    """A name: two words in one, a made-up word, or letters."""
    how = random.random()
    if how < 0.5:
        return random.choice(_FIRST) + random.choice(_LAST)
    word = "".join(random.choice(_SOUNDS) for _ in range(random.choice((2, 2, 3)))).capitalize()
    if how < 0.75:
        return word + random.choice(("", "Con", "Conf", " Summit", "Camp", " Days"))
    if how < 0.9:
        return f"{random.choice(_FIRST)}{word}"
    return "".join(random.choice("ABCDEFGIKLMNOPRSTUX") for _ in range(random.choice((4, 5, 5, 6))))
