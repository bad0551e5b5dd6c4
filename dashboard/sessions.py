"""Who is signed in, without anything stored here: the API key, sealed, in a cookie that no script can read.

Forms carry a token bound to the visitor's cookie, so another site can neither act for somebody nor sign them in as
somebody else.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

SESSION, VISITOR, UNDER_WAY = "convene_session", "convene_visitor", "convene_sign_in"
LIFETIME = 12 * 3600
ELSEWHERE = 600
"""Seconds to sign in at a provider."""
_PURPOSE, _SIGN_IN = b"convene session 1", b"convene sign-in 1"


class Forged(Exception):
    """The form did not come from a page of ours."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request's visitor. `key` is the API key, None where nobody is signed in; `token` belongs in each form."""

    visitor: str
    token: str
    key: str | None


class Sessions:
    """Seals with AES-256-GCM under `key` (32 bytes); tokens are HMAC-SHA256 under a key derived from it."""

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._sealing = AESGCM(key)
        self._signing = hmac.digest(key, b"convene form token 1", hashlib.sha256)
        self._secure = secure

    def visit(self, request: Request) -> Visit:
        visitor = request.cookies.get(VISITOR, "")
        if not (len(visitor) == 32 and visitor.isalnum()):
            visitor = secrets.token_hex(16)
        return Visit(visitor, self._token(visitor), self._unseal(request.cookies.get(SESSION), _PURPOSE))

    def check(self, request: Request, visit: Visit, token: str) -> None:
        """Raises Forged unless the form is ours and came from our own site."""
        site = request.headers.get("sec-fetch-site")
        if site not in {None, "same-origin", "none"} or request.cookies.get(VISITOR) != visit.visitor:
            raise Forged
        if not hmac.compare_digest(token.encode("utf-8", "replace"), visit.token.encode()):
            raise Forged

    def remember(self, response: Response, visit: Visit) -> None:
        """Set the visitor's cookie (it lasts as long as the browser)."""
        self._set(response, VISITOR, visit.visitor, None)

    def sign_in(self, response: Response, api_key: str) -> None:
        self._set(response, SESSION, self._seal(api_key, _PURPOSE), LIFETIME)

    def set_out(self, response: Response, under_way: str) -> None:
        """Remember a sign-in that goes on at a provider."""
        self._set(response, UNDER_WAY, self._seal(under_way, _SIGN_IN), ELSEWHERE)

    def under_way(self, request: Request) -> str | None:
        return self._unseal(request.cookies.get(UNDER_WAY), _SIGN_IN)

    def arrived(self, response: Response) -> None:
        """Back from the provider, well or not: the same answer does not work again."""
        response.delete_cookie(UNDER_WAY, path="/", httponly=True, samesite="lax", secure=self._secure)

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(SESSION, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _set(self, response: Response, name: str, value: str, age: int | None) -> None:
        response.set_cookie(name, value, max_age=age, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _seal(self, text: str, purpose: bytes) -> str:
        nonce = os.urandom(12)
        return base64.urlsafe_b64encode(nonce + self._sealing.encrypt(nonce, text.encode(), purpose)).decode()

    def _unseal(self, cookie: str | None, purpose: bytes) -> str | None:
        if not cookie:
            return None
        try:
            raw = base64.urlsafe_b64decode(cookie)
            return self._sealing.decrypt(raw[:12], raw[12:], purpose).decode()
        except (binascii.Error, InvalidTag, ValueError):
            return None

    def _token(self, visitor: str) -> str:
        return hmac.new(self._signing, visitor.encode(), hashlib.sha256).hexdigest()
