"""The controlled lists: their order is part of the stored data, their labels are complete."""

import json

import pytest

from shared.vocabulary import LANGUAGES, VOCABULARIES, VOCABULARY_VERSION, as_json

# Matching packs these as bit positions: a code that moves changes the meaning of every stored plan. New codes go to
# the end of their list here; nothing else in this table ever changes.
FROZEN = {
    "type": "training workshop train_the_trainer mentoring conference meeting briefing assessment legislative_support"
    " policy_analysis study_visit exercise awareness e_learning",
    "audience": "investigators forensic_examiners prosecutors judges central_authorities financial_intelligence cert"
    " policy_makers parliamentarians trainers educators children private_sector",
    "theme": "cybercrime_investigation digital_forensics electronic_evidence cryptocurrency money_laundering"
    " online_child_abuse malware ransomware darknet osint legislation international_cooperation incident_response"
    " critical_infrastructure policy_and_strategy cyber_diplomacy victim_identification fraud human_rights"
    " awareness_raising",
    "level": "introductory intermediate advanced",
    "mode": "in_person online hybrid",
    "status": "draft tentative confirmed completed postponed cancelled",
    "date_precision": "day week month quarter year",
    "partner_role": "organiser implementer host contributor mentor coordinator beneficiary observer",
    "funding_status": "sought pledged committed received at_risk withdrawn",
    "tlp": "CLEAR GREEN AMBER AMBER+STRICT RED",
    "organisation_type": "10 11 15 21 22 23 24 30 40 60 70 71 72 73 80 90",
    "alert_kind": "duplicate audience effort venue people funding",
    "verdict": "link distinct ask_to_move snooze escalate",
}


def test_the_order_of_every_list_is_frozen() -> None:
    assert {name: " ".join(vocabulary.codes) for name, vocabulary in VOCABULARIES.items()} == FROZEN
    assert VOCABULARY_VERSION == "2026.1"


def test_a_bit_is_the_frozen_position() -> None:
    theme = VOCABULARIES["theme"]
    assert theme.bit("cybercrime_investigation") == 0
    assert theme.bit("awareness_raising") == 19
    assert [theme.bit(code) for code in theme.codes] == list(range(len(theme.codes)))
    with pytest.raises(KeyError):
        theme.bit("astrology")


def test_what_is_packed_fits_a_signed_32_bit_column() -> None:
    assert len(VOCABULARIES["theme"].codes) <= 31
    assert len(VOCABULARIES["audience"].codes) <= 31


def test_every_code_has_a_label_in_the_six_languages() -> None:
    for vocabulary in VOCABULARIES.values():
        for code in vocabulary.codes:
            labels = vocabulary.labels[code]
            assert tuple(sorted(labels)) == LANGUAGES
            assert all(label.strip() for label in labels.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_codes_of_a_list_never_look_the_same(language: str) -> None:
    for vocabulary in VOCABULARIES.values():
        labels = [vocabulary.label(code, language) for code in vocabulary.codes]
        assert len(set(labels)) == len(labels)


def test_labels_are_in_the_script_of_their_language() -> None:
    scripts = {"ar": ("\u0600", "\u06ff"), "ru": ("\u0400", "\u04ff"), "zh": ("\u4e00", "\u9fff")}
    for name, vocabulary in VOCABULARIES.items():
        for code in vocabulary.codes if name != "tlp" else ():
            for language, (first, last) in scripts.items():
                assert any(first <= letter <= last for letter in vocabulary.label(code, language)), (code, language)


def test_tlp_labels_are_never_translated() -> None:
    tlp = VOCABULARIES["tlp"]
    for code in tlp.codes:
        assert {tlp.label(code, language) for language in LANGUAGES} == {f"TLP:{code}"}


def test_a_label_falls_back_to_english_and_an_unknown_code_does_not() -> None:
    mode = VOCABULARIES["mode"]
    assert mode.label("online", "fr-CA") == "En ligne"
    assert mode.label("online", "zh_Hans") == "在线"
    assert mode.label("online", "sw") == "Online"
    assert "online" in mode
    assert "on_the_moon" not in mode
    with pytest.raises(KeyError):
        mode.label("on_the_moon")


def test_the_published_form_is_complete_and_plain_json() -> None:
    published = as_json()
    assert json.loads(json.dumps(published)) == published
    assert published["version"] == VOCABULARY_VERSION
    assert {name: " ".join(row["code"] for row in rows) for name, rows in published["vocabularies"].items()} == FROZEN
    assert published["vocabularies"]["mode"][1]["labels"]["es"] == "En línea"


def test_a_caller_cannot_change_the_lists() -> None:
    as_json()["vocabularies"]["mode"][0]["labels"]["en"] = "changed"
    assert VOCABULARIES["mode"].label("in_person") == "In person"
    with pytest.raises(TypeError):
        VOCABULARIES["mode"].labels["in_person"]["en"] = "changed"  # type: ignore[index]
