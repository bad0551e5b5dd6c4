"""Secrets come by reference where one wants them to, and are in no printed settings and in no error."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from dashboard.settings import DashboardSettings
from infra.routes import DASHBOARD, SERVICES
from infra.services import secrets_folder, settings_of

NAMED = re.compile(r"key|password|secret|token|database_url")
NO_SECRET = re.compile(r"_file$|^passwords$|_minutes$|_days$|_seconds$")
PLANTED = "zq-planted-" + "A" * 32


def made(process: str, **given: Any) -> Any:
    if process == DASHBOARD:
        return DashboardSettings(_secrets_dir=secrets_folder(), **given)  # pyright: ignore[reportCallIssue]
    return settings_of(process, **given)


def kind(process: str) -> Any:
    given = {"session_key": "A" * 43} if process == DASHBOARD else {"database_url": "sqlite+aiosqlite://"}
    return type(made(process, **given))


def secrets_of(process: str) -> list[str]:
    return [name for name in kind(process).model_fields if NAMED.search(name) and not NO_SECRET.search(name)]


@pytest.mark.parametrize("process", [*SERVICES, DASHBOARD])
def test_settings_that_are_printed_hold_no_secret(process: str) -> None:
    """Nor does the error about a wrong one, which ends up in a log."""
    names = secrets_of(process)
    assert names
    fields = kind(process).model_fields
    for name in names:
        assert "SecretStr" in str(fields[name].annotation), f"{process}: {name} would be printed"
    built = kind(process).model_construct(**{name: SecretStr(PLANTED) for name in names})
    assert PLANTED not in f"{built!r} {built} {built.model_dump()}"
    said = ""
    for name in names:
        for wrong in (PLANTED, {PLANTED: 1}):
            try:
                made(process, **{"database_url": "sqlite+aiosqlite://", "session_key": "A" * 43} | {name: wrong})
            except ValidationError as error:
                said += str(error)
    assert said
    assert PLANTED not in said


@pytest.mark.parametrize("process", [*SERVICES, DASHBOARD])
def test_each_secret_may_lie_in_a_file_of_its_name(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, str] = {}
    for name in secrets_of(process):
        choices = getattr(kind(process).model_fields[name].validation_alias, "choices", None)
        variable = str(choices[-1]) if choices else f"{process}_{name}".upper()
        known = {"database_url": "sqlite+aiosqlite:///of-a-file", "bootstrap_key": "cvn_" + "x" * 43}
        values[name] = known.get(name, "A" * 43)
        if name != "bus_sasl_password":  # goes with a protocol and a user only: tests/unit/shared/test_bus_security.py
            (tmp_path / variable).write_text(values[name] + "\n")
    monkeypatch.setenv("CONVENE_SECRETS", str(tmp_path))
    found = made(process)
    for name, value in values.items():
        if name != "bus_sasl_password":
            held = getattr(found, name)
            assert held is not None, name
            assert held.get_secret_value() == value, name
