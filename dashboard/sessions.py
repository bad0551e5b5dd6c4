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

SESSION, VISITOR = "convene_session", "convene_visitor"
LIFETIME = 12 * 3600
_PURPOSE = b"convene session 1"


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
        return Visit(visitor, self._token(visitor), self._unseal(request.cookies.get(SESSION)))

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
        nonce = os.urandom(12)
        sealed = nonce + self._sealing.encrypt(nonce, api_key.encode(), _PURPOSE)
        self._set(response, SESSION, base64.urlsafe_b64encode(sealed).decode(), LIFETIME)

    def sign_out(self, response: Response) -> None:
        response.delete_cookie(SESSION, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _set(self, response: Response, name: str, value: str, age: int | None) -> None:
        response.set_cookie(name, value, max_age=age, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _unseal(self, cookie: str | None) -> str | None:
        if not cookie:
            return None
        try:
            raw = base64.urlsafe_b64decode(cookie)
            return self._sealing.decrypt(raw[:12], raw[12:], _PURPOSE).decode()
        except (binascii.Error, InvalidTag, ValueError):
            return None

    def _token(self, visitor: str) -> str:
        return hmac.new(self._signing, visitor.encode(), hashlib.sha256).hexdigest()
