"""Who asks: an API key or a signed token in `Authorization: Bearer ...`, checked against the service's own read models.

API keys are `cvn_` and 43 random characters (256 bits); only their SHA-256 is stored (a slow hash is for passwords).
"""

import hashlib
import secrets
from typing import Annotated

from fastapi import Depends, Request

from shared.clock import Clock
from shared.db import Database
from shared.kernel import RegistryTables
from shared.key_use import KeyUse
from shared.problem import FieldError, Problem
from shared.registry import Holder, Proof, holder_of_key, holder_of_proof, named_origins, signing_key
from shared.tokens import BadToken, key_id, verify
from shared.visibility import PUBLIC, Principal

KEY_PREFIX = "cvn_"
ORIGINS_FRESH = 2.0
"""Seconds for which the origins that keys name are not read again."""

LAPSED = (
    "Your role as focal point was not confirmed in time and gives nothing until it is: by an administrator or by another "
    "focal point of your partner. GET /api/v1/me names them."
)


def new_api_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_api_key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Authenticator:
    """Turns credentials into who holds them. One per service process; put on `app.state.authenticator`."""

    def __init__(self, db: Database, tables: RegistryTables, clock: Clock) -> None:
        self._db, self._tables, self._clock = db, tables, clock
        self._origins: tuple[float, frozenset[str]] | None = None
        self.use = KeyUse(db, tables.api_key, clock)

    async def principal(self, authorization: str | None) -> Principal:
        """PUBLIC without credentials; raises a 401 problem for wrong ones (and never says what is wrong with them)."""
        found = await self.admit(authorization)
        return found.principal if found else PUBLIC

    async def admit(self, authorization: str | None) -> Holder | None:
        """None without credentials; raises as `principal`."""
        if authorization is None:
            return None
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise unauthenticated()
        found = await self._lookup(credential.strip())
        if found is None:
            raise unauthenticated()
        return self._seen(found)

    async def again(self, proof: Proof) -> Holder | None:
        """Who the proof speaks for now; None where it does not hold any more."""
        now, claims = self._clock.now(), proof.claims
        async with self._db.read() as session:
            if claims and (claims.expired(now) or not await signing_key(session, self._tables, claims.kid, now)):
                return None
            found = await holder_of_proof(session, self._tables, proof, now)
        return self._seen(found) if found else None

    def _seen(self, holder: Holder) -> Holder:
        if holder.proof.key is not None:
            self.use.saw(holder.proof.key)
        return holder

    async def origins(self) -> frozenset[str]:
        """Those that any live key of this installation names, as they were a few seconds ago at most."""
        now = self._clock.monotonic()
        if self._origins is None or now - self._origins[0] > ORIGINS_FRESH:
            async with self._db.read() as session:
                self._origins = (now, await named_origins(session, self._tables, self._clock.now()))
        return self._origins[1]

    async def _lookup(self, credential: str) -> Holder | None:
        now = self._clock.now()
        async with self._db.read() as session:
            if credential.startswith(KEY_PREFIX):
                return await holder_of_key(session, self._tables, hash_api_key(credential), now)
            try:
                jwk = await signing_key(session, self._tables, key_id(credential), now)
                if jwk is None:
                    return None
                claims = verify(credential, jwk, now)
            except BadToken:
                return None
            return await holder_of_proof(session, self._tables, Proof(claims.api_key, claims), now)


def unauthenticated() -> Problem:
    return Problem(
        "unauthenticated",
        "Authorization: a valid API key or token is needed here.",
        headers={"WWW-Authenticate": 'Bearer realm="convene"'},
    )


def require(principal: Principal, grant: str) -> None:
    """Raises 401 for the public and 403 for everybody whose role or key lacks the grant."""
    if not principal.signed_in:
        raise unauthenticated()
    if grant not in principal.grants:
        if principal.lapsed:
            raise Problem("forbidden", LAPSED, [FieldError("Authorization", "unconfirmed", LAPSED)])
        raise Problem("forbidden", f"This needs the grant {grant!r}, which your role or key does not have.")


async def _whoever(request: Request) -> Principal:
    authenticator: Authenticator = request.app.state.authenticator
    found = await authenticator.admit(request.headers.get("authorization"))
    request.state.principal = PUBLIC.id
    return arrived(request, found) if found else PUBLIC


def arrived(request: Request, holder: Holder) -> Principal:
    """Who asks, once it is known: the edge is told (it answers pages and counts requests by it). Raises a 403 problem for
    a page of an origin that the key is not for; what is not a page names no origin (docs/decisions/0014)."""
    request.state.holder = holder
    request.state.principal = holder.principal.id  # whom a refusal is counted for
    origin = request.headers.get("origin")
    if origin is not None and holder.origins and origin not in holder.origins:
        raise Problem("forbidden", "Origin: this key is for pages of other origins.")
    return holder.principal


def holder_of(request: Request) -> Holder:
    """Of a request whose principal is signed in."""
    return request.state.holder


async def _myself(principal: Annotated[Principal, Depends(_whoever)]) -> Principal:
    if not principal.signed_in:
        raise unauthenticated()
    return principal


async def _anyone(request: Request, principal: Annotated[Principal, Depends(_whoever)]) -> Principal:
    if principal.signed_in and request.method in ("GET", "HEAD"):
        # a key that only posts shows nothing to whoever finds it
        require(principal, "read")
    return principal


async def _signed_in(principal: Annotated[Principal, Depends(_anyone)]) -> Principal:
    if not principal.signed_in:
        raise unauthenticated()
    return principal


Anyone = Annotated[Principal, Depends(_anyone)]
"""Route parameter: the principal, PUBLIC where nobody signed in."""

Myself = Annotated[Principal, Depends(_myself)]
"""Route parameter: who signed in, with whatever key; for what one may know of oneself."""

SignedIn = Annotated[Principal, Depends(_signed_in)]
"""Route parameter: the principal; 401 without one."""
