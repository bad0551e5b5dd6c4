"""What an ID token proves: OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725.

The list of algorithms is fixed and has no shared secrets in it; the key is the provider's own, found by `kid` alone;
`jku`, `x5u`, `jwk` and `x5c` in a header are never looked at. The sign-in is (iss, sub): an address says who it is only once.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from shared.tokens import BadToken

ALGORITHMS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
"""Algorithm -> the only kind of key that it may be used with."""
LEEWAY = timedelta(seconds=60)
LONGEST = 16_000


@dataclass(frozen=True, slots=True)
class Proven:
    """email: None unless the provider says that it has verified the address."""

    issuer: str
    subject: str
    email: str | None = field(repr=False)
    expires_at: datetime


def verified(
    token: str, key: Mapping[str, Any], now: datetime, *, issuer: str, client_id: str, nonce: str, staff: bool = False
) -> Proven:
    """Check everything. Raises BadToken, whose text is for logs.

    key: a public JWK of the provider. staff: it gives its people their addresses, and need not call them verified.
    """
    try:
        public = jwk.import_key({name: value for name, value in key.items() if name not in ("key_ops", "use")})
        fitting = [algorithm for algorithm, kind in ALGORITHMS.items() if kind == public.key_type]
        if key.get("alg") is not None:
            fitting = [algorithm for algorithm in fitting if algorithm == key["alg"]]
        if not fitting:  # an empty list would mean the library's own, which has shared secrets in it
            raise BadToken("no algorithm for this key")
        claims = jwt.decode(token, public, algorithms=fitting).claims
        _check_parties(claims, issuer, client_id, nonce)
        return Proven(issuer, _subject(claims), _email(claims, staff), _check_time(claims, now))
    except BadToken:
        raise
    except (JoseError, KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise BadToken(type(error).__name__) from error


def _check_parties(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str) -> None:
    audience = claims["aud"]
    audiences = audience if isinstance(audience, list) else [audience]
    if claims["iss"] != issuer:
        raise BadToken("another issuer")
    # exactly us: a token that others may use as well is one that others may have seen
    if audiences != [client_id] or claims.get("azp", client_id) != client_id:
        raise BadToken("another audience")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise BadToken("another nonce")


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not (subject.isascii() and subject.isprintable()):
        raise BadToken("no subject")
    return subject


def _email(claims: Mapping[str, Any], staff: bool) -> str | None:
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified", staff) is True else None


def _check_time(claims: Mapping[str, Any], now: datetime) -> datetime:
    """When it expires."""
    expires, issued, begins = (
        _instant(claims.get(name, floor)) for name, floor in (("exp", None), ("iat", None), ("nbf", 0))
    )
    if now > expires + LEEWAY or now < max(issued, begins) - LEEWAY:
        raise BadToken("outside its time")
    return expires


def _instant(seconds: Any) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise BadToken("no time")
    return datetime.fromtimestamp(seconds, UTC)
