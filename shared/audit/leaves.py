"""An audit row as bytes, and the hash that stands for it in the tree.

The tree's hashes go to everybody, so a hash must tell nothing of a row that could be guessed: each row has a secret of
its own, never shown, from which two salts are made. One is in the leaf; the other hides who acted, so that a reader who
may see the row but not the person still can check it. Format 1:

    leaf = canonical JSON of {format, log, leaf, seq, at, actor, action, subject, version, detail, trace_id, salt}

where `actor` is SHA-256 of "actor salt, zero byte, actor". Canonical: keys sorted, no spaces, ASCII escapes, UTC times
with microseconds. What RFC 6962 puts before it (a zero byte) is `tree.leaf_hash`'s affair. Pure.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from shared.audit.tree import leaf_hash

FORMAT = "convene.audit.1"
SECRET_BYTES = 32
COVERED = ("leaf", "seq", "at", "action", "subject", "version", "detail", "trace_id", "salt")
"""What stands in a leaf as it is; the actor stands there as a digest, `log` and `format` come with the log."""

Entry = Mapping[str, Any]
"""A sealed row as it is told: COVERED, and either `actor` with `actor_salt`, or `actor_digest`."""


def text_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def salt_of(secret: bytes, purpose: str) -> str:
    return hmac.digest(secret, purpose.encode(), "sha256").hex()


def actor_digest(salt: str, actor: str) -> str:
    return hashlib.sha256(salt.encode() + b"\0" + actor.encode()).hexdigest()


def entry_of(row: Any, leaf: int, *, actor_told: bool = True) -> dict[str, Any]:
    """A row of the table `audit` as its `leaf`th entry. With `actor_told=False` the actor is a digest only."""
    salt = salt_of(row.secret, "actor")
    who = {"actor": row.actor, "actor_salt": salt} if actor_told else {"actor_digest": actor_digest(salt, row.actor)}
    return {
        "leaf": leaf,
        "seq": row.seq,
        "at": text_of(row.at),
        **who,
        "action": row.action,
        "subject": row.subject,
        "version": row.version,
        "detail": row.detail,
        "trace_id": row.trace_id,
        "salt": salt_of(row.secret, "row"),
    }


def bytes_of(log: str, entry: Entry) -> bytes:
    """The canonical bytes of an entry of the log. Raises ValueError for what is no entry."""
    try:
        found: dict[str, Any] = {name: entry[name] for name in COVERED}
        if "actor" in entry:
            actor = actor_digest(str(entry["actor_salt"]), str(entry["actor"]))
        else:
            actor = str(entry["actor_digest"])
    except KeyError as error:
        raise ValueError(f"an entry without {error}") from error
    return canonical(found | {"format": FORMAT, "log": log, "actor": actor})


def hash_of(log: str, entry: Entry) -> bytes:
    """The entry's hash in the tree: 32 bytes. Raises ValueError for what is no entry."""
    return leaf_hash(bytes_of(log, entry))


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def check_detail(value: Any) -> None:
    """Raises TypeError for what one of the databases would give back changed: only texts, whole numbers, true, false, null,
    and lists and objects of these have one canonical form."""
    if isinstance(value, Mapping):
        for name, each in cast(Mapping[Any, Any], value).items():
            check_detail(each)
            if not isinstance(name, str):
                raise TypeError(f"a name that is a {type(name).__name__} in an audit row")
    elif isinstance(value, list | tuple):
        for each in cast(list[Any], value):
            check_detail(each)
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"a {type(value).__name__} in an audit row")
