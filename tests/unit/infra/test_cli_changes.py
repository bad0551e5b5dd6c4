"""Commands that change things: what they ask of the server, what they print, and how a refusal names the field."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.cli import plan_life
from infra.cli.app import main

PLAN = {"id": "plan_1", "version": 2, "title": "Course", "status": "confirmed"}
VERSIONS = [
    {"version": 1, "action": "plan.posted", "actor": "per_1", "at": "2027-01-01", "changed": [], "content": PLAN},
    {"version": 2, "action": "plan.amended", "at": "2027-01-02", "changed": ["title"], "content": PLAN},
]
KEY = {"id": "key_1", "prefix": "cvn_abc", "label": "laptop", "scopes": ["read"], "origins": ["https://a.example.org"],
       "key": "cvn_abc_secret"}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, str | None, Any]]] = []

    def do_GET(self) -> None:
        self.take()
        lists = {"/api/v1/plans/plan_1/history": VERSIONS, "/api/v1/keys": [KEY | {"key": None}]}
        path = self.path.partition("?")[0]
        if path.startswith("/api/v1/held/"):
            self.answer(200, self.held(*path.split("/")[4:6]))
        else:
            self.answer(200, {"data": lists[path], "next_cursor": None} if path in lists else PLAN)

    def held(self, service: str, noun: str) -> Any:
        """Of partners two pages; each service saw the key at another hour."""
        if noun == "keys":
            hour = {"partners": None, "activities": "2027-01-01T09:00:00Z", "notifications": "2027-01-01T07:00:00Z"}
            return {"data": [{"key": "key_1", "used_at": hour[service]}]}
        second = "cursor=" in self.path
        row = {"kind": "key" if second else "person", "id": service}
        return {"data": [row], "next_cursor": "c" if service == "partners" and not second else None}

    def do_POST(self) -> None:
        self.take()
        self.answer(201, KEY if "keys" in self.path else PLAN)

    def do_PATCH(self) -> None:
        body = self.take()
        if "start" in body:
            errors = [{"pointer": "#/start", "detail": "is not a date"}]
            self.answer(422, {"title": "Not valid", "status": 422, "errors": errors})
        else:
            self.answer(200, PLAN | body)

    def take(self) -> Any:
        raw = self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = json.loads(raw) if raw else None
        self.seen.append((self.command, self.path, self.headers["If-Match"], body))
        return body

    def answer(self, status: int, content: Any) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("ETag", '"2"'), ("Content-Length", str(len(raw)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Handler.seen = []
    for name in ("CONVENE_KEY", "CONVENE_DATA", "CONVENE_AS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv("CONVENE_URL", f"http://127.0.0.1:{made.server_address[1]}")
        yield
        made.shutdown()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["convene", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0)

    return command


@pytest.mark.parametrize("verb", plan_life.STEPS)
def test_a_plans_steps_are_on_the_version_that_is_there_or_that_was_read(
    run: Any, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plans", verb, "plan_1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == PLAN
    assert Handler.seen[-1][:3] == ("POST", f"/api/v1/plans/plan_1:{verb}", '"2"')
    assert run("plans", verb, "plan_1", "--etag", '"1"') == 0
    assert Handler.seen[-1][2] == '"1"'
    assert "confirmed" in capsys.readouterr().out


def test_a_history_says_what_changed_to_what(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plans", "history", "plan_1") == 0
    printed = capsys.readouterr()
    assert "title = Course" in printed.out
    assert "2 versions" in printed.err
    assert run("plans", "history", "plan_1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == VERSIONS


@pytest.mark.parametrize(
    ("group", "path"), [("plans", "/plans/x"), ("partners", "/organisations/x"), ("people", "/people/x")]
)
def test_amending_sends_a_patch_and_a_refusal_names_the_field(
    run: Any, group: str, path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "patch.json"
    file.write_text('{"name": "Old", "roles": ["reader"]}')
    assert run(group, "amend", "x", "--file", str(file), "--set", "name=New", "--set", "scope=null", "--json") == 0
    body = {"name": "New", "roles": ["reader"], "scope": None}
    assert Handler.seen[-1] == ("PATCH", f"/api/v1{path}", '"2"', body)
    assert json.loads(capsys.readouterr().out)["name"] == "New"
    assert run(group, "amend", "x", "--set", "start=soon") == 2
    assert "start: is not a date" in capsys.readouterr().err
    assert run(group, "amend", "x") == 1
    assert run(group, "amend", "x", "--set", "name") == 1
    assert "--set name" in capsys.readouterr().err


def test_a_key_is_shown_once_listed_without_and_ended(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys", "create", "--label", "laptop", "--scope", "read") == 0
    assert Handler.seen[-1][3] == {"label": "laptop", "scopes": ["read"]}
    printed = capsys.readouterr()
    assert printed.out.strip() == "cvn_abc_secret"  # fit for a pipe
    assert "keys revoke key_1" in printed.err
    assert run("keys", "list") == 0
    printed = capsys.readouterr()
    assert "cvn_abc" in printed.out
    assert "2027-01-01T09:00:00Z" in printed.out  # the latest that any service saw
    assert "secret" not in printed.out
    assert run("keys", "revoke", "key_1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["id"] == "key_1"
    assert Handler.seen[-1][:2] == ("POST", "/api/v1/keys/key_1:revoke")


def test_a_key_is_for_the_pages_that_it_names(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pages = ("https://a.example.org", "https://b.example.org")
    assert run("keys", "create", "--scope", "read", "--origin", pages[0], "--origin", pages[1]) == 0
    assert Handler.seen[-1][3] == {"scopes": ["read"], "origins": list(pages)}
    assert run("keys", "list") == 0
    assert pages[0] in "".join(capsys.readouterr().out.split())


def test_migrating_tells_which_service_it_is_at(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("infra.serving.migrate_one", lambda name: "0001")
    assert run("migrate", "all", "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == dict.fromkeys(("activities", "partners", "notifications"), "0001")
    assert [line.split(":")[0] for line in printed.err.splitlines()] == [
        "[1/3] activities",
        "[2/3] partners",
        "[3/3] notifications",
    ]


def test_an_export_asks_every_service_to_the_last_page_and_is_one_document(
    run: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("people", "export", "per_1") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["about"] == {"person": "per_1"}
    assert found["held"] == {
        "partners": {"person": [{"id": "partners"}], "key": [{"id": "partners"}]},
        "activities": {"person": [{"id": "activities"}]},
        "notifications": {"person": [{"id": "notifications"}]},
    }
    file = tmp_path / "held.json"
    assert run("partners", "export", "unodc", "--file", str(file)) == 0
    assert json.loads(file.read_text())["about"] == {"partner": "plan_1"}  # the id, whatever was typed
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("partners", "export", "unodc", "--file", str(file)) == 1
    assert "is there already" in capsys.readouterr().err


def test_a_focal_point_is_confirmed(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("people", "confirm", "per_1") == 0
    assert Handler.seen[-1][:2] == ("POST", "/api/v1/people/per_1:confirm")
    assert "focal point until" in capsys.readouterr().out
