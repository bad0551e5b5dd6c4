"""`convene audit`: keep checkpoints of what was done, and check later that nothing of it was changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.output import REFUSED, USAGE, AsJson, Failure, document, hint, say, table
from infra.cli.session import As, connected

if TYPE_CHECKING:
    from shared.audit.checking import Kept, Report

app = typer.Typer(no_args_is_help=True)

BROKEN, HIDDEN = 4, 5
"""Exit codes of a check: something was changed; something is no longer shown, but still in the tree."""

SERVICES = ("activities", "partners", "notifications")
Service = Annotated[
    list[str] | None, typer.Option("--service", help="activities, partners or notifications; default: all of them.")
]


@app.command("list")
def list_(
    service: Annotated[str, typer.Option(help="activities, partners or notifications.")] = "activities",
    subject: Annotated[str | None, typer.Option(help="Only what was done to this id.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """What was done, as far as it concerns you."""
    with connected(who) as client:
        found = [dict(each) for each in client.audit.entries(service, subject=subject, limit=200)]
    if as_json:
        document(found)
        return
    rows = [
        (each["leaf"], each["at"][:19].replace("T", " "), each["action"], each["subject"], each["version"],
         each.get("actor", "(not told)"), each["detail"])
        for each in found
    ]  # fmt: skip
    table(("row", "at", "action", "subject", "version", "by", "detail"), rows)
    hint(f"{len(found)} effects that concern you, under the latest checkpoint of {service}")


@app.command()
def checkpoint(
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Add it to this file.")] = None,
    service: Service = None,
    entries: Annotated[
        bool, typer.Option("--entries/--only-checkpoint", help="Keep the rows that concern you, too.")
    ] = True,
    accept_key: Annotated[
        list[str] | None, typer.Option("--accept-key", metavar="KID", help="Trust this key from now on, too.")
    ] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the signed checkpoints of now; with --save keep them, after checking them against those kept before.

    At the first time the server's keys are trusted as they are: compare the ids with those that the operator tells you by
    another way. A later key is trusted only with --accept-key. Nothing is saved where the check fails.
    """
    from infra.audit_file import extended, write_file
    from infra.audit_sources import ApiSource
    from shared.audit.checking import Kept, check_source

    kept = {each.service: each for each in _read(save)} if save and save.exists() else {}
    done: list[tuple[Kept, Report]] = []
    with connected(who) as client:
        for name in service or SERVICES:
            source = ApiSource(client, name)
            known = kept.get(name)
            if known is None and source.latest() is None:
                hint(f"{name}: nothing has been sealed yet")
                continue
            known = known or Kept(name, source.verifiers())
            known.keys += [
                key for key in source.verifiers() if key.split("+")[1] in (accept_key or ()) and key not in known.keys
            ]
            done.append((known, check_source(known, source)))
    if save and not any(report.broken for _, report in done):
        for known, report in done:
            assert report.note
            kept[known.service] = extended(known, report.note, report.entries if entries else ())
        write_file(save, kept.values())
    if as_json:
        document([_told(known.service, report) | {"note": report.note} for known, report in done])
    elif save:
        _say(done)
        say(f"kept in {save}")
    else:
        for _, report in done:
            say(report.note or "")
    _end(done)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="What `checkpoint --save` wrote, yours or another partner's.")],
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Check this database (or SQLite file), not the API.")
    ] = None,
    service: Service = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Check the server, or a database, against a kept file: nothing edited, deleted, reordered, cut off or rewritten.

    Ends with 0 where all is well, 4 where something was changed, 5 where a row that you keep is still in the tree, but no
    longer shown to you. With --database the whole log is read; over the API, what you may see.
    """
    kept = [each for each in _read(file) if not service or each.service in service]
    if not kept:
        raise Failure(f"{file} keeps nothing of {', '.join(service or SERVICES)}", USAGE)
    done = [_check_database(database, kept, service)] if database else _check_server(kept, who)
    if as_json:
        document([_told(known.service, report) for known, report in done])
    else:
        _say(done)
    _end(done)


def _check_server(kept: "list[Kept]", who: str | None) -> "list[tuple[Kept, Report]]":
    from infra.audit_sources import ApiSource
    from shared.audit.checking import check_source

    with connected(who) as client:
        return [(each, check_source(each, ApiSource(client, each.service))) for each in kept]


def _check_database(database: str, kept: "list[Kept]", service: list[str] | None) -> "tuple[Kept, Report]":
    import asyncio
    from contextlib import nullcontext

    from sqlalchemy import make_url

    from shared import sqlite

    sqlite.install()
    from infra.audit_sources import check_database, database_url
    from infra.data import DataFolder, DataFolderBusy

    try:
        url = database_url(database)
        path = Path(make_url(url).database or "").parent
        # SQLite files of a Convene that runs are its own: a second process must not open them
        lock = (
            DataFolder(path).lock() if url.startswith("sqlite") and (path / "convene.lock").exists() else nullcontext()
        )
        with lock:
            name, report = asyncio.run(check_database(url, kept, service[0] if service else None))
    except (LookupError, FileNotFoundError) as error:
        raise Failure(str(error.args[0]), USAGE) from error
    except DataFolderBusy as error:
        raise Failure(f"{error} Or check a copy of the file.", REFUSED) from error
    return next(each for each in kept if each.service == name), report


def _read(path: Path) -> "list[Kept]":
    from infra.audit_file import NoAuditFile, read_file

    try:
        return read_file(path)
    except (OSError, NoAuditFile) as error:
        raise Failure(str(error), USAGE) from error


def _told(service: str, report: "Report") -> dict[str, Any]:
    latest = report.latest
    return {
        "service": service,
        "ok": not report.findings,
        "size": latest.size if latest else None,
        "time": latest.time if latest else None,
        "checkpoints": report.checkpoints,
        "entries": len(report.entries),
        "findings": [{"kind": each.kind, "text": each.text, "row": each.leaf} for each in report.findings],
    }


def _say(done: "list[tuple[Kept, Report]]") -> None:
    for known, report in done:
        kids = ", ".join(key.split("+")[1] for key in known.keys)
        size = f" of a tree of {report.latest.size}" if report.latest else ""
        how = "BROKEN" if report.broken else "whole, with rows no longer shown" if report.findings else "whole"
        say(
            f"{known.service}: {how}; {report.checkpoints} checkpoints, {len(report.entries)} rows{size}; trusted keys {kids}"
        )
        for each in report.findings[:50]:
            say(f"  {each.kind}: {each.text}")
        if len(report.findings) > 50:
            say(f"  and {len(report.findings) - 50} more")


def _end(done: "list[tuple[Kept, Report]]") -> None:
    if any(report.broken for _, report in done):
        raise typer.Exit(BROKEN)
    if any(report.findings for _, report in done):
        raise typer.Exit(HIDDEN)
