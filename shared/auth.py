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
from shared.problem import Problem
from shared.registry import principal_of_key, principal_of_person, signing_key
from shared.tokens import BadToken, key_id, verify
from shared.visibility import PUBLIC, Principal

KEY_PREFIX = "cvn_"


def new_api_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_api_key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Authenticator:
    """Turns credentials into a principal. One per service process; put on `app.state.authenticator`."""

    def __init__(self, db: Database, tables: RegistryTables, clock: Clock) -> None:
        self._db, self._tables, self._clock = db, tables, clock

    async def principal(self, authorization: str | None) -> Principal:
        """PUBLIC without credentials; raises a 401 problem for wrong ones (and never says what is wrong with them)."""
        if authorization is None:
            return PUBLIC
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise unauthenticated()
        found = await self._lookup(credential.strip())
        if found is None:
            raise unauthenticated()
        return found

    async def _lookup(self, credential: str) -> Principal | None:
        now = self._clock.now()
        async with self._db.read() as session:
            if credential.startswith(KEY_PREFIX):
                return await principal_of_key(session, self._tables, hash_api_key(credential), now)
            try:
                jwk = await signing_key(session, self._tables, key_id(credential), now)
                if jwk is None:
                    return None
                claims = verify(credential, jwk, now)
            except BadToken:
                return None
            return await principal_of_person(session, self._tables, claims.person, claims.grants, claims.issued_at)


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
        raise Problem("forbidden", f"This needs the grant {grant!r}, which your role or key does not have.")


async def _whoever(request: Request) -> Principal:
    authenticator: Authenticator = request.app.state.authenticator
    found = await authenticator.principal(request.headers.get("authorization"))
    request.state.principal = found.id  # whom a refusal is counted for
    return found


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
