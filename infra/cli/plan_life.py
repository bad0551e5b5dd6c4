"""`convene plans confirm | postpone | complete | cancel | claim | history`"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from infra.cli.output import AsJson, document, hint, plain, show_fields, table
from infra.cli.session import As, connected

STEPS: Mapping[str, str] = {
    "confirm": "It will take place.",
    "postpone": "Not on these days: its alerts close, and it is compared again once it has others.",
    "complete": "It has taken place.",
    "cancel": "It will not take place; the plan stays, its alerts close.",
    "claim": "Take over a plan that a coordinator posted for your partner.",
}


def add_to(app: typer.Typer) -> None:
    for verb, text in STEPS.items():
        app.command(verb, help=text)(_step(verb))
    app.command()(history)


def _step(verb: str) -> Callable[..., None]:
    def step(
        plan: str,
        etag: Annotated[str | None, typer.Option(help="Refuse if it has changed since you read this ETag.")] = None,
        who: As = None,
        as_json: AsJson = False,
    ) -> None:
        with connected(who) as client:
            show_fields(getattr(client.plans, verb)(plan, etag=etag), as_json)

    return step


def history(plan: str, who: As = None, as_json: AsJson = False) -> None:
    """Every version of a plan: what was done, when, by whom (as far as you may know), and what it changed."""
    with connected(who) as client:
        found = list(client.plans.history(plan))
    if as_json:
        document(found)
        return
    table(("version", "at", "what", "by", "changed"), [_row(each) for each in found])
    hint(f"{len(found)} version{'s' if len(found) != 1 else ''}")


def _row(version: Mapping[str, Any]) -> tuple[Any, ...]:
    """What changed, with its new value: a title says more than "title"."""
    content = version.get("content") or {}
    changed = [f"{name} = {plain(content[name]) or '-'}" if name in content else name for name in version["changed"]]
    action = str(version.get("action", "")).removeprefix("plan.")
    return version.get("version"), version.get("at"), action, version.get("actor"), "; ".join(changed)
