"""What to change, from options or from a file: a JSON merge patch (RFC 7396), in which null removes a value."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.output import Failure

Change = Annotated[
    list[str] | None, typer.Option("--set", help="field=value; the value as JSON, or as text. Repeat for several.")
]
ChangeFile = Annotated[
    Path | None, typer.Option("--file", help="Changes as a JSON merge patch; `-` reads standard input.")
]


def changes(given: list[str] | None, file: Path | None) -> dict[str, Any]:
    """The merge patch; options win over the file. Ends the command where there is nothing to change."""
    found = read_object(file) if file else {}
    for each in given or ():
        name, separator, value = each.partition("=")
        if not separator or not name.strip():
            raise Failure(f"--set {each}: write field=value")
        found[name.strip()] = _value(value)
    if not found:
        raise Failure("nothing to change: give --set or --file")
    return found


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, or on standard input."""
    try:
        content = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise Failure(f"{path}: expected a JSON object")
    return content


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
