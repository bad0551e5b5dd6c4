"""Canaille, an identity server that people run, as a process of its own on this machine, with three people in it.

`python tests/support/openid_provider.py PORT REDIRECT_URI`. It keeps everything in memory; whoever knows the name
knows the password. Its pages are HTML forms, as everywhere.
"""

import sys
from datetime import UTC, datetime
from typing import Any

PASSWORD = "correct horse battery"
CLIENT, SECRET = "convene-pages", "only-for-tests-and-of-no-use-elsewhere"
PEOPLE = {"ada": "ada@unodc.example", "eve": "eve@elsewhere.example", "nia": "nia@itu.example"}


def build(port: int, redirect_uri: str) -> Any:
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    app = create_app(
        {
            "SECRET_KEY": "only for tests, and of no use anywhere else",
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "NAME": "Identity of the tests", "SMTP": None},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    with app.app_context():
        backend = Backend.instance
        for name, email in PEOPLE.items():
            backend.save(models.User(user_name=name, family_name=name.title(), emails=[email], password=PASSWORD))
        client = models.Client(
            client_id=CLIENT,
            client_secret=SECRET,
            client_id_issued_at=datetime.now(UTC),
            client_name="Convene",
            client_uri="https://convene.example",
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "email"],
            token_endpoint_auth_method="client_secret_basic",
        )
        backend.save(client)
        client.audience = [client]  # as its own administration pages do
        backend.save(client)
    return app


if __name__ == "__main__":
    from werkzeug.serving import make_server

    port = int(sys.argv[1])
    server = make_server("127.0.0.1", port, build(port, sys.argv[2]), threaded=True)
    print("ready", flush=True)
    server.serve_forever()
