"""Short-lived signed tokens: Ed25519, one issuer, one audience, verified offline against the known signing keys.

Source: RFC 8725 (JWT best practice), RFC 9068 (`at+jwt`), RFC 9864 (`Ed25519`; the older name `EdDSA` leaves the curve
open). The algorithm list has one entry; `jku`, `x5u` and `jwk` in a header are never looked at; an unknown `kid` is
refused without fetching anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"
ISSUER, AUDIENCE, TYPE = "convene", "convene", "at+jwt"
LIFETIME = timedelta(minutes=10)
LEEWAY = timedelta(seconds=60)


class BadToken(Exception):
    """Not a token of ours, or no longer one. The text is for logs; callers answer 401 and no more."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token proves: who asked for it, when, for which grants, with which API key, and which key signed it."""

    person: str
    grants: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    kid: str
    api_key: str | None = None

    def expired(self, now: datetime) -> bool:
        return now > self.expires_at + LEEWAY


def generate_key(kid: str) -> dict[str, Any]:
    """A new private Ed25519 JWK."""
    key = OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)
    return dict(key.as_dict(private=True))


def public_part(private_jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in private_jwk.items() if name != "d"}


def sign(
    private_jwk: Mapping[str, Any], person: str, grants: frozenset[str], now: datetime, *, api_key: str | None = None
) -> tuple[str, datetime]:
    """A token and when it expires. api_key: id of the key it was asked for with; what holds for that holds for the token."""
    expires = now + LIFETIME
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": person,
        "scope": " ".join(sorted(grants)),
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
    }
    if api_key:
        claims["key"] = api_key
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": private_jwk["kid"]}
    return jwt.encode(header, claims, OKPKey.import_key(dict(private_jwk)), algorithms=[ALGORITHM]), expires


def key_id(token: str, longest: int = 64) -> str:
    """The `kid` that the token claims to be signed with. longest: in characters; ours are short. Raises BadToken."""
    try:
        import base64
        import json

        head = token.split(".")[0]
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        kid = header["kid"]
    except Exception as error:
        raise BadToken("no readable header") from error
    # It goes into a query as it is: what a database cannot even be asked for (a NUL, a lone surrogate) ends here.
    if not isinstance(kid, str) or len(kid) > longest or not (kid.isascii() and kid.isprintable()):
        raise BadToken("no key id")
    return kid


def verify(token: str, public_jwk: Mapping[str, Any], now: datetime) -> Claims:
    """Check signature, algorithm, type, issuer, audience and times. Raises BadToken."""
    try:
        decoded = jwt.decode(token, OKPKey.import_key(dict(public_jwk)), algorithms=[ALGORITHM])
        claims, header = decoded.claims, decoded.header
        if header.get("typ") != TYPE or claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
            raise BadToken("another type, issuer or audience")
        issued, expires = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("iat", "exp"))
        grants, key = frozenset(str(claims.get("scope", "")).split()), claims.get("key")
        found = Claims(str(claims["sub"]), grants, issued, expires, str(header["kid"]), str(key) if key else None)
        if found.expired(now) or now < issued - LEEWAY:
            raise BadToken("outside its time")
        return found
    except BadToken:
        raise
    except (JoseError, KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise BadToken(type(error).__name__) from error
