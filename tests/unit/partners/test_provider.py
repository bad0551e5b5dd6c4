"""An OpenID provider from outside: its keys are fetched rarely, kept while it is down, and from nowhere but where it says."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.partners.signin.provider import Provider, ProviderDown
from shared.clock import FixedClock
from shared.tokens import BadToken

ISSUER = "https://id.example"
KEYS = {kid: RSAKey.generate_key(2048, {"kid": kid}) for kid in ("old", "new")}


class Pretended(httpx.AsyncBaseTransport):
    """A provider on the wire, and when it was asked for what."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock, self.asked = clock, list[tuple[float, str]]()
        self.published, self.up = ["old"], True
        self.document: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        self.instead: Callable[[httpx.Request], httpx.Response] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((self.clock.monotonic(), request.url.path))
        await asyncio.sleep(0)
        if not self.up:
            raise httpx.ConnectError("down")
        if self.instead is not None:
            return self.instead(request)
        keys = {"keys": [KEYS[kid].as_dict(private=False) for kid in self.published]}
        return httpx.Response(200, json=keys if request.url.path == "/keys" else self.document)

    def per_minute(self) -> int:
        """The most requests within any minute."""
        return max((sum(at <= other < at + 60 for other, _ in self.asked) for at, _ in self.asked), default=0)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
def wire(clock: FixedClock) -> Pretended:
    return Pretended(clock)


@pytest.fixture
def provider(clock: FixedClock, wire: Pretended) -> Provider:
    return Provider(ISSUER, "pages", clock, transport=wire)


def token(kid: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": kid}, {"sub": "42"}, KEYS.get(kid, KEYS["old"]))


async def known(provider: Provider, kid: str) -> bool:
    try:
        return (await provider.key_for(token(kid)))["kid"] == kid
    except BadToken:
        return False


async def test_ten_thousand_unknown_key_ids_in_a_second_are_one_more_request(
    provider: Provider, wire: Pretended
) -> None:
    assert await known(provider, "old")
    assert [path for _, path in wire.asked] == ["/.well-known/openid-configuration", "/keys"]
    signature = token("old").split(".", 1)[1]

    for number in range(10_000):
        header = (
            base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": f"k{number}"}).encode()).decode().rstrip("=")
        )
        with pytest.raises(BadToken):
            await provider.key_for(f"{header}.{signature}")
    assert len(wire.asked) == 2
    assert await known(provider, "old")


async def test_a_flood_of_ten_minutes_is_two_requests_a_minute_at_most(
    provider: Provider, wire: Pretended, clock: FixedClock
) -> None:
    for second in range(600):
        clock.advance(1)
        found = await asyncio.gather(*(known(provider, kid) for kid in (f"k{second}", f"q{second}", "old")))
        assert found == [False, False, True]
    assert wire.per_minute() == 2
    keys = [at for at, path in wire.asked if path == "/keys"]
    assert min(later - earlier for earlier, later in pairwise(keys)) >= 30
    assert len(wire.asked) > 10  # a rotation is noticed during the flood


async def test_a_key_that_is_new_there_is_known_here_within_half_a_minute(
    provider: Provider, wire: Pretended, clock: FixedClock
) -> None:
    assert await known(provider, "old")
    wire.published = ["new"]
    assert not await known(provider, "new")
    clock.advance(30)
    assert not await known(provider, "new")  # the third request of this minute would be one too many
    clock.advance(30)
    assert await known(provider, "new")
    assert not await known(provider, "old")  # withdrawn there


async def test_while_the_provider_is_down_for_an_hour_what_is_known_goes_on_working(
    provider: Provider, wire: Pretended, clock: FixedClock
) -> None:
    assert await known(provider, "old")
    clock.advance(24 * 3600)  # it is time to ask again, and nobody answers
    wire.up, before = False, len(wire.asked)
    for _ in range(360):
        clock.advance(10)
        assert await asyncio.gather(known(provider, "old"), known(provider, "gone")) == [True, False]
        assert (await provider.addresses()).token_endpoint == f"{ISSUER}/token"
    assert 30 < len(wire.asked) - before <= 122
    assert wire.per_minute() == 2
    wire.up, wire.published = True, ["new"]
    clock.advance(60)
    assert await known(provider, "new")


async def test_a_provider_that_was_never_up_is_said_to_be_down(
    provider: Provider, wire: Pretended, clock: FixedClock
) -> None:
    wire.up = False
    for _ in range(600):
        clock.advance(1)
        for asked in (provider.addresses, lambda: provider.key_for(token("old"))):
            with pytest.raises(ProviderDown):
                await asked()
    assert wire.per_minute() <= 2
    wire.up = True
    clock.advance(60)
    assert await known(provider, "old")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(302, headers={"location": "http://169.254.169.254/latest"}),
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(200, content=b"x" * 300_000),
        lambda _: httpx.Response(200, content=b"[" * 100_000),
        lambda _: httpx.Response(200, json=[]),
        lambda _: httpx.Response(200, json={}),
        lambda _: httpx.Response(200, json={"keys": [1, {"kid": 1}, {"kid": "old", "kty": "oct", "k": "AA"}], "issuer": ISSUER}),
    ],
    ids=["redirect", "error", "huge", "deep", "list", "empty", "shared secret"],
)  # fmt: skip
async def test_answers_that_are_none_leave_what_is_known(
    provider: Provider, wire: Pretended, clock: FixedClock, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    wire.instead = answer
    with pytest.raises(ProviderDown):
        await provider.key_for(token("old"))
    wire.instead = None
    clock.advance(60)
    assert await known(provider, "old")
    wire.instead = answer
    clock.advance(25 * 3600)
    assert await known(provider, "old")
    assert {path for _, path in wire.asked} == {"/.well-known/openid-configuration", "/keys"}


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"}, {"issuer": ISSUER + "/"}, {"jwks_uri": "http://id.example/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"}, {"jwks_uri": "file:///etc/passwd"}, {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": "https://user@id.example/token"},
    ],
    ids=repr,
)  # fmt: skip
async def test_a_document_that_leads_elsewhere_is_not_believed(
    provider: Provider, wire: Pretended, changed: dict[str, Any]
) -> None:
    wire.document |= changed
    with pytest.raises(ProviderDown):
        await provider.addresses()


@pytest.mark.parametrize(
    ("issuer", "taken"),
    [
        ("https://id.example", True), ("https://id.example/tenant", True), ("http://127.0.0.1:9400", True),
        ("http://localhost:9400", True), ("http://id.example", False), ("http://10.0.0.1", False), ("id.example", False),
        ("ftp://id.example", False), ("https://", False), ("https://u:p@id.example", False), ("https://id.example/#x", False),
    ],
)  # fmt: skip
def test_a_provider_is_reached_by_https(issuer: str, taken: bool, clock: FixedClock) -> None:
    try:
        Provider(issuer, "pages", clock)
    except ValueError:
        assert not taken
    else:
        assert taken


async def test_nothing_comes_of_a_slow_provider(
    provider: Provider, wire: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.partners.signin import provider as module

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(wire, "handle_async_request", slow)
    with pytest.raises(ProviderDown):
        await provider.addresses()
