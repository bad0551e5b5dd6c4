"""Who may still listen: a stream's credentials are checked again while it runs, so that a revoked key ends it."""

import asyncio
from dataclasses import dataclass

from shared.auth import Authenticator
from shared.clock import Clock
from shared.problem import Problem
from shared.visibility import PUBLIC, Principal


@dataclass(slots=True)
class _Checked:
    at: float
    asking: "asyncio.Task[Principal | None]"


class Door:
    """Checks credentials against the read models, at most once per `fresh` seconds for all streams that use them."""

    def __init__(self, authenticator: Authenticator, clock: Clock, *, fresh: float) -> None:
        self._authenticator, self._clock, self._fresh = authenticator, clock, fresh
        self._checked: dict[str, _Checked] = {}

    async def admit(self, credentials: str | None) -> Principal | None:
        """Who this is now; None for nobody any more. Raises what the database raises."""
        if credentials is None:
            return PUBLIC
        now = self._clock.monotonic()
        checked = self._checked.get(credentials)
        if checked is None or now - checked.at > self._fresh or (checked.asking.done() and _failed(checked.asking)):
            self._forget(now)
            checked = self._checked[credentials] = _Checked(now, asyncio.create_task(self._ask(credentials)))
        return await asyncio.shield(checked.asking)

    async def _ask(self, credentials: str) -> Principal | None:
        try:
            return await self._authenticator.principal(credentials)
        except Problem:
            return None

    def _forget(self, now: float) -> None:
        if len(self._checked) > 1000:
            self._checked = {
                name: each
                for name, each in self._checked.items()
                if now - each.at <= self._fresh or not each.asking.done()
            }


def _failed(task: "asyncio.Task[Principal | None]") -> bool:
    return task.cancelled() or task.exception() is not None
