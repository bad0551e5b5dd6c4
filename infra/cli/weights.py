"""`convene weights`: what likeness is worth, corrected by what coordinators decided."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.output import REFUSED, AsJson, Failure, aside, document, fields, hint, say
from infra.cli.session import As, connected

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(who: As = None, as_json: AsJson = False) -> None:
    """The table that matching goes by now, and since when."""
    with connected(who, admin=True) as client:
        found = client.weights.get()
    if as_json:
        document(found)
        return
    told = {name: found.get(name) for name in ("version", "shipped", "installed_at", "installed_by", "reason")}
    fields(told.items())
    hint("every level and its worth: docs/reference/matching.md, or --json")


@app.command()
def fit(
    version: Annotated[str, typer.Option(help="What to call the new table: house-2027-01")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Learn from decisions: propose a table that explains them better without going far from the shipped one.

    Changes nothing on the server. The new table is judged on decisions held out of learning; one that judges them worse, or
    that no evidence would give, or that was learned from fewer than 25 decisions, is not written, and the command ends with 2.
    """
    from services.activities.matching.fitting import propose
    from services.activities.matching.weights import document as written

    with connected(who, admin=True) as client:
        labels = client.weights.labels()["data"]
    try:
        proposal = propose([(each["levels"], each["verdict"]) for each in labels], version)
    except (KeyError, ValueError) as error:
        raise Failure(f"the server is of another release, which knows other levels: {error}", REFUSED) from error
    told: dict[str, Any] = {
        "version": version,
        "decisions": proposal.labels,
        "f1": {"before": round(proposal.before.f1, 4), "after": round(proposal.after.f1, 4)},
        "calibration_error": {
            "before": round(proposal.before.calibration, 4),
            "after": round(proposal.after.calibration, 4),
        },
        "refused": list(proposal.refused),
    }
    if as_json:
        document(told)
    else:
        say(f"learned from {proposal.labels} decisions; judged on those held out, five times")
        for name in ("f1", "calibration_error"):
            say(f"  {name.replace('_', ' '):18} {told[name]['before']:.4f} -> {told[name]['after']:.4f}")
    if proposal.refused:
        raise Failure("not written: " + "; ".join(proposal.refused), REFUSED)
    out.write_text(json.dumps(written(proposal.weights), indent=1) + "\n", encoding="utf-8")
    aside(f"written to {out}; put it in force with: convene weights install {out}")


@app.command()
def install(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table, as `convene weights fit` writes it.")],
    reason: Annotated[str | None, typer.Option(help="Why; kept with the table.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Put a table in force. Open alerts are scored anew in the background; what people decided stays decided."""
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file} is no JSON: {error}") from error
    with connected(who, admin=True) as client:
        made = client.weights.install(table, reason=reason)
    if as_json:
        document(made)
    else:
        say(f"{made['version']} is in force; plans that are not over are scored anew")
