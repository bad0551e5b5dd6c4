"""The registry's first organisations: everyone whom the documents name, no invented identifier, no name twice."""

import json
from pathlib import Path
from typing import Any

from shared.places import fold, is_country
from shared.vocabulary import LANGUAGES, VOCABULARIES

SEED = Path(__file__).parents[3] / "services" / "partners" / "seed" / "organisations.json"
ORGANISATIONS: list[dict[str, Any]] = json.loads(SEED.read_text("utf-8"))
BY_SLUG = {organisation["slug"]: organisation for organisation in ORGANISATIONS}


def names(organisation: dict[str, Any]) -> set[str]:
    written = [organisation["name"], organisation["acronym"], *(alias["text"] for alias in organisation["aliases"])]
    return {fold(text) for text in written if text}


def test_every_row_has_the_same_fields_and_known_codes() -> None:
    fields = {"slug", "name", "acronym", "type", "country", "parent", "identifiers", "aliases", "programmes", "source"}
    assert len(BY_SLUG) == len(ORGANISATIONS)
    for organisation in ORGANISATIONS:
        assert set(organisation) == fields
        assert organisation["type"] in VOCABULARIES["organisation_type"]
        assert is_country(organisation["country"])
        assert organisation["parent"] is None or organisation["parent"] in BY_SLUG
        assert organisation["source"]
        assert all(alias["language"] in LANGUAGES for alias in organisation["aliases"])


def test_identifiers_are_those_of_the_code_list_and_no_others() -> None:
    listed = {
        organisation["slug"]: [(row["scheme"], row["value"]) for row in organisation["identifiers"]]
        for organisation in ORGANISATIONS
        if organisation["identifiers"]
    }
    assert listed == {
        "unodc": [("XM-DAC", "41128")],
        "itu": [("XM-DAC", "41303")],
        "unicef": [("XM-DAC", "41122")],
        "council-of-europe": [("XM-DAC", "47138")],
        "oas": [("XM-DAC", "47079")],
        "osce": [("XM-DAC", "47131")],
        "world-bank": [("XM-DAC", "44000")],
        "european-union": [("XM-DAC", "42000")],
    }


def test_no_two_organisations_share_a_name() -> None:
    claims: dict[str, str] = {}
    for organisation in ORGANISATIONS:
        for name in names(organisation):
            assert claims.setdefault(name, organisation["slug"]) == organisation["slug"], name


def test_everyone_in_the_documents_is_found_as_written_there() -> None:
    written = """UNODC|United Nations Office on Drugs and Crime|INTERPOL|ITU|International Telecommunications Union|World Bank|Council of Europe
|Organization of American States|Europol|UNICEF|Organization for Security and Cooperation in Europe|ICMEC
|International Centre for Missing and Exploited Children|ECPAT International|International Justice Mission
|#WePROTECT Global Alliance|GFCE|Global Forum on Cyber Expertise|Oxford University's Cyber Capacity Centre|ASEAN|HSI (ICE)
|Bank of Thailand|Anti Money Laundering Office|Royal Thai Police|Royal Thai Cadet Academy|Department for Special Investigations
|Electronic Transactions Development Agency|Office for Narcotics Control Board|AMLO|Australia|Canada|Japan|Norway|UK|USA
|United Kingdom of Great Britain and Northern Ireland|United States of America|Google|Facebook|Microsoft"""
    known = set().union(*map(names, ORGANISATIONS))
    assert [text for text in written.replace("\n", "").split("|") if fold(text) not in known] == []


def test_programmes_belong_to_their_organisation() -> None:
    codes = {slug: {row["code"] for row in organisation["programmes"]} for slug, organisation in BY_SLUG.items()}
    assert {"GPML", "StAR", "BENATOC", "GPC"} <= codes["unodc"]
    assert "StAR" in codes["world-bank"]
    assert BY_SLUG["us-hsi"]["parent"] == "us-ice"
    assert BY_SLUG["europol"]["parent"] == "european-union"
