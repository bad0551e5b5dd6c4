"""`convene alerts`, `convene decisions`, `convene activities`"""

from typing import Annotated, Any

import typer

from infra.cli.output import AsJson, document, fields, hint, say, table
from infra.cli.plans import partner_names, where_of
from infra.cli.session import As, connected

app = typer.Typer(no_args_is_help=True)
decisions = typer.Typer(no_args_is_help=True)
activities = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(
    status: Annotated[
        str | None, typer.Option(help="live (default), open, waiting, snoozed, escalated, decided, closed, all.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="duplicate or overlap.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """What waits for a decision, each with a sentence that says why."""
    with connected(who) as client:
        found = list(client.alerts.list(status=status, kind=kind))
        if as_json:
            document(found)
            return
        names = partner_names(client)
    show_alerts(found, names)
    hint(f"{len(found)} alert{'s' if len(found) != 1 else ''}")


def show_alerts(found: list[Any], names: dict[str, str]) -> None:
    """The alert table, which the demo prints, too."""
    table(
        ("id", "kind", "band", "status", "partners", "why"),
        [
            (
                alert.get("id"),
                alert.get("overlap_kind") or alert.get("kind"),
                alert.get("band") or alert.get("severity"),
                alert.get("status"),
                list(dict.fromkeys(_partner(side, names) for side in alert.get("sides") or ())),
                alert.get("sentence"),
            )
            for alert in found
        ],
    )


def _partner(side: dict[str, Any], names: dict[str, str]) -> str:
    partner = side.get("partner")
    if isinstance(partner, dict):
        name = str(partner.get("acronym") or partner.get("name") or partner.get("id"))
    else:
        name = names.get(str(partner), str(partner or "another partner"))
    return f"{name} [illustrative]" if side.get("illustrative") else name


@app.command()
def show(alert: str, who: As = None, as_json: AsJson = False) -> None:
    """The sides beside each other, and what speaks for and against."""
    from convene import ConveneError

    with connected(who) as client:
        found = client.alerts.get(alert)
        if as_json:
            document(found)
            return
        plans: list[dict[str, Any]] = []
        for side in found.sides or ():
            try:
                plans.append(client.plans.get(str(side.get("plan"))))
            except ConveneError:
                plans.append({"id": side.get("plan"), "title": "(not for you to see)"})
        names = partner_names(client)
    fields(
        (
            ("alert", found.id),
            ("kind", found.overlap_kind or found.kind),
            ("band", found.band),
            ("status", found.status),
            ("why", found.sentence),
            ("what would change it", found.get("change")),
            ("whom to call", found.contacts),
        )
    )
    say()
    table(
        ("", *(str(plan.get("id")) for plan in plans)),
        [
            (name, *(_side_value(name, plan, names) for plan in plans))
            for name in ("title", "owner", "status", "start", "end", "where", "audiences", "themes", "level", "tlp")
        ],
    )
    if found.explanation:
        say()
        _explanation(found.explanation)
    if found.decisions:
        say()
        table(
            ("decision", "verdict", "reason"),
            [(each.get("id"), each.get("verdict"), each.get("reason")) for each in found.decisions],
        )
    hint(f"\nDecide: convene alerts decide {alert} link | distinct | ask_to_move | snooze | escalate")


def _side_value(name: str, plan: dict[str, Any], names: dict[str, str]) -> Any:
    if name == "where":
        return where_of(plan)
    if name == "owner":
        return names.get(str(plan.get("owner")), plan.get("owner"))
    if name == "title" and plan.get("illustrative"):
        return f"[illustrative] {plan.get('title')}"
    return plan.get(name)


def _explanation(pairs: Any) -> None:
    for pair in pairs if isinstance(pairs, list) else ():
        say(f"what speaks for and against: {pair.get('a')} / {pair.get('b')}")
        table(
            ("field", "finding", "against unrelated", "against a series"),
            [
                (
                    str(each.get("field", "")).replace("_", " "),
                    each.get("why"),
                    *(f"{each.get(name) or 0:+g}" for name in ("weight", "series")),
                )
                for each in pair.get("contributions") or ()
            ],
        )


@app.command()
def decide(
    alert: str,
    verdict: Annotated[str, typer.Argument(help="link, distinct, ask_to_move, snooze or escalate.")],
    reason: Annotated[str | None, typer.Option()] = None,
    plans: Annotated[str | None, typer.Option(help="Only these plans of the group, separated by commas.")] = None,
    until: Annotated[str | None, typer.Option(help="For snooze: until when.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Decide an alert. Nothing is deleted, and every decision can be reversed."""
    chosen = [each.strip() for each in plans.split(",") if each.strip()] if plans else None
    with connected(who) as client:
        made = client.alerts.decide(alert, verdict, plans=chosen, reason=reason, until=until)
        if as_json:
            document(made)
            return
        say(f"decided {made.id}: {made.verdict}")
        if made.activity:
            activity = client.activities.get(made.activity)
            _show_activity(activity, partner_names(client))
    hint(f"Take it back: convene decisions reverse {made.id}")


@decisions.command("show")
def show_decision(decision: str, who: As = None, as_json: AsJson = False) -> None:
    """One decision."""
    with connected(who) as client:
        found = client.decisions.get(decision)
    if as_json:
        document(found)
    else:
        fields(found.items())


@decisions.command()
def reverse(
    decision: str, reason: Annotated[str | None, typer.Option()] = None, who: As = None, as_json: AsJson = False
) -> None:
    """Take a decision back; the newest first."""
    with connected(who) as client:
        made = client.decisions.reverse(decision, reason=reason)
    if as_json:
        document(made)
    else:
        say(f"reversed {decision}")


@activities.command("list")
def list_activities(who: As = None, as_json: AsJson = False) -> None:
    """Activities of the plans that you may see."""
    with connected(who) as client:
        found = list(client.activities.list())
        if as_json:
            document(found)
            return
        names = partner_names(client)
    table(
        ("id", "joint", "title", "owners"),
        [(each.id, each.joint, each.get("title"), _names(each.owners, names)) for each in found],
    )


@activities.command("show")
def show_activity(activity: str, who: As = None, as_json: AsJson = False) -> None:
    """One activity, and which plan each value came from."""
    with connected(who) as client:
        found = client.activities.get(activity)
        if as_json:
            document(found)
            return
        names = partner_names(client)
    _show_activity(found, names)


def _show_activity(activity: Any, names: dict[str, str]) -> None:
    fields(
        (
            ("activity", activity.id),
            ("joint", activity.joint),
            ("owners", _names(activity.owners, names)),
            ("plans", [each.get("id") if isinstance(each, dict) else each for each in activity.plans or ()]),
        )
    )
    rows = [
        (name, value.get("value"), value.get("from"), len(value.get("others") or ()) or "")
        for name, value in (activity.fields or {}).items()
        if isinstance(value, dict) and value.get("value") not in (None, "", [], {})
    ]
    if rows:
        table(("field", "value", "from", "other values"), rows)


def _names(owners: Any, names: dict[str, str]) -> list[str]:
    return [
        str(each.get("acronym") or each.get("name") or each.get("id"))
        if isinstance(each, dict)
        else names.get(str(each), str(each))
        for each in owners or ()
    ]
