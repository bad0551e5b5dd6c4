"""`convene partners`, `convene people`, `convene keys`"""

import sys
from typing import Annotated, Any

import typer

from infra.cli.changes import Change, ChangeFile, changes
from infra.cli.held import used_keys
from infra.cli.output import AsJson, Failure, document, hint, say, show_fields, table
from infra.cli.session import As, connected

partners = typer.Typer(no_args_is_help=True)
people = typer.Typer(no_args_is_help=True)
keys = typer.Typer(no_args_is_help=True)

_NAMES_AT_ONCE = 200
Words = list[str] | None
Etag = Annotated[str | None, typer.Option(help="Refuse if it has changed since you read this ETag.")]


@partners.command("list")
def list_partners(who: As = None, as_json: AsJson = False) -> None:
    """Organisations of the registry."""
    with connected(who, admin=True) as client:
        found = list(client.organisations.list(limit=200))
    if as_json:
        document(found)
        return
    table(
        ("slug", "acronym", "name", "type", "status", "id"),
        [(each.slug, each.acronym, each.name, each.type, each.status, each.id) for each in found],
    )


@partners.command("show")
def show_partner(partner: str, who: As = None, as_json: AsJson = False) -> None:
    """One organisation, by id or slug."""
    with connected(who, admin=True) as client:
        found = client.organisations.get(partner)
    show_fields(found, as_json)


