"""Somebody about whom everything there is to know has been told to a whole Convene, by every way there is."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from infra.data import DataFolder
from infra.embedded import Embedded, embedded
from services.partners.signin.provider import Provider
from shared.housekeeping import tidy
from tests.support.activities import settled
from tests.support.notifications import projected

ISSUER = "https://id.canary-issuer.example"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
NONCE = "n" * 22

CANARIES = {
    "first name": "Zebulon",
    "later name": "Quartermaine",
    "first address": "zq@canary-one.example",
    "later address": "zq@canary-two.example",
    "phone in a label": "+43-699-1234567",
    "label of a key": "laptop of Wilhelmina",
    "name in an Idempotency-Key": "invite-Thaddeus",
    "subject at the provider": "canary-subject-42",
    "provider": "canary-issuer",
    "password": "nine green kettles of Zebulon",
    "query in an address": "Marmaduke",
}


@dataclass
class Life:
    """The running house, and the person in it."""

    house: Embedded
    http: httpx.AsyncClient
    folder: Path
    admin: dict[str, str]
    person: str = ""
    key: str = ""
    partner: str = ""

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        credentials = self.admin if key is None else {"Authorization": f"Bearer {key}"} if key else {}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, f"/api/v1/{path}", json=body, headers=credentials | sent)

    async def right(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.ask(method, path, body, **more)
        assert answer.status_code in (200, 201), (path, answer.status_code, answer.text[:400])
        return answer.json()

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await true():
                await asyncio.sleep(0.05)

    async def quiet(self) -> None:
        """Whatever was done has reached every service."""
        for name in ("partners", "activities"):
            await settled(self.house.runtimes[name].db) if name == "activities" else None
        await projected(self.house.runtimes["notifications"].db, self.house.runtimes["notifications"].bus)
        for runtime in self.house.runtimes.values():
            await runtime.refusals.flush()


@asynccontextmanager
async def life(folder: Path) -> AsyncGenerator[Life]:
    """The house, and the person after everything has been done to them and by them."""
    data = DataFolder(folder)
    settings = {"passwords": True, "oidc_issuer": ISSUER, "oidc_client_id": "pages", "poll_seconds": 0.1}
    house = embedded(data, settings=settings)
    partners = house.app._owners["partners"]  # type: ignore[attr-defined]
    provider = Provider(ISSUER, "pages", house.clock, transport=httpx.MockTransport(_provider))
    partners.state.doors = replace(partners.state.doors, provider=provider)
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(house.app({"type": "lifespan", "state": {}}, queue.get, said.put))  # type: ignore[arg-type]
    await queue.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(house.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://convene.test", timeout=60) as http:
        made = Life(house, http, folder, {"Authorization": f"Bearer {data.admin_key.read_text().strip()}"})
        await _signed_in(made)
        await _worked(made)
        await made.quiet()
        yield made
        house.close_streams()
    await queue.put({"type": "lifespan.shutdown"})
    assert (await said.get())["type"] == "lifespan.shutdown.complete"
    await running


async def _provider(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/keys":
        return httpx.Response(200, json={"keys": [KEY.as_dict(private=False)]})
    names = ("authorization_endpoint", "token_endpoint")
    return httpx.Response(
        200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"} | {name: f"{ISSUER}/{name}" for name in names}
    )


async def _signed_in(made: Life) -> None:
    """Invited, renamed, refused, let in by key, password and provider."""
    c = CANARIES
    invited = await made.right(
        "POST", "invitations",
        {"name": c["first name"], "email": c["first address"], "roles": ["focal_point"], "partners": ["unodc"]},
        Idempotency_Key=c["name in an Idempotency-Key"],
    )  # fmt: skip
    made.person = invited["person"]
    made.key = (await made.right("POST", "invitations:redeem", {"code": invited["code"]}, key="", Idempotency_Key="r"))[
        "key"
    ]
    version = (await made.ask("GET", f"people/{made.person}")).headers["etag"]
    await made.right(
        "PATCH", f"people/{made.person}", {"name": c["later name"], "email": c["later address"]},
        If_Match=version, Content_Type="application/merge-patch+json",
    )  # fmt: skip
    for label in ("label of a key", "phone in a label"):
        second = await made.right("POST", "keys", {"label": c[label]}, key=made.key, Idempotency_Key=label)
        await made.right("POST", f"keys/{second['id']}:revoke", key=made.key, Idempotency_Key=f"revoke {label}")
    await made.right("PUT", "me/password", {"password": c["password"]}, key=made.key)
    await made.right("POST", "sessions", {"email": c["later address"], "password": c["password"]}, key="")
    await made.ask("POST", "sessions", {"email": c["first address"], "password": c["password"]}, key="")
    now = int(made.house.clock.now().timestamp())
    token = jwt.encode(
        {"alg": "RS256", "kid": "one"},
        {"iss": ISSUER, "aud": "pages", "sub": c["subject at the provider"], "nonce": NONCE, "iat": now, "exp": now + 300,
         "email": c["later address"].replace("zq", "ZQ"), "email_verified": True},
        KEY,
    )  # fmt: skip
    await made.right("POST", "sessions:exchange", {"id_token": token, "nonce": NONCE}, key="")
    taken = {"name": c["first name"], "email": c["later address"], "roles": ["reader"]}
    assert (await made.ask("POST", "people", taken, Idempotency_Key="taken")).status_code == 409
    assert (await made.ask("POST", "people", taken | {"email": f"{c['first address']} x"})).status_code == 422
    assert (await made.ask("GET", f"people?{c['query in an address']}=1")).status_code == 400
    assert (await made.ask("GET", f"people/{c['query in an address']}")).status_code == 404
    for verb in ("confirm",):
        await made.right("POST", f"people/{made.person}:{verb}", Idempotency_Key=verb)


async def _worked(made: Life) -> None:
    """Posted, named, told, looked, listened."""
    plan = {
        "title": "Seizing phones", "type": "training", "start": "2027-05-03", "end": "2027-05-05",
        "venues": [{"city": "Nairobi", "country": "KEN"}], "audiences": ["investigators"],
        "themes": ["digital_forensics"], "tlp": "GREEN",
    }  # fmt: skip

    async def known() -> bool:
        answers = [await made.ask("GET", path, key=made.key) for path in ("plans", "inbox", "alerts")]
        return all(answer.status_code == 200 for answer in answers)

    await made.until(known)
    made.partner = (await made.right("GET", "organisations/unodc"))["id"]
    for number in range(2):
        await made.right(
            "POST", "plans", {**plan, "trainers": [made.person]}, key=made.key, Idempotency_Key=f"plan {number}"
        )
    await made.right("POST", "plans", {**plan, "tlp": "RED", "named_people": [made.person]}, key=made.key)
    await made.quiet()
    alerts = (await made.right("GET", "alerts?status=all", key=made.key))["data"]
    assert alerts, "two plans alike make an alert"
    await made.right("POST", f"inbox/{alerts[0]['id']}:read", key=made.key, Idempotency_Key="read")
    await made.right("POST", "stream-tickets", key=made.key)
    await made.right("POST", "tokens", {}, key=made.key)
    for service in ("activities", "notifications", "partners"):
        await made.house.app._owners[service].state.authenticator.use.flush()  # type: ignore[attr-defined]


async def tidied(made: Life) -> None:
    for runtime in made.house.runtimes.values():
        await tidy(runtime.db, runtime.kernel, runtime.clock, runtime.forgets)
