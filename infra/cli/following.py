"""`convene events tail`"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.output import AsJson, hint, json_line, plain, screen
from infra.cli.plans import title
from infra.cli.session import As, connected

if TYPE_CHECKING:
    from convene import Event

events = typer.Typer(no_args_is_help=True)

Words = list[str] | None


@events.command()
def tail(
    types: Annotated[str | None, typer.Option(help="`alert.opened,plan.*`; everything without it.")] = None,
    country: Annotated[Words, typer.Option(help="Alpha-3 code; repeat for several.")] = None,
    theme: Annotated[Words, typer.Option()] = None,
    since: Annotated[str | None, typer.Option(help="Begin in the past: 2027-03-01T00:00:00Z.")] = None,
    last_event_id: Annotated[str | None, typer.Option(help="Go on after this event.")] = None,
    limit: Annotated[int | None, typer.Option(help="End after so many.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Print events as they happen, until you press Ctrl-C. A cut connection is resumed; nothing is missed or repeated."""
    seen = 0
    with connected(who) as client:
        stream = client.stream(
            types=types,
            country=country or None,
            theme=theme or None,
            since=since,
            last_event_id=last_event_id,
            on_open=lambda: hint(f"listening to {client.base_url} (Ctrl-C ends)"),
        )
        for event in stream:
            if as_json:
                json_line({"cursor": event.cursor, "event": event.content})
            else:
                _line(event)
            seen += 1
            if limit and seen >= limit:
                return


def _line(event: "Event") -> None:
    from rich.text import Text

    line = Text()
    line.append(f"{event.time[:19].replace('T', ' ')}  ", style="dim")
    line.append(f"{event.name:<18} ", style="bold")
    line.append(f"{event.subject}  ", style="cyan")
    line.append(plain(_gist(event.data)))
    screen().print(line, soft_wrap=True)


def _gist(data: Any) -> str:
    """What an event is about, in a few words, from what its data hold."""
    plan = data.get("plan")
    if isinstance(plan, dict):
        return " | ".join(
            filter(None, (title(plan), plan.get("start"), ", ".join(plan.get("beneficiary_countries") or ())))
        )
    words = [data.get("overlap_kind") or data.get("kind"), data.get("band"), data.get("verdict"), data.get("reason")]
    sides = data.get("sides")
    if isinstance(sides, list):
        words.append(f"{len(sides)} plan{'s' if len(sides) != 1 else ''}")
    return " | ".join(str(word) for word in words if word)
