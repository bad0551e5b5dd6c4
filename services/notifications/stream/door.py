"""Who may still listen: a stream's credentials are checked again while it runs, so that a revoked key ends it."""

import asyncio
from dataclasses import dataclass

from shared.auth import Authenticator
from shared.clock import Clock
from shared.registry import Proof
from shared.visibility import PUBLIC, Principal


@dataclass(slots=True)
class _Checked:
    at: float
    asking: "asyncio.Task[Principal | None]"


class Door:
    """Checks proofs against the read models, at most once per `fresh` seconds for all streams that rest on them."""

    def __init__(self, authenticator: Authenticator, clock: Clock, *, fresh: float) -> None:
        self._authenticator, self._clock, self._fresh = authenticator, clock, fresh
        self._checked: dict[Proof, _Checked] = {}

    async def admit(self, proof: Proof | None) -> Principal | None:
        """Who this is now; None for nobody any more. Raises what the database raises."""
        if proof is None:
            return PUBLIC
        now = self._clock.monotonic()
        checked = self._checked.get(proof)
        if checked is None or now - checked.at > self._fresh or (checked.asking.done() and _failed(checked.asking)):
            self._forget(now)
            checked = self._checked[proof] = _Checked(now, asyncio.create_task(self._ask(proof)))
        return await asyncio.shield(checked.asking)

    async def _ask(self, proof: Proof) -> Principal | None:
        found = await self._authenticator.again(proof)
        return found.principal if found else None

    def _forget(self, now: float) -> None:
        if len(self._checked) > 1000:
            self._checked = {
                proof: each
                for proof, each in self._checked.items()
                if now - each.at <= self._fresh or not each.asking.done()
            }


def _failed(task: "asyncio.Task[Principal | None]") -> bool:
    return task.cancelled() or task.exception() is not None
