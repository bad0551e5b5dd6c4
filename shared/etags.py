"""Strong ETags and conditional requests (RFC 9110). A tag belongs to one representation: what *you* see of version n."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from shared.problem import FieldError, Problem


def etag(version: int, representation: Mapping[str, Any]) -> str:
    """`"7-1f0c..."`: the version for If-Match, a digest of the representation for caches."""
    raw = json.dumps(representation, sort_keys=True, separators=(",", ":"), default=str).encode(
        "utf-8", "surrogatepass"
    )
    return f'"{version}-{hashlib.sha256(raw).hexdigest()[:16]}"'


def expected_version(if_match: str | None) -> int:
    """The version that the caller means to change, from `If-Match`. Raises 428 without, 412 for a foreign tag."""
    if not if_match:
        raise Problem(
            "precondition-required",
            "Read the resource first and send its ETag as If-Match.",
            [FieldError("If-Match", "required", "missing header")],
        )
    head = if_match.strip().strip('"').split("-")[0]
    if not head.isdecimal() or len(head) > 9:
        raise stale("an ETag that never was one of this resource")
    return int(head)


def stale(detail: str) -> Problem:
    return Problem("stale", f"If-Match: {detail}", [FieldError("If-Match", "stale", detail)])


def unchanged(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller holds this very representation: answer 304."""
    return bool(if_none_match) and (
        if_none_match == "*" or tag in [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    )
