"""The tree of commands, and what becomes of errors: a sentence on stderr and an exit code that scripts can tell apart."""

import os
import sys
from typing import NoReturn

import typer

from infra.cli import (
    alerts,
    audit,
    contracts,
    following,
    held,
    inbox,
    loading,
    match,
    operating,
    plan_life,
    plans,
    registry,
    running,
    weights,
)
from infra.cli.output import REFUSED, UNREACHABLE, USAGE, Failure

app = typer.Typer(
    name="convene",
    help="See each other's plans in time: post them, watch for overlaps, decide.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(running.up)
app.command()(running.serve)
app.command()(running.migrate)
app.command()(running.stack)
app.command("gateway-config")(running.gateway_config)
app.command()(match.match)
app.add_typer(loading.app, name="demo", help="The demo: the source documents' own activities.")
app.add_typer(registry.partners, name="partners", help="Organisations of the registry.")
app.add_typer(registry.people, name="people", help="Focal points, coordinators and others.")
app.add_typer(registry.keys, name="keys", help="Your API keys.")
plan_life.add_to(plans.app)
held.add_to(registry.people, registry.partners)
app.add_typer(plans.app, name="plans", help="Post and change plans.")
app.add_typer(alerts.app, name="alerts", help="Matches and overlaps that wait for a decision.")
app.add_typer(alerts.decisions, name="decisions", help="Decisions, which can be taken back for ever.")
app.add_typer(alerts.activities, name="activities", help="What really takes place, behind one plan or several.")
app.add_typer(following.events, name="events", help="What happens, as it happens.")
app.add_typer(inbox.app, name="inbox", help="Alerts that wait for you.")
app.add_typer(weights.app, name="weights", help="What likeness is worth, corrected by what was decided.")
app.add_typer(audit.app, name="audit", help="What was done, and proof that nobody changed it since.")
app.add_typer(operating.deadletters, name="deadletters", help="Messages that a consumer gave up on.")
app.command()(operating.login)
app.command()(operating.doctor)
app.command()(contracts.contracts)


def main() -> NoReturn:
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # whoever read us has gone (`| head`); keep the interpreter from complaining at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    from typer import _click as click

    if isinstance(error, Failure):
        return _said(str(error), error.code)
    if isinstance(error, click.exceptions.ClickException):
        from typer.rich_utils import rich_format_error

        rich_format_error(error)
        return USAGE
    if isinstance(error, typer.Abort):
        return _said("aborted", USAGE)
    from convene import ConveneError, Unreachable

    if isinstance(error, ConveneError):
        advice = "\nSign in: convene login URL" if error.status == 401 else ""
        return _said(f"refused: {error}{advice}", REFUSED)
    if isinstance(error, Unreachable):
        return _said(f"{error}\nIs it running? Start one with: convene up", UNREACHABLE)
    raise error


def _said(text: str, code: int) -> int:
    from infra.cli.output import hint

    hint(text)
    return code
