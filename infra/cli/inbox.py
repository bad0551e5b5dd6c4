"""`convene inbox`"""

from typing import Annotated, Any, Literal

import typer

from infra.cli.output import AsJson, document, hint, table
from infra.cli.session import As, connected

app = typer.Typer(no_args_is_help=True)

Alerts = Annotated[list[str], typer.Argument(help="Ids of alerts in your inbox.")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="unread (default), read, done or all.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """What waits for you, the newest first."""
    with connected(who) as client:
        found = list(client.inbox.list(state=state))
    if as_json:
        document(found)
        return
    _show(found)
    hint(f"{len(found)} in your inbox")


@app.command()
def read(alerts: Alerts, who: As = None, as_json: AsJson = False) -> None:
    """Mark alerts as read: they stay in your inbox."""
    _mark(alerts, "read", who, as_json)


@app.command()
def done(alerts: Alerts, who: As = None, as_json: AsJson = False) -> None:
    """Put alerts away, until they ask for you again."""
    _mark(alerts, "done", who, as_json)


def _mark(alerts: list[str], how: Literal["read", "done"], who: str | None, as_json: bool) -> None:
    with connected(who) as client:
        marked = [client.inbox.mark(alert, how) for alert in alerts]
    if as_json:
        document(marked)
        return
    _show(marked)


def _show(entries: list[Any]) -> None:
    table(
        ("alert", "state", "what", "status", "reason", "opened"),
        [
            (
                each.get("alert"),
                each.get("state"),
                "something overlaps your plan"
                if each.get("blind")
                else [each.get("overlap_kind") or each.get("kind"), each.get("band") or each.get("severity")],
                each.get("status"),
                each.get("reason"),
                str(each.get("opened_at", ""))[:16].replace("T", " "),
            )
            for each in entries
        ],
    )
