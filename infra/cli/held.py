"""`convene people export`, `convene partners export`: what the services hold, each asked in turn, in one JSON document."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.output import Failure, document, hint
from infra.cli.session import As, connected

if TYPE_CHECKING:
    from convene import Convene

SERVICES = ("partners", "activities", "notifications")
_NOTE = (
    "What may be told to who asked, at that moment; of plans labelled RED nothing. Events about people in the log are ids "
    "and codes, those of known_person and known_key."
)

File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Write it there (readable by you alone).")]


def add_to(people: typer.Typer, partners: typer.Typer) -> None:
    people.command("export")(export_person)
    partners.command("export")(export_partner)


def export_person(
    person: Annotated[str, typer.Argument(help="An id; `me` for yourself.")], file: File = None, who: As = None
) -> None:
    """All that is held about a person, in one JSON document: your own, or as administrator anybody's."""
    with connected(who, admin=person != "me") as client:
        found = client.people.me().id if person == "me" else person
        _export(client, "people", found, {"person": found}, file)


def export_partner(
    partner: Annotated[str, typer.Argument(help="Id or slug.")], file: File = None, who: As = None
) -> None:
    """All that is held about a partner, in one JSON document: for its focal points and administrators."""
    with connected(who, admin=who is None) as client:
        found = client.organisations.get(partner).id
        _export(client, "partners", found, {"partner": found}, file)


def used_keys(client: "Convene", person: str | None) -> dict[str, str]:
    """Key id -> the last hour in which any service saw it."""
    from convene import calls
    from convene.models import Resource

    last: dict[str, str] = {}
    for service in SERVICES:
        query = {"person": person} if person else {}
        for each in client.run(calls.get(Resource, "held", service, "keys", query=query))["data"]:
            if each["used_at"]:
                last[each["key"]] = max(each["used_at"], last.get(each["key"], ""))
    return last


def _export(client: "Convene", noun: str, subject: str, about: dict[str, Any], file: Path | None) -> None:
    held = {service: _of(client, service, noun, subject) for service in SERVICES}
    found = {"about": about, "note": _NOTE, "held": held}
    if file is None:
        document(found)
        return
    _write(file, found)
    hint(f"{sum(len(rows) for kinds in held.values() for rows in kinds.values())} entries in {file}")


def _of(client: "Convene", service: str, noun: str, subject: str) -> dict[str, list[Any]]:
    """Kind -> its rows, page after page."""
    from convene import calls
    from convene.models import Resource

    kinds: dict[str, list[Any]] = {}
    cursor: str | None = None
    while True:
        query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = client.run(calls.get(Resource, "held", service, noun, subject, query=query))
        for row in page["data"]:
            kinds.setdefault(row.pop("kind"), []).append(row)
        cursor = page["next_cursor"]
        if not cursor:
            return kinds


def _write(file: Path, content: Any) -> None:
    """It holds names and addresses: nobody else on the machine reads it."""
    import json
    import os

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Failure(f"{file} is there already") from error
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        json.dump(content, opened, ensure_ascii=False, indent=2)
        opened.write("\n")
