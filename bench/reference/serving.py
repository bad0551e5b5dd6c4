"""The references run under the very server that the services run under (infra/server.py): loop, parser, no access log."""

import argparse

from starlette.types import ASGIApp

from infra.server import listen, run


def arguments(*names: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for name in names:
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def serve(app: ASGIApp, port: int) -> None:
    with listen("127.0.0.1", port) as listening:
        run(app, listening, grace=1)
