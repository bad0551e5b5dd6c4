"""Checkpoints: how large the log was, and its root, signed. A text of some 250 bytes, the whole of what a partner keeps.

    convene/activities/log_0190c2...        the origin: product, service, log
    1260                                    leaves
    qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=   root, base64
    time 2026-11-22T14:27:15.000000Z

    — convene/activities/log_0190c2... <base64 of key id and Ed25519 signature>

Source: C2SP signed-note and tlog-checkpoint, so that other people's tools read it, too. Pure.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES = 32
_ED25519 = b"\x01"
_DASH = "\u2014"


class BadNote(ValueError):
    """Not a checkpoint, or not signed by the key that is asked about."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log. root: 32 bytes; time: when it was signed, as it stands in the note."""

    origin: str
    size: int
    root: bytes
    time: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signs checkpoints of one log. `kid`: eight hex digits, bound to the origin."""

    origin: str
    raw: bytes

    @property
    def kid(self) -> str:
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.raw).digest()[:4].hex()

    @property
    def text(self) -> str:
        """`origin+kid+base64`: the verifier key of the signed-note format."""
        return f"{self.origin}+{self.kid}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """Raises BadNote."""
        try:
            origin, kid, encoded = text.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadNote("not a verifier key") from error
        if raw[:1] != _ED25519 or len(raw) != 33 or cls(origin, raw[1:]).kid != kid:
            raise BadNote("not an Ed25519 verifier key, or its id is another one's")
        return cls(origin, raw[1:])


def origin_of(service: str, log: str) -> str:
    return f"convene/{service}/{log}"


def log_of(origin: str) -> str:
    """The log's id, which stands in each of its leaves."""
    return origin.rsplit("/", 1)[-1]


def derived(secret: bytes, service: str) -> bytes:
    """The seed of one service's signing key, from the secret that an installation is given."""
    return hmac.digest(secret, b"convene audit " + service.encode(), "sha256")


def public_key(seed: bytes, origin: str) -> PublicKey:
    return PublicKey(origin, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def sign(checkpoint: Checkpoint, seed: bytes) -> str:
    """The checkpoint as a signed note."""
    text = _text(checkpoint)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    kid = bytes.fromhex(public_key(seed, checkpoint.origin).kid)
    return f"{text}\n{_DASH} {checkpoint.origin} {base64.b64encode(kid + signature).decode()}\n"


def read(note: str) -> tuple[Checkpoint, str]:
    """What a note says, and the `kid` that it claims to be signed with. Raises BadNote."""
    checkpoint, kid, _ = _parsed(note)
    return checkpoint, kid


def verify(note: str, key: PublicKey) -> Checkpoint:
    """The checkpoint of a note that this key signed. Raises BadNote."""
    checkpoint, kid, signature = _parsed(note)
    if checkpoint.origin != key.origin:
        raise BadNote("a checkpoint of another log")
    if kid != key.kid:
        raise BadNote("signed with another key")
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, _text(checkpoint).encode())
    except InvalidSignature as error:
        raise BadNote("the signature does not fit the text") from error
    return checkpoint


def _text(checkpoint: Checkpoint) -> str:
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\ntime {checkpoint.time}\n"


def _parsed(note: str) -> tuple[Checkpoint, str, bytes]:
    try:
        origin, size, root, time, empty, signed, end = note.split("\n")
        mark, name, encoded = signed.split(" ")
        word, instant = time.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True), instant)
    except (ValueError, binascii.Error) as error:
        raise BadNote("not a checkpoint") from error
    fits = (mark, name, word, empty, end) == (_DASH, origin, "time", "", "")
    # written again it must be the same text: what was signed has one form
    if not fits or len(raw) != 68 or len(checkpoint.root) != 32 or not note.startswith(_text(checkpoint)):
        raise BadNote("not a checkpoint")
    return checkpoint, raw[:4].hex(), raw[4:]
