"""Passwords as argon2id hashes (RFC 9106; the library's defaults are its second recommended option: 64 MiB, 3 passes).

Length is the only rule (NIST SP 800-63B: no composition, no expiry). The text is NFKC, so that the same password typed on
another keyboard is the same.
"""

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST, LONGEST = 12, 1000
AT_ONCE = 2
"""Computed at the same time, at most: each takes 64 MiB and a core."""


def prepared(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def fits(text: str) -> bool:
    """Whether it may be chosen: counted in characters, as they are hashed."""
    return SHORTEST <= len(prepared(text)) <= LONGEST


class Passwords:
    """Hashes and verifies beside the loop. One per process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def prepare(self) -> None:
        """Make the hash that stands in where there is none: from then on the first stranger costs what any other does."""
        self._nobodys = await self.hash("nobody has this password")

    async def hash(self, text: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, prepared(text))

    async def verify(self, stored: str | None, text: str) -> bool:
        """Whether it is the password behind the hash. Without one the same work is done, and the answer is no."""
        if stored is None and self._nobodys is None:
            await self.prepare()
        async with self._slots:
            right = await asyncio.to_thread(self._matches, stored or self._nobodys or "", prepared(text))
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other costs than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, text: str) -> bool:
        try:
            return self._hasher.verify(stored, text)
        except (Argon2Error, InvalidHashError):
            return False
