"""After the load: what came out, and where to look."""

from infra.cli.alerts import show_alerts
from infra.cli.output import command, hint, say
from infra.demo.load import DemoResult


def tell(result: DemoResult) -> None:
    """The alert table on stdout, the hints on stderr."""
    say(f"\nThe demo is loaded: {len(result.plans)} plans, {len(result.alerts)} open alerts\n")
    show_alerts(list(result.alerts), result.partners)
    for each in result.difference:
        hint(f"unlike the demo's expectation: {each}")
    convene = command()
    hint(
        "\nIt is April 2017 here: the demo's clock started on 3 April 2017. Postings marked [illustrative] are invented.\n"
        f"\n  in a browser   {result.url}/   (sign in with a key from {result.keys})\n"
        f"  in a terminal  {convene} alerts list\n"
        f"                 {convene} events tail\n"
        f"                 {convene} alerts decide ALERT link\n"
        f"                 {convene} plans post --as interpol --title ... --type training --start 2017-07-18 --country THA\n"
        f"  people         {', '.join(result.people)} (with --as NAME)\n"
    )
