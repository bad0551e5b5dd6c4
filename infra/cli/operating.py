"""`convene deadletters`, `convene login`, `convene doctor`"""

import sys
from typing import Annotated, Any

import typer

from infra.cli.output import REFUSED, UNREACHABLE, AsJson, Failure, document, fields, hint, say, table
from infra.cli.session import As, connected, login_file, target

deadletters = typer.Typer(no_args_is_help=True)

SERVICES = ("activities", "partners", "notifications")
Service = Annotated[str, typer.Argument(help="activities, partners or notifications")]


@deadletters.command("list")
def list_letters(
    service: Annotated[str | None, typer.Argument(help="One service; all of them without it.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Parked messages; a settled one has had its effect after all."""
    found: list[dict[str, Any]] = []
    with connected(who, admin=True) as client:
        for name in [service] if service else SERVICES:
            found += [{"service": name, **each} for each in client.deadletters.list(name)]
    if as_json:
        document(found)
        return
    columns = ("service", "id", "consumer", "type", "subject", "attempts", "error", "last_failure", "settled")
    table(columns, [[each.get(column) for column in columns] for each in found])
    hint(f"{len(found)} parked")


@deadletters.command("show")
def show_letter(service: Service, letter: str, who: As = None, as_json: AsJson = False) -> None:
    """One parked message with its error."""
    with connected(who, admin=True) as client:
        found = client.deadletters.get(service, letter)
    if as_json:
        document(found)
    else:
        fields(found.items())


@deadletters.command("retry")
def retry_letter(service: Service, letter: str, who: As = None, as_json: AsJson = False) -> None:
    """Handle a parked message again, now. Old state changes nothing: it is dropped by its sequence."""
    with connected(who, admin=True) as client:
        found = client.deadletters.retry(service, letter)
    if as_json:
        document(found)
    else:
        say(f"{letter}: {found.get('outcome')}")


def login(
    url: Annotated[str, typer.Argument(help="The server: https://convene.example.org")] = "",
    key: Annotated[str | None, typer.Option(help="Better not on the command line: you are asked for it.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Remove what is stored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Store a server and your key for later commands (mode 0600)."""
    path = login_file()
    if forget:
        path.unlink(missing_ok=True)
        say(f"forgotten ({path})") if not as_json else document({"stored": False, "file": str(path)})
        return
    if not url.startswith(("http://", "https://")):
        raise Failure("login needs the server's address: convene login https://...")
    secret = key or (typer.prompt("API key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline())
    from convene import Convene

    with Convene(url, secret.strip(), tries=3) as client:
        me = client.people.me()
    _store(path, url.rstrip("/"), secret.strip())
    if as_json:
        document({"stored": True, "file": str(path), "person": me})
    else:
        say(f"signed in to {url} as {me.get('name') or me.get('id')} ({', '.join(me.roles or ())})")


def _store(path: Any, url: str, key: str) -> None:
    import json
    import os

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "key": key}, file)
    unfinished.replace(path)


def doctor(
    seconds: Annotated[float, typer.Option(help="How long the stream may take to answer.")] = 25.0,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Look whether everything works from here, and say what does not."""
    from infra.doctor import examine

    found = examine(target(who), seconds)
    if as_json:
        document([each.as_json() for each in found])
    else:
        table(("", "check", "finding"), [(each.mark, each.name, each.finding) for each in found])
    if any(each.name == "server" and each.ok is False for each in found):
        raise typer.Exit(UNREACHABLE)
    if any(each.ok is False for each in found):
        raise typer.Exit(REFUSED)
