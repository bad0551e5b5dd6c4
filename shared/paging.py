"""Cursor pages: `?limit=50&cursor=...`, a `Link: rel="next"` header, and `next_cursor` in the body. No offsets.

A cursor is only a position in the page's order (base64url of JSON); what it may show is decided anew at each read.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from shared.problem import FieldError, Problem

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: at most `limit` entries after the position `after` (the last entry's sort key)."""

    limit: int = DEFAULT_LIMIT
    after: tuple[Any, ...] | None = None


def encode_cursor(position: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, length: int, kinds: Sequence[type] | None = None) -> tuple[Any, ...]:
    """Raises a 400 problem for anything that is not a cursor of ours with `length` parts of these kinds (texts).

    The parts go into queries as they are: what a database would choke on never comes through.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parsed: Any = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise bad_cursor() from error
    if not isinstance(parsed, list):
        raise bad_cursor()
    parts = cast(list[Any], parsed)
    wanted = kinds or [str] * length
    if len(parts) != length or not all(_fits(part, kind) for part, kind in zip(parts, wanted, strict=True)):
        raise bad_cursor()
    return tuple(parts)


def _fits(part: Any, kind: type) -> bool:
    if type(part) is not kind:  # not isinstance: True is an int
        return False
    if isinstance(part, str):
        return "\x00" not in part and not any("\ud800" <= char <= "\udfff" for char in part)
    return not isinstance(part, int) or abs(part) < 1 << 63


def bad_cursor() -> Problem:
    """For what is no cursor of the list at hand."""
    return Problem(
        "malformed",
        "?cursor: not a cursor of this list",
        [FieldError("?cursor", "malformed", "not a cursor of this list")],
    )


def link_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Set `Link: <...>; rel="next"` with every other parameter kept."""
    if next_cursor:
        url = request.url.include_query_params(cursor=next_cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
