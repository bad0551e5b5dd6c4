"""`convene inbox` against a server of our own."""

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.infra.test_cli import Handler, alone, run

__all__ = ["alone"]
ENTRY = {"id": "alrt_1", "alert": "alrt_1", "state": "unread", "kind": "duplicate", "band": "likely", "status": "open",
         "reason": "your plan", "opened_at": "2017-04-03T09:00:00Z"}  # fmt: skip
BLIND = {"id": "alrt_2", "alert": "alrt_2", "state": "unread", "blind": True, "reason": "your plan"}


class Inbox(Handler):
    def do_GET(self) -> None:
        self.note()
        self.answer(200, {"data": [ENTRY, BLIND], "next_cursor": None})

    def do_POST(self) -> None:
        self.note()
        alert, _, mark = self.path.rpartition("/")[2].partition(":")
        known = alert == ENTRY["id"]
        self.answer(200, {**ENTRY, "state": mark}) if known else self.answer(404, {"title": "Not found", "status": 404})


@pytest.fixture
def server(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Handler.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Inbox) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv("CONVENE_URL", f"http://127.0.0.1:{made.server_address[1]}")
        yield
        made.shutdown()


def test_what_waits_is_listed(
    server: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "inbox", "list", "--state", "all", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [ENTRY, BLIND]
    assert Handler.seen[-1]["path"] == "/api/v1/inbox?state=all"
    assert run(monkeypatch, "inbox", "list") == 0
    printed = capsys.readouterr().out
    assert "duplicate, likely" in printed
    assert "something overlaps your plan" in printed


@pytest.mark.parametrize("mark", ["read", "done"])
def test_alerts_are_marked(
    server: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mark: str
) -> None:
    assert run(monkeypatch, "inbox", mark, "alrt_1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{**ENTRY, "state": mark}]
    assert Handler.seen[-1]["path"] == f"/api/v1/inbox/alrt_1:{mark}"
    assert run(monkeypatch, "inbox", mark, "alrt_1", "alrt_9") == 2
    assert "Not found" in capsys.readouterr().err
