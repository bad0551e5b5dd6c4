"""ID tokens of a provider: one issuer, one audience, its own keys, a nonce, a short life; anything else proves nothing."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.partners.signin.idtokens import Proven, verified
from shared.tokens import BadToken

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ISSUER, CLIENT, NONCE = "https://id.example", "convene-pages", "n" * 22
KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "k"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "k"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "k"}),
}
CLAIMS = {
    "iss": ISSUER, "aud": CLIENT, "sub": "42", "nonce": NONCE, "iat": int(NOW.timestamp()),
    "exp": int((NOW + timedelta(minutes=5)).timestamp()), "email": "ada@unodc.example", "email_verified": True,
}  # fmt: skip


def made(
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    algorithm: str = "RS256",
    key: Any = None,
) -> str:
    body = {name: value for name, value in (CLAIMS | (claims or {})).items() if value is not None}
    head = {"alg": algorithm, "kid": "k"} | (header or {})
    return jwt.encode(head, body, key or KEYS[algorithm], algorithms=[algorithm])


def public(algorithm: str = "RS256") -> dict[str, Any]:
    return KEYS[algorithm].as_dict(private=False)


def proven(
    token: str, key: dict[str, Any] | None = None, *, now: datetime = NOW, nonce: str = NONCE, staff: bool = False
) -> Proven:
    return verified(token, key or public(), now, issuer=ISSUER, client_id=CLIENT, nonce=nonce, staff=staff)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_it_proves_who_somebody_is_there(algorithm: str) -> None:
    found = proven(made(algorithm=algorithm), public(algorithm))
    assert (found.issuer, found.subject, found.email) == (ISSUER, "42", "ada@unodc.example")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://id.example/"}, {"iss": "https://evil.example"}, {"iss": None}, {"iss": [ISSUER]},
        {"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": [CLIENT, "another"]}, {"aud": CLIENT + "x"},
        {"azp": "another"}, {"azp": ""},
        {"nonce": None}, {"nonce": "m" * 22}, {"nonce": 5}, {"nonce": ""},
        {"sub": None}, {"sub": ""}, {"sub": 42}, {"sub": "x" * 256}, {"sub": "a\x00b"},
        {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 10**30}, {"iat": None}, {"iat": [1]}, {"nbf": "later"},
    ],
    ids=repr,
)  # fmt: skip
def test_other_claims_prove_nothing(claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        proven(made(claims))


def test_an_audience_may_be_a_list_of_one_and_azp_may_be_us() -> None:
    assert proven(made({"aud": [CLIENT], "azp": CLIENT})).subject == "42"


def test_a_minute_of_leeway_and_not_a_second_more() -> None:
    expires = NOW + timedelta(minutes=5)
    assert proven(made(), now=expires + timedelta(seconds=59))
    assert proven(made(), now=NOW - timedelta(seconds=59))
    assert proven(made({"nbf": int(NOW.timestamp()) + 59}))
    for claims, now in (
        ({}, expires + timedelta(seconds=61)),
        ({}, NOW - timedelta(seconds=61)),
        ({"nbf": int(NOW.timestamp()) + 61}, NOW),
    ):
        with pytest.raises(BadToken):
            proven(made(claims), now=now)


def test_only_a_verified_address_is_one() -> None:
    for told in (None, False, "true", 1):
        assert proven(made({"email_verified": told})).email is None
    assert proven(made({"email": None})).email is None
    # a directory of staff gives the addresses and says nothing; what it calls unverified is so all the same
    assert proven(made({"email_verified": None}), staff=True).email == "ada@unodc.example"
    assert proven(made({"email_verified": False}), staff=True).email is None


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "none", "None", "RS256", "PS256", "EdDSA"])
def test_a_public_key_is_no_shared_secret_and_none_is_no_algorithm(algorithm: str) -> None:
    signed = f"{part({'alg': algorithm, 'kid': 'k'})}.{part(CLAIMS)}"
    pem = KEYS["RS256"].as_pem(private=False)
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm, hashlib.sha256)
    for secret in (pem, pem.strip(), json.dumps(public()).encode(), public()["n"].encode()):
        mac = base64.urlsafe_b64encode(hmac.new(secret, signed.encode(), digest).digest()).decode().rstrip("=")
        for signature in (mac, ""):
            with pytest.raises(BadToken):
                proven(f"{signed}.{signature}")


def test_a_shared_secret_among_the_keys_is_not_used() -> None:
    secret = OctKey.generate_key(256, {"kid": "k"})
    with pytest.raises(BadToken):
        proven(made(algorithm="HS256", key=secret), secret.as_dict(private=True))


def test_the_algorithm_is_that_of_the_key() -> None:
    for algorithm in ("ES256", "EdDSA"):
        with pytest.raises(BadToken):
            proven(made(algorithm=algorithm), public("RS256"))
    with pytest.raises(BadToken):
        proven(made(), public() | {"alg": "RS512"})
    with pytest.raises(BadToken):
        proven(made(algorithm="EdDSA"), public("EdDSA") | {"alg": "Ed25519"})


def test_a_key_inside_the_token_is_never_looked_at() -> None:
    evil = RSAKey.generate_key(2048, {"kid": "k"})
    header = {"jwk": evil.as_dict(private=False), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}
    with pytest.raises(BadToken):
        proven(made(header=header, key=evil))


def test_what_was_changed_or_is_no_token_at_all() -> None:
    head, _, signature = made().split(".")
    for token in (
        f"{head}.{part(CLAIMS | {'sub': '1'})}.{signature}",
        f"{head}..{signature}",
        "",
        "..",
        "a.b.c",
        "ü",
        f"{head}.e30.AA",
    ):
        with pytest.raises(BadToken):
            proven(token)
