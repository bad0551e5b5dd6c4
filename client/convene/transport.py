"""A request as a value, and what sync and async have in common: headers, retries, errors.

Tried again: connection errors, time-outs, 429, 502, 503 and 504, when a second arrival cannot do harm (GET, and every
POST, since each carries an Idempotency-Key). A PATCH is only tried again when it cannot have arrived.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
from tenacity import RetryCallState, stop_after_attempt, stop_after_delay, wait_random_exponential
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from convene.errors import ConveneError, Unreachable, error_of
from convene.models import Resource

T = TypeVar("T")
R = TypeVar("R", bound=Resource)

USER_AGENT = "convene-python/1"
RETRIED_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how to read its answer."""

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    changes_nothing: bool = False

    @property
    def repeatable(self) -> bool:
        return self.method == "GET" or self.changes_nothing or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of a list, and the cursor of the next."""

    data: list[R]
    next_cursor: str | None


class Busy(Exception):
    """An answer that asks to come again later."""

    def __init__(self, error: ConveneError, retry_after: float | None) -> None:
        self.error, self.retry_after = error, retry_after
        super().__init__(str(error))


def new_key() -> str:
    """A fresh Idempotency-Key: 128 random bits."""
    return secrets.token_hex(16)


def parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters: None left out, lists joined by commas, `start_gte` written `start.gte`."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if value is None:
            continue
        for suffix in ("gte", "lte"):
            name = name.replace(f"_{suffix}", f".{suffix}")
        if isinstance(value, bool):
            found[name] = str(value).lower()
        elif isinstance(value, str | int | float):
            found[name] = str(value)
        else:
            found[name] = ",".join(str(each) for each in value)
    return found


def read_as(kind: type[R]) -> Callable[[httpx.Response], R]:
    """The answer as a resource with its ETag."""
    return lambda response: kind(response.json(), response.headers.get("ETag"))


def read_page(kind: type[R]) -> Callable[[httpx.Response], Page[R]]:
    def read(response: httpx.Response) -> Page[R]:
        content = response.json()
        return Page([kind(each) for each in content["data"]], content.get("next_cursor"))

    return read


def request_of(client: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    headers = dict(call.headers)
    content: dict[str, Any] = {}
    if call.body is not None:
        content["json"] = call.body
        if call.method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
    return client.build_request(call.method, call.path, params=parameters(call.query), headers=headers, **content)


def check(response: httpx.Response) -> httpx.Response:
    """The answer if it is one; raises Busy or ConveneError."""
    if response.status_code in RETRIED_STATUSES:
        raise Busy(error_of(response), _seconds(response.headers.get("Retry-After")))
    if response.status_code >= 400:
        raise error_of(response)
    return response


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def worth_another_try(call: Call[Any]) -> Callable[[BaseException], bool]:
    def decide(error: BaseException) -> bool:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return True
        if isinstance(error, Busy):
            # 429 and 503 say that nothing was done
            return call.repeatable or error.error.status in {429, 503}
        return call.repeatable and isinstance(error, httpx.TransportError)

    return decide


class _Wait(wait_base):
    """Random, growing; never less than the server asked for."""

    def __init__(self) -> None:
        self._jitter = wait_random_exponential(multiplier=0.2, max=5)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, Busy) else None
        return max(self._jitter(retry_state), min(asked or 0.0, 60.0))


def patience(attempts: int, seconds: float) -> stop_base:
    return stop_after_attempt(attempts) | stop_after_delay(seconds)


def waiting() -> wait_base:
    return _Wait()


def final(error: BaseException, base_url: str) -> Exception:
    """What the caller gets when there is no further try."""
    if isinstance(error, Busy):
        return error.error
    if isinstance(error, httpx.TransportError):
        return Unreachable(f"{base_url} does not answer: {error or type(error).__name__}")
    raise error
