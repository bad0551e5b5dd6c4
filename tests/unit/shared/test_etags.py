"""ETags tell representations apart and name the version that a caller means to change."""

import pytest

from shared.etags import etag, expected_version, unchanged
from shared.problem import Problem


def test_a_tag_is_of_one_representation_of_one_version() -> None:
    full, redacted = {"title": "t", "notes": "n"}, {"title": "t"}
    assert etag(7, full) == etag(7, {"notes": "n", "title": "t"})
    assert len({etag(7, full), etag(8, full), etag(7, redacted)}) == 3
    assert etag(7, full).startswith('"7-'), "strong: no W/ in front"
    assert etag(7, {"title": "\ud800"})


def test_if_match_names_the_version() -> None:
    assert expected_version(etag(12, {"a": 1})) == 12
    assert expected_version(' "12" ') == 12


@pytest.mark.parametrize("missing", [None, ""])
def test_without_if_match_it_is_asked_for(missing: str | None) -> None:
    with pytest.raises(Problem) as caught:
        expected_version(missing)
    assert (caught.value.status, caught.value.errors[0].pointer) == (428, "If-Match")


@pytest.mark.parametrize("foreign", ['"abc"', "*", 'W/"7-0f"', '"-7"', '"7.5"', '"99999999999999999999"', '"²"', '""'])
def test_a_tag_that_was_never_ours_is_stale(foreign: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_version(foreign)
    assert (caught.value.status, caught.value.errors[0].pointer) == (412, "If-Match")


def test_if_none_match_compares_weakly_and_reads_lists() -> None:
    tag = etag(3, {"a": 1})
    for held in (tag, f"W/{tag}", f'"1-00", {tag}', f'"1-00",W/{tag}', "*"):
        assert unchanged(held, tag), held
    for other in (None, "", etag(3, {"a": 2}), "3"):
        assert not unchanged(other, tag), other