@partners.command("resolve")
def resolve_names(
    name: Annotated[list[str], typer.Argument(help="As people write them; - for one a line on standard input.")],
    limit: Annotated[int, typer.Option(min=1, max=20, help="Candidates for each name.")] = 5,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Which organisations names mean: candidates, how probable, and why."""
    names = [line.strip() for line in sys.stdin if line.strip()] if name == ["-"] else name
    with connected(who, admin=True) as client:
        found = [
            each
            for at in range(0, len(names), _NAMES_AT_ONCE)
            for each in client.organisations.resolve(*names[at : at + _NAMES_AT_ONCE], limit=limit)["data"]
        ]
    if as_json:
        document([{**each, "index": index} for index, each in enumerate(found)])
        return
    rows: list[tuple[Any, ...]] = []
    for each in found:
        told = [
            (f"{one['probability']:.0%}", one["slug"], one["name"], one["because"]) for one in each["candidates"]
        ] or [("", "", "", "")]
        first = (each["name"], each["outcome"])
        rows += [((first if number == 0 else ("", "")) + one) for number, one in enumerate(told)]
    table(("written", "outcome", "sure", "slug", "name", "because"), rows)


@partners.command("amend")
def amend_partner(
    partner: str,
    change: Change = None,
    file: ChangeFile = None,
    etag: Etag = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Change fields of an organisation, by id or slug (administrators); lists are replaced as a whole."""
    body = changes(change, file)
    with connected(who, admin=True) as client:
        show_fields(client.organisations.amend(partner, body, etag=etag), as_json)


@partners.command("add")
def add_partner(
    name: Annotated[str, typer.Option()],
    type: Annotated[str, typer.Option(help="A code of the vocabulary organisation_type.")],
    slug: Annotated[str | None, typer.Option(help="Short name for commands and links.")] = None,
    acronym: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option()] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Register an organisation (administrators)."""
    given = {"name": name, "type": type, "slug": slug, "acronym": acronym, "country": country}
    with connected(who, admin=True) as client:
        made = client.organisations.add(**{key: value for key, value in given.items() if value is not None})
    if as_json:
        document(made)
    else:
        say(f"registered {made.slug} ({made.id})")


@people.command("list")
def list_people(who: As = None, as_json: AsJson = False) -> None:
    """People that you may see (administrators: everybody)."""
    with connected(who, admin=True) as client:
        found = list(client.people.list(limit=200))
    if as_json:
        document(found)
        return
    table(
        ("id", "name", "roles", "partners", "scope", "active", "confirmed until"),
        [
            (each.id, each.name, each.roles, each.partners, each.scope, each.active, each.confirmed_until)
            for each in found
        ],
    )


def _person(
    name: str,
    email: str | None,
    partner: Words,
    role: Words,
    country: Words,
    region: Words,
    theme: Words,
) -> dict[str, Any]:
    scope = {key: value for key, value in (("countries", country), ("regions", region), ("themes", theme)) if value}
    body: dict[str, Any] = {"name": name, "roles": role or ["focal_point"]}
    if email:
        body["email"] = email
    if partner:
        body["partners"] = partner
    if scope:
        body["scope"] = scope
    if "focal_point" in body["roles"] and not partner:
        raise Failure("a focal point posts for a partner: give --partner")
    return body


Name = Annotated[str, typer.Option(help="The person's name; it stays in the partners service.")]
Email = Annotated[str | None, typer.Option()]
Partner = Annotated[Words, typer.Option(help="Id or slug; repeat for several.")]
Role = Annotated[Words, typer.Option(help="focal_point (default), coordinator, reader, donor, administrator.")]
Country = Annotated[Words, typer.Option("--country", help="A coordinator's scope: country.")]
Region = Annotated[Words, typer.Option("--region", help="A coordinator's scope: M49 region; 001 is the world.")]
Theme = Annotated[Words, typer.Option("--theme", help="A coordinator's scope: theme.")]


@people.command("add")
def add_person(
    name: Name,
    email: Email = None,
    partner: Partner = None,
    role: Role = None,
    country: Country = None,
    region: Region = None,
    theme: Theme = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Add a person without inviting them yet (administrators)."""
    body = _person(name, email, partner, role, country, region, theme)
    with connected(who, admin=True) as client:
        made = client.people.add(**body)
    if as_json:
        document(made)
    else:
        say(f"added {made.id}")
        hint(f"Invite: convene people invite --person {made.id}")


@people.command()
def invite(
    person: Annotated[str | None, typer.Option(help="Somebody who was added before.")] = None,
    name: Annotated[str | None, typer.Option(help="Somebody new.")] = None,
    email: Email = None,
    partner: Partner = None,
    role: Role = None,
    country: Country = None,
    region: Region = None,
    theme: Theme = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Make a one-use link that gives a person their first key."""
    if (person is None) == (name is None):
        raise Failure("give --person (somebody who was added) or --name (somebody new)")
    given: dict[str, Any] = (
        {"person": person} if person else _person(name or "", email, partner, role, country, region, theme)
    )
    with connected(who, admin=True) as client:
        made = client.invitations.add(**given)
        link = f"{client.base_url}/join/{made.code}"
    if as_json:
        document({**made, "link": link})
        return
    say(f"{link}\ncode {made.code}" + (f", valid until {made.expires_at}" if made.expires_at else ""))
    hint("It works once, and is not shown again.")


@people.command("amend")
def amend_person(
    person: str,
    change: Change = None,
    file: ChangeFile = None,
    etag: Etag = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Change a person's name, address, roles, partners or scope (administrators)."""
    body = changes(change, file)
    with connected(who, admin=True) as client:
        show_fields(client.people.amend(person, body, etag=etag), as_json)


@people.command("confirm")
def confirm_person(person: str, who: As = None, as_json: AsJson = False) -> None:
    """Somebody goes on being focal point (administrators, and confirmed focal points of the same partner; never oneself)."""
    with connected(who, admin=True) as client:
        found = client.people.confirm(person)
    if as_json:
        document(found)
    else:
        say(f"{found.id} is focal point until {found.confirmed_until}")


@keys.command("list")
def list_keys(
    person: Annotated[str | None, typer.Option(help="Administrators: of this person.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Your keys, the revoked ones too, and the hour in which each was last used; the first characters, never the key."""
    with connected(who, admin=person is not None) as client:
        found = list(client.keys.list(person=person))
        used = used_keys(client, person)
    for each in found:
        each["used_at"] = used.get(each.id)
    if as_json:
        document(found)
        return
    columns = ("id", "prefix", "label", "scopes", "origins", "created_at", "expires_at", "used_at", "revoked_at")
    table([column.removesuffix("_at") for column in columns], [[each.get(name) for name in columns] for each in found])
    hint(f"{len(found)} key{'s' if len(found) != 1 else ''}")


@keys.command("create")
def create_key(
    label: Annotated[str | None, typer.Option(help="For you to tell your keys apart.")] = None,
    scope: Annotated[Words, typer.Option(help="Narrower than what you may do; repeat for several.")] = None,
    expires_at: Annotated[str | None, typer.Option("--expires", help="2027-12-31T00:00:00Z")] = None,
    person: Annotated[str | None, typer.Option(help="Administrators: for this service.")] = None,
    origin: Annotated[
        Words,
        typer.Option(
            help="https://dashboard.example.org: a key for pages of this site, with --scope read; repeat for several."
        ),
    ] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """A further key. It is shown this once."""
    given = {"label": label, "scopes": scope, "expires_at": expires_at, "person": person, "origins": origin}
    with connected(who, admin=person is not None) as client:
        made = client.keys.issue(**{name: value for name, value in given.items() if value})
    if as_json:
        document(made)
        return
    say(str(made.key))
    hint(f"{made.id}: keep it now, it is not shown again. Revoke: convene keys revoke {made.id}")


@keys.command("revoke")
def revoke_key(key: str, who: As = None, as_json: AsJson = False) -> None:
    """End a key, by its id; tokens made with it end within ten minutes."""
    with connected(who) as client:
        ended = client.keys.revoke(key)
    if as_json:
        document(ended)
    else:
        say(f"revoked {ended.id}")
