"""`docs/reference/cli.md`, `events.md` and `matching.md`, written from the code: `python -m infra.reference` (`--check` only looks).

A test holds the committed pages against this, so that neither can rot.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"

WHEN: Final[Mapping[str, str]] = {
    "plan.posted": "a plan is new, or was a draft until now",
    "plan.amended": "fields of a plan have changed, or it is tentative again",
    "plan.relabelled": "its TLP label has changed (and other fields, perhaps)",
    "plan.confirmed": "it will take place",
    "plan.completed": "it has taken place",
    "plan.postponed": "not on these days; it is compared again once it has others",
    "plan.cancelled": "it will not take place; the plan stays",
    "plan.claimed": "the partner has taken over what a coordinator posted for it",
    "alert.opened": "plans may be the same activity, or collide",
    "alert.updated": "what people read of it has changed, or it was snoozed, escalated, or somebody asked to move",
    "alert.closed": "it is decided, or its reason has gone",
    "alert.reopened": "its reason is back, a snooze is over, a decision was taken back, or what was decided on changed",
    "decision.made": "somebody has decided an alert",
    "decision.reversed": "that decision has been taken back",
    "activity.formed": "plans are one joint activity now",
    "activity.changed": "a plan joined a joint activity, or left it",
    "activity.dissolved": "its plans stand alone again",
    "weights.installed": "matching goes by another table of weights",
    "organisation.registered": "a partner is new in the registry",
    "organisation.amended": "its names, identifiers, programmes or status have changed",
    "person.added": "somebody may use Convene now",
    "person.amended": "roles, partners, scope or access have changed",
    "person.erased": "everything that names the person is to be removed",
    "api_key.issued": "a key works from now on",
    "api_key.revoked": "a key works no longer",
    "signing_key.published": "tokens may be signed with it",
    "signing_key.retired": "tokens signed with it are no longer accepted",
}
"""Why somebody who listens is told. An event that is missing here fails the test of these pages."""

_TAKES = {"str": "text", "int": "number", "float": "number", "Path": "file or folder"}
_GENERATED = "<!-- Written by `python -m infra.reference` from the code: change that, not this page. -->\n"


def events_page() -> str:
    """Every event type: when it is published, and what its data carries."""
    lines = [
        "# Events\n",
        _GENERATED,
        "CloudEvents 1.0. `type` is `org.convene.<name>.v1`, `subject` the id of what it is about, `sequence` that one's",
        "version: drop an event at or below the last one that you applied for its subject. At least once, in order per",
        "subject. JSON Schemas: `services/*/contracts/schemas/`; the channels: `asyncapi.json` beside them. What you are",
        "shown of them is decided when they are sent: [the chain](../explanation/chain.md).\n",
    ]
    from infra.routes import SERVICES

    for service in SERVICES:
        events: Mapping[str, type[BaseModel]] = importlib.import_module(f"services.{service}.events").EVENTS
        if not events:
            continue
        lines += [f"## Topic `{service}.v1`\n", "| event | when | data |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {WHEN[name]} | [{model.__name__}](#{model.__name__.lower()}) |"
            for name, model in events.items()
        ]
        lines.append("")
        for model in _with_parts(dict.fromkeys(events.values())):
            lines += [
                f"### {model.__name__}\n",
                f"{_text(model.__doc__)}\n",
                "| field | type | meaning |",
                "|---|---|---|",
            ]
            lines += [
                f"| `{name}` | {_type(model, name)} | {_text(field.description)} |"
                for name, field in model.model_fields.items()
            ]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    from typer.main import get_command

    from infra.cli.app import app

    lines = [
        "# The command line\n",
        _GENERATED,
        "Every command that tells something takes `--json` (`serve` logs, `gateway-config` prints a file): one document (or JSON lines) on standard output and",
        "nothing else; hints and progress go to standard error. It ends with 0, with 1 where the command cannot be carried",
        "out as written, 2 where the server refuses (the text names the field), 3 where there is no server.\n",
    ]
    for name, command in _commands(get_command(app), "convene"):
        lines += [f"## {name}\n", f"{_text(command.help)}\n"]
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        rows = [_parameter(each) for each in shown if each.name != "help"]
        if rows:
            lines += ["| | | |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def matching_page() -> str:
    """Features, levels and weights of matching."""
    from infra.matching_page import page

    return page()


PAGES: Final = {"cli.md": cli_page, "events.md": events_page, "matching.md": matching_page}


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner: Mapping[str, Any] | None = getattr(command, "commands", None)
    if not inner:
        yield name, command
        return
    for each, found in inner.items():
        yield from _commands(found, f"{name} {each}")


def _parameter(parameter: Any) -> str:
    """A row: how it is written, what it takes, what it means."""
    option = parameter.param_type_name == "option"
    names = ", ".join(f"`{each}`" for each in parameter.opts) if option else f"`{str(parameter.name).upper()}`"
    kind = getattr(parameter.type_descriptor.annotation, "__name__", "")
    takes = "" if getattr(parameter, "is_flag", False) else _TAKES.get(kind, kind)
    needed = " Needed." if parameter.required else " Repeatable." if getattr(parameter, "multiple", False) else ""
    default = parameter.default
    said = "" if callable(default) or default in (None, False, "", ()) or option is False else f" Default: `{default}`."
    text = _text(getattr(parameter, "help", None))
    stop = "." if text and text[-1].isalnum() and needed + said else ""
    return f"| {names} | {takes} | {(text + stop + needed + said).strip()} |"


def _with_parts(models: Any) -> list[type[BaseModel]]:
    """The models, and those that their fields are made of, each once."""
    found: dict[type[BaseModel], None] = {}

    def add(model: type[BaseModel]) -> None:
        if model in found:
            return
        found[model] = None
        for field in model.model_fields.values():
            for part in _models_in(field.annotation):
                add(part)

    for model in models:
        add(model)
    return list(found)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for each in getattr(annotation, "__args__", ()) for part in _models_in(each)]


def _type(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()["properties"][name]
    return _said(schema).replace("|", "\\|")


def _said(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        model = str(schema["$ref"]).rsplit("/", 1)[1]
        return f"[{model}](#{model.lower()})"
    if "anyOf" in schema:
        return " or ".join(_said(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_said(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    wrong = [name for name, page in PAGES.items() if not (path := FOLDER / name).exists() or path.read_text() != page()]
    if "--check" in arguments:
        print(*(f"docs/reference/{name} differs from the code: python -m infra.reference" for name in wrong), sep="\n")
        return 1 if wrong else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
