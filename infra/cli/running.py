"""`convene up`, `serve`, `migrate`, `stack`, `gateway-config`: what runs servers. Imports lie inside: help stays fast."""

import os
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.output import REFUSED, USAGE, AsJson, Failure, document, hint, say

DEMO_START = "2017-04-03T08:00:00Z"

Data = Annotated[Path, typer.Option(help="The data folder.", envvar="CONVENE_DATA")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")]


def up(
    data: Data = Path("var"),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo and set its clock to April 2017.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run all of Convene in one process, on SQLite: no broker, no database server."""
    from shared import sqlite

    sqlite.install()
    from infra.data import DataFolder, DataFolderBusy, WrongClock
    from infra.server import AddressInUse
    from infra.up import run_up

    if demo:
        os.environ.setdefault("CONVENE_CLOCK_START", DEMO_START)
    try:
        run_up(DataFolder(data), host, port, demo=demo, as_json=as_json)
    except (DataFolderBusy, WrongClock, AddressInUse) as error:
        raise Failure(str(error), USAGE) from error


def serve(
    service: Annotated[str, typer.Argument(help="activities, partners, notifications, dashboard or gateway")],
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Run one service by its settings (ACTIVITIES_DATABASE_URL, BUS_URL, ...); any number of replicas."""
    from infra.serving import serve_one

    serve_one(service, host, port)


def migrate(
    service: Annotated[str, typer.Argument(help="activities, partners, notifications or all")],
    as_json: AsJson = False,
) -> None:
    """Bring a service's database to this release's schema. Run it before the new replicas."""
    from infra.services import SERVICES
    from infra.serving import migrate_one

    done: dict[str, str] = {}
    names = SERVICES if service == "all" else (service,)
    for number, name in enumerate(names, 1):
        hint(f"[{number}/{len(names)}] {name}: migrating ...")
        done[name] = migrate_one(name)
        if not as_json:
            say(f"{name}: at {done[name]}")
    if as_json:
        document(done)


def stack(
    data: Data = Path("var/stack"),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo and set its clock to April 2017.")] = False,
    brokers: Annotated[int, typer.Option(help="Kafka brokers: 1 or 3.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run Convene distributed on this machine: Kafka, PostgreSQL, one process per service, replicas, a gateway."""
    from infra.data import DataFolder, DataFolderBusy, WrongClock
    from infra.native.errors import NativeError
    from infra.server import AddressInUse
    from infra.stack import run_stack

    if demo:
        os.environ.setdefault("CONVENE_CLOCK_START", DEMO_START)
    try:
        run_stack(DataFolder(data), host, port, demo=demo, brokers=brokers, as_json=as_json)
    except (DataFolderBusy, WrongClock, AddressInUse) as error:
        raise Failure(str(error), USAGE) from error
    except NativeError as error:
        raise Failure(str(error), REFUSED) from error


def gateway_config(
    upstream: Annotated[
        list[str] | None,
        typer.Option(
            help="owner=host:port[,host:port], for each owner of the path table; those of compose without it."
        ),
    ] = None,
    port: Annotated[int, typer.Option()] = 8000,
) -> None:
    """Print the gateway's configuration (nginx), written from the path table."""
    from infra.environment import compose_gateway
    from infra.routes import nginx_configuration

    if not upstream:
        typer.echo(compose_gateway(), nl=False)
        return

    found: dict[str, list[str]] = {}
    for each in upstream:
        owner, separator, servers = each.partition("=")
        if not separator:
            raise Failure(f"--upstream {each}: write owner=host:port")
        found[owner] = servers.split(",")
    typer.echo(nginx_configuration(found, port=port), nl=False)
