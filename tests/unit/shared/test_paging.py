"""Cursors: what comes back is what was given out, and a forged one is refused before it reaches a query."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from shared.paging import decode_cursor, encode_cursor, link_next
from shared.problem import Problem

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_cursor_comes_back_as_it_was_given_out(parts: list[str]) -> None:
    cursor = encode_cursor(tuple(parts))
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")
    assert decode_cursor(cursor, length=len(parts)) == tuple(parts)


def test_numbers_come_back_where_they_are_expected() -> None:
    assert decode_cursor(encode_cursor((5, "x")), length=2, kinds=(int, str)) == (5, "x")


def forged(parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *map(forged, ([], ["a", "b"], [5], [True], [None], [1.5], [["a"]], [{"a": 1}], {"a": 1}, "a", 5, None)),
        *map(forged, (["a\x00b"], ["\ud800"])),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        "not base64!",
        "ü",
        "a",
        "\x00",
        "\ud800",
    ],
)
def test_a_forged_cursor_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_cursor(cursor, length=1)
    assert (caught.value.status, [error.pointer for error in caught.value.errors]) == (400, ["?cursor"])


@pytest.mark.parametrize("part", [True, 1 << 63, -(1 << 63), "5", None, 5.0])
def test_a_forged_number_is_refused(part: object) -> None:
    with pytest.raises(Problem):
        decode_cursor(forged([part]), length=1, kinds=(int,))


@given(st.text())
def test_no_text_at_all_is_more_than_a_400(cursor: str) -> None:
    with suppress(Problem):  # anything else comes out
        (part,) = decode_cursor(cursor, length=1)
        assert isinstance(part, str)


def test_the_link_to_the_next_page_keeps_the_other_parameters() -> None:
    request = Request(
        {
            "type": "http", "method": "GET", "scheme": "https", "server": ("convene.example", 443), "headers": [],
            "path": "/api/v1/plans", "query_string": b"country=KEN%2CUGA&limit=2&cursor=old",
        }
    )  # fmt: skip
    response = Response()
    link_next(request, response, "bmV3")
    address, rel = response.headers["link"].split(";")
    assert address.startswith("</api/v1/plans?")
    assert {"country=KEN%2CUGA", "limit=2", "cursor=bmV3"} == set(address.strip("<>").split("?")[1].split("&"))
    assert rel.strip() == 'rel="next"'
    last = Response()
    link_next(request, last, None)
    assert "link" not in last.headers
