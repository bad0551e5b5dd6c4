"""Names under which organisations of this field are known, in eight languages, and words that such names are made of.

Data: `shared/vocabulary/organisations.json`, our own. Activities reads titles by it, partners the names that people ask for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from shared.lexicon import Lexicon, phrases, tokens_of
from shared.vocabulary import DATA_FOLDER


@lru_cache(maxsize=1)
def organisations() -> dict[str, Any]:
    """The table as it is."""
    return json.loads((DATA_FOLDER / "organisations.json").read_text("utf-8"))


def add_organisations(found: Lexicon) -> None:
    """Names of organisations, and programmes with the organisations they belong to."""
    for names, facts in organisation_names():
        for name in names:
            add_name(found, name, *(("organisation", key) for key in facts))


def organisation_names() -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """(names, keys): an organisation has one key, a programme its own first and then its organisations'."""
    for key, line in organisations()["organisations"].items():
        yield list(phrases(line)), (key,)
    for key, entry in organisations()["programmes"].items():
        yield list(phrases(entry["names"])), (key, *entry["of"].split())


def add_name(found: Lexicon, name: str, *facts: tuple[str, str]) -> None:
    """A name in the forms in which it is safe: an acronym in capitals, a long one with one capital, a name by its stems."""
    tokens = [token.text for token in tokens_of(name) if token.stem]
    if not tokens or (len(tokens) == 1 and len(tokens[0]) < 2):
        return
    single = tokens[0] if len(tokens) == 1 else ""
    if all(len(token) > 1 and token.isupper() for token in tokens):
        found.add(name, *facts, form="capitals", whole=True)
        if len(single) >= 5 and single != "FIRST":
            found.add(name, *facts, form="name", whole=True)
    elif single and single.isascii():
        found.add(name, *facts, form="name", whole=True)
    else:
        found.add(name, *facts, whole=True)
