"""`convene demo load`"""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.output import AsJson, Failure, document
from infra.cli.session import target

app = typer.Typer(no_args_is_help=True)


@app.command()
def load(
    keys: Annotated[Path | None, typer.Option(help="Where the demo people's keys go (mode 0600).")] = None,
    as_json: AsJson = False,
) -> None:
    """Post the demo's plans to a running server, as its administrator. Loading twice changes nothing."""
    import asyncio

    from infra.demo.load import load_demo
    from infra.demo.telling import tell

    where = target(admin=True)
    if not where.key:
        raise Failure("loading the demo needs an administrator's key (CONVENE_KEY)")
    file = keys or (where.data or Path.cwd()) / "demo-keys.json"
    result = asyncio.run(load_demo(where.url, where.key, file, quiet=as_json))
    if as_json:
        document(result.as_json())
    else:
        tell(result)
