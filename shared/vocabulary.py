"""The controlled lists: published, versioned, with labels in the six languages of the United Nations.

The order of the codes in a list is frozen. Matching stores a plan's audiences and themes as bit positions
(`Vocabulary.bit`), so a code that moved would silently change the meaning of every stored plan. A new code goes to
the end of its list, no code is ever removed or reused, and either raises `VOCABULARY_VERSION`.

Sources: TLP 2.0 (https://www.first.org/tlp/; the labels are never translated), IATI 2.03 OrganisationType
(the numbers of `organisation_type`); the other lists are our own. Places are in `shared/places.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict, cast

VOCABULARY_VERSION = "2026.1"
LANGUAGES: tuple[str, ...] = ("ar", "en", "es", "fr", "ru", "zh")

# Beside the code, so that an installed wheel and a checkout read the same files.
DATA_FOLDER = Path(__file__).parent / "vocabulary"

_NAMES = (
    "type",
    "audience",
    "theme",
    "level",
    "mode",
    "status",
    "date_precision",
    "partner_role",
    "funding_status",
    "tlp",
    "organisation_type",
    "alert_kind",
    "verdict",
)


class _Code(TypedDict):
    code: str
    labels: dict[str, str]


class CodeJson(TypedDict):
    """One code as published: `labels` has all of `LANGUAGES`."""

    code: str
    labels: dict[str, str]


class VocabulariesJson(TypedDict):
    """The body of `GET /api/v1/vocabularies`; the codes of a list are in their frozen order."""

    version: str
    languages: list[str]
    vocabularies: dict[str, list[CodeJson]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One controlled list. `codes` is in its frozen order; `labels[code][language]` is complete."""

    name: str
    codes: tuple[str, ...]
    labels: Mapping[str, Mapping[str, str]]

    def __contains__(self, code: object) -> bool:
        return code in self.labels

    def label(self, code: str, language: str = "en") -> str:
        """What people read. A BCP 47 tag is cut to its language ("fr-CA" is "fr"); a language that we do not have
        gives English. An unknown code is a KeyError: check with `in` first."""
        labels = self.labels[code]
        return labels.get(base_language(language), labels["en"])

    def bit(self, code: str) -> int:
        """The code's frozen position, from 0. An unknown code is a KeyError."""
        if code not in self.labels:
            raise KeyError(code)
        return self.codes.index(code)


def base_language(tag: str) -> str:
    """The language of a BCP 47 tag: "pt-BR" gives "pt"."""
    return tag.replace("_", "-").partition("-")[0].casefold()


def _load(name: str) -> Vocabulary:
    rows = cast("list[_Code]", json.loads((DATA_FOLDER / f"{name}.json").read_text("utf-8"))["codes"])
    labels = {row["code"]: MappingProxyType(row["labels"]) for row in rows}
    return Vocabulary(name, tuple(labels), MappingProxyType(labels))


VOCABULARIES: Mapping[str, Vocabulary] = MappingProxyType({name: _load(name) for name in _NAMES})


def as_json() -> VocabulariesJson:
    """Every list with its labels, for the public endpoint; equal for equal `VOCABULARY_VERSION`."""
    return {
        "version": VOCABULARY_VERSION,
        "languages": list(LANGUAGES),
        "vocabularies": {
            name: [{"code": code, "labels": dict(vocabulary.labels[code])} for code in vocabulary.codes]
            for name, vocabulary in VOCABULARIES.items()
        },
    }
