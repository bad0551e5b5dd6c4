"""`convene` runs `convene match` in this process."""

import sys

import pytest

from infra.cli.app import main
from tests.unit.infra.lists.running import Convene, Ended


@pytest.fixture
def convene(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Convene:
    """Runs the command in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["convene", "match", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run
