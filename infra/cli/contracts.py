"""`convene contracts`: for developers of Convene; users find the documents in `services/<name>/contracts/`."""

from typing import Annotated

import typer

from infra.cli.output import REFUSED, AsJson, document, say


def contracts(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where files and code differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the contracts of all services (OpenAPI, AsyncAPI, JSON Schemas) anew from their code."""
    from infra.contracts.files import drift, write

    found = drift() if check else write()
    if as_json:
        document({"changes" if not check else "drift": found})
    else:
        for each in found:
            say(each)
        say(f"{len(found)} differ" if found else "contracts and code agree")
    if check and found:
        raise typer.Exit(REFUSED)
