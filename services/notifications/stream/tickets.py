"""Stream tickets: a browser's EventSource sends no header, and a key in an address ends up in histories and logs. So a page
asks for a ticket with its key, and opens one stream with it, on whichever replica."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert

from services.notifications.orm import stream_ticket
from shared.auth import Authenticator
from shared.clock import Clock
from shared.db import Database
from shared.registry import Holder, Proof
from shared.tokens import Claims

LIFETIME = timedelta(seconds=30)
PREFIX = "tkt_"


class Tickets:
    """Made and used up in the database of the service. Only their SHA-256 is there (256 random bits need no slow hash)."""

    def __init__(self, db: Database, authenticator: Authenticator, clock: Clock) -> None:
        self._db, self._authenticator, self._clock = db, authenticator, clock

    async def make(self, proof: Proof) -> tuple[str, datetime]:
        """A ticket for who proved this, and when it expires."""
        text, now = PREFIX + secrets.token_urlsafe(32), self._clock.now()
        expires_at = now + LIFETIME
        async with self._db.write() as session:
            await session.execute(delete(stream_ticket).where(stream_ticket.c.expires_at <= now))
            await session.execute(
                insert(stream_ticket).values(hash=_hash(text), proof=_stored(proof), expires_at=expires_at)
            )
        return text, expires_at

    async def use(self, text: str) -> Holder | None:
        """Who made it, as of now. None for one that is unknown, used, expired, or whose maker may not listen any more."""
        async with self._db.write() as session:
            # the row goes with the statement that finds it: of two that come at once one finds nothing
            ticket = stream_ticket.c
            found = await session.execute(
                delete(stream_ticket)
                .where(ticket.hash == _hash(text), ticket.expires_at > self._clock.now())
                .returning(ticket.proof)
            )
            stored = found.scalar_one_or_none()
        return await self._authenticator.again(_proof(stored)) if stored else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _stored(proof: Proof) -> dict[str, Any]:
    claims = proof.claims
    return {
        "key": proof.key,
        "claims": claims
        and {
            "person": claims.person,
            "grants": sorted(claims.grants),
            "issued_at": claims.issued_at.isoformat(),
            "expires_at": claims.expires_at.isoformat(),
            "kid": claims.kid,
            "api_key": claims.api_key,
        },
    }


def _proof(stored: dict[str, Any]) -> Proof:
    claims = stored["claims"]
    if not claims:
        return Proof(stored["key"])
    times = {name: datetime.fromisoformat(claims[name]) for name in ("issued_at", "expires_at")}
    return Proof(stored["key"], Claims(**{**claims, **times, "grants": frozenset(claims["grants"])}))
