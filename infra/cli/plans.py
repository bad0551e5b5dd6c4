"""`convene plans ...`"""

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.changes import Change, ChangeFile, changes, read_object
from infra.cli.output import AsJson, Failure, document, fields, hint, say, show_fields, table
from infra.cli.session import As, connected

app = typer.Typer(no_args_is_help=True)

Words = list[str] | None
COLUMNS = ("id", "title", "type", "status", "start", "end", "where", "owner", "label", "checked")


def _row(plan: dict[str, Any], names: dict[str, str]) -> tuple[Any, ...]:
    return (
        plan.get("id"),
        title(plan),
        plan.get("type"),
        plan.get("status"),
        plan.get("start"),
        plan.get("end"),
        where_of(plan),
        names.get(str(plan.get("owner")), plan.get("owner")),
        plan.get("tlp"),
        plan.get("checked"),
    )


def title(plan: dict[str, Any]) -> str:
    return ("[illustrative] " if plan.get("illustrative") else "") + str(plan.get("title", ""))


def where_of(plan: dict[str, Any]) -> str:
    places = [" ".join(filter(None, (each.get("city"), each.get("country")))) for each in plan.get("venues") or ()]
    return ", ".join(filter(None, places)) or ", ".join(
        [*(plan.get("beneficiary_countries") or ()), *(plan.get("beneficiary_regions") or ())]
    )


def _days(plan: dict[str, Any]) -> str:
    """The days as they were understood, with the precision that they have."""
    days = " to ".join(dict.fromkeys(str(plan[name]) for name in ("start", "end") if plan.get(name)))
    precision = plan.get("precision")
    return f"{days} ({precision})" if days and precision != "day" else days


def partner_names(client: Any) -> dict[str, str]:
    """Organisation id -> its acronym or name; empty when the registry cannot be read."""
    from convene import ConveneError

    try:
        return {each.id: each.acronym or each.name for each in client.organisations.list(limit=200)}
    except ConveneError:
        return {}


