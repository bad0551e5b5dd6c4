"""The import contracts of pyproject.toml hold, and each of them finds what it is there for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("services", "shared", "infra", "dashboard", "client")

PLANTED = {
    "services/activities/queries/planted.py": "import services.partners.queries\n",
    "services/partners/api/planted.py": "import dashboard.app\n",
    "shared/planted.py": "import services.partners.commands\n",
    "services/partners/domain/planted.py": "import services.partners.handlers.people\nimport sqlalchemy\n",
    "services/activities/matching/planted.py": "import shared.bus.port\n",
    "services/notifications/handlers/planted.py": "import aiokafka\n",
    "services/notifications/jottings.py": "",
    "dashboard/planted.py": "import shared.visibility\n",
    "client/convene/planted.py": "import shared.problem\n",
}

VIOLATIONS = {
    "a service imports another": ("services never import each other", "services.activities.queries.planted -> services.partners.queries"),
    "a service imports the dashboard": ("services know neither infra, dashboard nor client", "services.partners.api.planted -> dashboard.app"),
    "shared imports a service": ("shared knows no service", "shared.planted -> services.partners.commands"),
    "a layer imports upward": ("layers inside each service", "services.partners.domain.planted -> services.partners.handlers.people"),
    "a module that stands in no layer": ("layers inside each service", "services.notifications.jottings"),
    "the domain imports a framework": ("the domain is plain Python", "services.partners.domain.planted -> sqlalchemy"),
    "matching imports the bus": ("the domain is plain Python", "services.activities.matching.planted -> shared.bus.port"),
    "aiokafka outside of its adapter": ("only the Kafka adapter imports aiokafka", "services.notifications.handlers.planted -> aiokafka"),
    "the dashboard takes a private door": ("the dashboard is a client of the public API, with no private door", "dashboard.planted -> shared.visibility"),
    "the client imports ours": ("the client imports nothing of ours", "convene.planted -> shared.problem"),
}  # fmt: skip


def checked(root: Path) -> tuple[int, str]:
    """Exit code and report of import-linter on a tree. Its own modules come from there, not from the installation."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(root), str(root / "client"))), "COLUMNS": "400"}
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(
        [*command, "--no-cache"], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def broken(report: str) -> dict[str, str]:
    """Contract -> what is said of it, on one line (the report breaks long lines where the terminal ends)."""
    _, _, details = report.partition("Broken contracts\n")
    parts = re.split(r"^(.+)\n-{5,}\n", details, flags=re.MULTILINE)[1:]
    return {name: " ".join(said.split()) for name, said in zip(parts[::2], parts[1::2], strict=True)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.json", "static"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture(scope="module")
def planted(copy: Path) -> dict[str, str]:
    for path, text in PLANTED.items():
        (copy / path).write_text(text)
    code, report = checked(copy)
    assert code != 0, report
    return broken(report)


def test_the_tree_keeps_its_contracts() -> None:
    code, report = checked(ROOT)
    assert code == 0, report
    assert "0 broken" in report


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_each_kind_of_violation_is_found(planted: dict[str, str], kind: str) -> None:
    contract, line = VIOLATIONS[kind]
    assert contract in planted, f"not broken: {contract}"
    assert line in planted[contract], planted[contract][:3000]
