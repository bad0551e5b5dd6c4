"""The other half of a sign-in at an OpenID provider: authorization code with PKCE, state and nonce (RFC 9700, RFC 7636).

Nothing is stored here: what a sign-in that is under way must remember is sealed in a cookie of ten minutes. The ID token is
not read here either: who it speaks for is the registry's business.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus, urlencode

import httpx

LARGEST = 64_000
PATIENCE = 10.0


class NotSignedIn(Exception):
    """The text is for the person."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What this browser alone knows of its sign-in."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "UnderWay":
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def read(cls, text: str | None) -> "UnderWay | None":
        return cls(*json.loads(text)) if text else None

    def written(self) -> str:
        return json.dumps([self.state, self.nonce, self.verifier])


def way_there(provider: Mapping[str, Any], under_way: UnderWay, redirect_uri: str) -> str:
    """The address at the provider to send the browser to."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(under_way.verifier.encode()).digest()).decode().rstrip("=")
    address = str(provider["authorization_endpoint"])
    query = {
        "response_type": "code",
        "scope": "openid email",
        "client_id": provider["client_id"],
        "redirect_uri": redirect_uri,
        "state": under_way.state,
        "nonce": under_way.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def code_of(back: Mapping[str, str], under_way: UnderWay | None, issuer: str) -> str:
    """The code that the provider sent the browser back with. Raises NotSignedIn."""
    if under_way is None or not secrets.compare_digest(back.get("state", "").encode(), under_way.state.encode()):
        raise NotSignedIn("This sign-in was begun in another browser, or too long ago. Begin again.")
    if back.get("iss", issuer) != issuer:  # RFC 9207: the answer is another provider's
        raise NotSignedIn("The answer did not come from the provider that you were sent to. Begin again.")
    if not back.get("code"):
        raise NotSignedIn("The provider did not sign you in.")
    return back["code"]


async def id_token_for(
    code: str, provider: Mapping[str, Any], under_way: UnderWay, redirect_uri: str, secret: str | None
) -> str:
    """Change the code for the ID token, at the provider, as the client that we are there. Raises NotSignedIn."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": str(provider["client_id"]),
        "code_verifier": under_way.verifier,
    }
    # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined
    auth = None if secret is None else (quote_plus(form["client_id"]), quote_plus(secret))
    body = b""
    try:
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE, headers={"Accept": "application/json"}) as http,
            http.stream("POST", str(provider["token_endpoint"]), data=form, auth=auth) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise ValueError("too much")
        told = json.loads(body)
        if answer.status_code == 200 and isinstance(told, dict):
            token = cast("dict[str, Any]", told).get("id_token")
            if isinstance(token, str):
                return token
    except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
        raise NotSignedIn("The provider does not answer as it should. Try again in a moment.") from error
    raise NotSignedIn("The provider did not sign you in. Begin again.")