@app.command("list")
def list_(
    country: Annotated[Words, typer.Option(help="Alpha-3 code; repeat for several.")] = None,
    theme: Annotated[Words, typer.Option()] = None,
    audience: Annotated[Words, typer.Option()] = None,
    type: Annotated[Words, typer.Option()] = None,
    status: Annotated[Words, typer.Option()] = None,
    start_gte: Annotated[str | None, typer.Option("--from", help="Starts on or after this day.")] = None,
    start_lte: Annotated[str | None, typer.Option("--to", help="Starts on or before this day.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Plans that you may see."""
    with connected(who) as client:
        found = list(
            client.plans.list(
                country=country or None,
                theme=theme or None,
                audience=audience or None,
                type=type or None,
                status=status or None,
                start_gte=start_gte,
                start_lte=start_lte,
            )
        )
        if as_json:
            document(found)
            return
        names = partner_names(client)
    table(COLUMNS, [_row(plan, names) for plan in found])
    hint(f"{len(found)} plan{'s' if len(found) != 1 else ''}")


@app.command()
def show(plan: str, who: As = None, as_json: AsJson = False) -> None:
    """One plan, with everything on it."""
    with connected(who) as client:
        show_fields(client.plans.get(plan), as_json)


@app.command()
def post(
    file: Annotated[Path | None, typer.Option(help="A plan as JSON; `-` reads standard input.")] = None,
    title: Annotated[str | None, typer.Option()] = None,
    type: Annotated[str | None, typer.Option(help="training, workshop, conference, ...")] = None,
    status: Annotated[str | None, typer.Option(help="draft, tentative or confirmed.")] = None,
    when: Annotated[
        str | None, typer.Option(help='As written: "18 - 20 July 2027"; instead of --start and --end.')
    ] = None,
    year: Annotated[int | None, typer.Option(help="For a --when without one.")] = None,
    start: Annotated[str | None, typer.Option(help="2027-03-02, 2027-W09, 2027-03, 2027-Q1 or 2027.")] = None,
    end: Annotated[str | None, typer.Option()] = None,
    where: Annotated[Words, typer.Option(help='As written: "Gold Coast and Canberra, Australia".')] = None,
    country: Annotated[Words, typer.Option(help="Beneficiary country; repeat for several.")] = None,
    city: Annotated[str | None, typer.Option(help="Where it takes place.")] = None,
    venue_country: Annotated[str | None, typer.Option(help="The city's country, if not the first --country.")] = None,
    audience: Annotated[Words, typer.Option()] = None,
    theme: Annotated[Words, typer.Option()] = None,
    mode: Annotated[str | None, typer.Option(help="in_person, online or hybrid.")] = None,
    level: Annotated[str | None, typer.Option()] = None,
    language: Annotated[Words, typer.Option()] = None,
    programme: Annotated[str | None, typer.Option()] = None,
    participants: Annotated[int | None, typer.Option(help="How many people it is planned for.")] = None,
    partner: Annotated[Words, typer.Option(help='"World Bank (StAR)": who takes part, with its programme.')] = None,
    description: Annotated[str | None, typer.Option()] = None,
    tlp: Annotated[str | None, typer.Option(help="CLEAR, GREEN, AMBER, AMBER+STRICT or RED.")] = None,
    part_of: Annotated[str | None, typer.Option(help="The plan that this is a session of.")] = None,
    follow_up_of: Annotated[str | None, typer.Option(help="The plan that this follows up.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Your partner, if you belong to several.")] = None,
    on_behalf_of: Annotated[str | None, typer.Option(help="Coordinators: the partner whose plan it is.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Posting again with the same key posts once.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Post a plan, from a file or from options (options win)."""
    from dashboard.forms import party

    given = {
        "title": title,
        "type": type,
        "status": status,
        "start": start,
        "end": end,
        "beneficiary_countries": country,
        "audiences": audience,
        "themes": theme,
        "mode": mode,
        "level": level,
        "languages": language,
        "programme": programme,
        "participants_planned": participants,
        "partners": [party(each) for each in partner or ()],
        "description": description,
        "tlp": tlp,
        "part_of": part_of,
        "follow_up_of": follow_up_of,
        "organisation": organisation,
        "on_behalf_of": on_behalf_of,
    }
    body = read_object(file) if file else {}
    body |= {name: value for name, value in given.items() if value not in (None, [])}
    if year is not None and not when:
        raise Failure("--year: it completes a --when, and there is none")
    if when:
        body["period"] = {"text": when} | ({"year": year} if year is not None else {})
    venues: list[dict[str, Any]] = [{"text": line} for line in where or ()]
    if city:
        venues.append({"city": city, "country": venue_country or (country[0] if country else None)})
    if venues:
        body["venues"] = venues
    if not body.get("title") or not body.get("type"):
        raise Failure("a plan needs at least --title and --type (or a --file that has them)")
    with connected(who) as client:
        plan = client.plans.post(body, key=idempotency_key)
    if as_json:
        document(plan)
        return
    say(f"posted {plan.id}: {plan.checked or plan.status}")
    if when or where:
        fields((("when", _days(plan)), ("where", where_of(plan))))
    hint("Overlaps with other plans appear within moments: convene alerts list")


@app.command()
def amend(
    plan: str,
    change: Change = None,
    file: ChangeFile = None,
    etag: Annotated[str | None, typer.Option(help="Refuse if it has changed since you read this ETag.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Change fields of a plan; null removes a value."""
    body = changes(change, file)
    with connected(who) as client:
        show_fields(client.plans.amend(plan, body, etag=etag), as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Option(help="A plan as JSON; `-` reads standard input.")],
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Similar plans that you may see; nothing is stored."""
    with connected(who) as client:
        found = client.plans.check(read_object(file))
        if as_json:
            document(found)
            return
        names = partner_names(client)
    say(f"{found.get('checked')}; {len(found.get('data') or ())} similar among the plans that you may see")
    if found.get("capped"):
        hint("There are more candidates than are compared: narrow the dates or the countries.")
    rows = [_met(each, names) for each in [*(found.get("data") or ()), *(found.get("overlaps") or ())]]
    if rows:
        table(("id", "title", "partner", "kind", "severity", "why"), rows)
    more = int(found.get("overlaps_total") or 0) - len(found.get("overlaps") or ())
    if more > 0:
        hint(f"and {more} more that would collide")


def _met(each: dict[str, Any], names: dict[str, str]) -> tuple[Any, ...]:
    """A plan that may be the same (it has a band) or that would collide (it has a kind and a severity)."""
    plan = each.get("plan") or {}
    owner = plan.get("owner")
    return (
        plan.get("id"),
        title(plan),
        names.get(str(owner), owner),
        each.get("overlap_kind") or each.get("band"),
        each.get("severity"),
        each.get("sentence"),
    )
