"""Sealed positions: what a client keeps of its place in the feed. Opaque, unforgeable, and nobody else's.

A position tells how many events there are per partition, hence how many one may not see; so it is sealed (AES-256-GCM)
under a key of the replicas' own, derived per principal, whose id is authenticated with it.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.notifications.domain import Lane, Position
from services.notifications.queries.feed import gone
from services.notifications.settings import KEY_BYTES, NotificationsSettings, decode_key
from shared.problem import FieldError, Problem

log = structlog.get_logger(__name__)

_FORMAT = b"\x01"
_NONCE, _DIGEST = 12, 8
_LONGEST = 4000
_KEY_FILE = "notifications-cursor.key"


class Sealer:
    """Seals and opens positions. key: 32 bytes, the same in all replicas."""

    def __init__(self, key: bytes) -> None:
        # A key per principal: no key seals so much that random nonces could meet (NIST SP 800-38D, 2^32 messages).
        def derive(principal: str) -> AESGCM:
            return AESGCM(hmac.digest(key, b"cursor:" + principal.encode(), "sha256"))

        self._box = lru_cache(maxsize=10_000)(derive)

    def seal(self, principal: str, log_id: str, position: Position) -> str:
        return self.seal_packed(principal, pack(log_id, position)).decode()

    def seal_packed(self, principal: str, packed: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._box(principal).encrypt(nonce, packed, principal.encode())).rstrip(
            b"="
        )

    def open(self, text: str, principal: str, log_id: str, *, where: str) -> Position:
        """The position in a cursor. where: the header or parameter it came in.

        Raises a 400 problem for what was not sealed for this principal, a 410 for another log's position.
        """
        try:
            if len(text) > _LONGEST:
                raise ValueError(text[:10])
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            packed = self._box(principal).decrypt(raw[:_NONCE], raw[_NONCE:], principal.encode())
            if packed[:1] != _FORMAT:
                raise ValueError(packed[:1])
        except (ValueError, InvalidTag) as error:
            detail = "not a position that was given to you"
            raise Problem("malformed", f"{where}: {detail}", [FieldError(where, "malformed", detail)]) from error
        if packed[1 : 1 + _DIGEST] != _digest(log_id):
            raise gone("This position belongs to another log.")
        return _unpack(packed[1 + _DIGEST :])


def pack(log_id: str, position: Position) -> bytes:
    """Format, log, then per topic its name and (partition, offset) pairs, as variable-length integers."""
    topics: dict[str, list[tuple[int, int]]] = {}
    for (topic, partition), offset in sorted(position.items()):
        topics.setdefault(topic, []).append((partition, offset))
    found = bytearray(_FORMAT + _digest(log_id))
    for topic, offsets in topics.items():
        name = topic.encode()
        _put(found, len(name))
        found += name
        _put(found, len(offsets))
        for partition, offset in offsets:
            _put(found, partition)
            _put(found, offset)
    return bytes(found)


def _unpack(raw: bytes) -> Mapping[Lane, int]:
    found: dict[Lane, int] = {}
    at = 0

    def take() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(raw):
        length = take()
        topic = raw[at : at + length].decode()
        at += length
        for _ in range(take()):
            partition = take()
            found[topic, partition] = take()
    return found


def _put(into: bytearray, value: int) -> None:
    while value > 0x7F:
        into.append(value & 0x7F | 0x80)
        value >>= 7
    into.append(value)


@lru_cache(maxsize=16)
def _digest(log_id: str) -> bytes:
    return hashlib.sha256(log_id.encode()).digest()[:_DIGEST]


class NoCursorKey(Exception):
    """Replicas must share a key; set NOTIFICATIONS_CURSOR_KEY."""


def sealer_for(settings: NotificationsSettings) -> Sealer:
    """With the key of the settings; embedded, with one that is drawn once and kept in the data folder.

    Raises NoCursorKey where replicas could be running with different keys.
    """
    if settings.cursor_key:
        return Sealer(decode_key(settings.cursor_key.get_secret_value()))
    if not settings.database_url.get_secret_value().startswith("sqlite"):
        raise NoCursorKey("set NOTIFICATIONS_CURSOR_KEY to 32 random bytes in base64url, the same for all replicas")
    if settings.data_dir:
        return Sealer(_kept(settings.data_dir / _KEY_FILE))
    log.warning("cursor.key_not_kept", reason="no cursor_key and no data_dir: cursors end with this process")
    return Sealer(os.urandom(KEY_BYTES))


def _kept(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return decode_key(path.read_text())
    with os.fdopen(handle, "wb") as file:
        file.write(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return decode_key(path.read_text())
