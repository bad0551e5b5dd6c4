"""The command line against a server of our own: what it prints, where, and how it ends."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.cli.app import main
from infra.cli.output import plain
from infra.cli.session import login_file, target

PLAN = {
    "id": "plan_1",
    "version": 1,
    "title": "Forensics \x1b[31mred [bold]x[/bold]",
    "type": "training",
    "status": "tentative",
    "owner": "org_1",
    "checked": "checked",
}

CHECKED = {
    "data": [
        {
            "plan": {"id": "plan_1", "title": "Same course", "owner": "org_1", "illustrative": True},
            "probability": 0.98,
            "band": "likely",
            "sentence": "Same town, same week.",
            "contributions": [],
        }
    ],
    "overlaps": [
        {
            "plan": {"id": "plan_2", "title": "Other course", "owner": "org_2"},
            "overlap_kind": "audience",
            "severity": "high",
            "sentence": "Same officers.",
        }
    ],
    "checked": "checked",
    "capped": False,
}


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[dict[str, Any]]] = []

    def answer(self, status: int, content: Any) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self.note()
        if self.headers["Authorization"] == "Bearer wrong":
            self.answer(401, {"type": "/problems/unauthenticated", "title": "Sign in first", "status": 401})
        elif self.path.startswith("/api/v1/organisations"):
            self.answer(200, {"data": [{"id": "org_1", "acronym": "UNODC", "name": "x"}], "next_cursor": None})
        elif self.path.startswith("/api/v1/me"):
            self.answer(200, {"id": "per_1", "name": "Somebody", "roles": ["coordinator"]})
        elif self.path.startswith("/api/v1/activities"):
            listed = {"id": "act_1", "title": "Crypto tracing", "joint": True, "owners": ["org_1"], "plans": ["plan_1"]}
            self.answer(200, {"data": [listed], "next_cursor": None})
        elif self.path.startswith("/api/v1/stream"):
            self.stream()
        else:
            self.answer(200, {"data": [PLAN], "next_cursor": None})

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"retry: 1000\nid: c0\n\n")
        event = {"type": "org.convene.plan.posted.v1", "subject": "plan_1", "time": "2017-04-03T09:00:00Z", "data": {}}
        self.wfile.write(f"id: c1\ndata: {json.dumps(event)}\n\n".encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.note(body)
        if body["title"] == "bad":
            problem = {"title": "Not valid", "errors": [{"pointer": "#/start", "detail": "is not a date"}]}
            self.answer(422, problem)
        elif self.path == "/api/v1/plans:check":
            self.answer(200, CHECKED)
        else:
            checked = "checked" if body.get("start") else "not checked: no date"
            self.answer(201, PLAN | {"checked": checked})

    def note(self, body: Any = None) -> None:
        self.seen.append({"path": self.path, "key": self.headers["Authorization"], "body": body})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No login and no data folder of whoever runs the tests."""
    for name in ("CONVENE_URL", "CONVENE_KEY", "CONVENE_DATA", "CONVENE_AS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Handler.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{made.server_address[1]}"
        monkeypatch.setenv("CONVENE_URL", url)
        yield url
        made.shutdown()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["convene", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_json_is_one_document_and_nothing_else(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plans", "list", "--json", "--country", "KEN", "--country", "UGA") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [PLAN]
    assert printed.err == ""
    assert Handler.seen[0]["path"] == "/api/v1/plans?country=KEN%2CUGA"


def test_what_people_typed_can_neither_colour_nor_hide(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plans", "list") == 0
    printed = capsys.readouterr().out
    assert "\x1b[31m" not in printed
    assert "[bold]x[/bold]" in printed
    assert "UNODC" in printed
    assert plain("a\x1b]0;title\x07b\x9b") == "a�]0;title�b�"


def test_a_check_says_which_plans_whose_and_why(
    server: str, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = alone / "plan.json"
    file.write_text(json.dumps({"title": "Course", "type": "training"}))
    assert run(monkeypatch, "plans", "check", "--file", str(file)) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "plan_1 [illustrative] Same course UNODC likely Same town, same week." in lines
    assert "plan_2 Other course org_2 audience high Same officers." in lines


def test_activities_are_listed_with_their_titles(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "activities", "list") == 0
    assert "Crypto tracing" in capsys.readouterr().out


def test_listening_is_said_once_the_stream_is_open(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "events", "tail", "--limit", "1") == 0
    assert capsys.readouterr().err.count("listening") == 1
    monkeypatch.setenv("CONVENE_KEY", "wrong")
    assert run(monkeypatch, "events", "tail", "--limit", "1") == 2
    assert "listening" not in capsys.readouterr().err


def test_options_make_the_plan(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "plans post --title T --type training --start 2027-03 --country THA --city Bangkok --audience judges"
    assert run(monkeypatch, *words.split(), "--theme", "malware", "--theme", "darknet", "--participants", "25",
               "--partner", "World Bank (StAR)", "--partner", "unodc", "--json") == 0  # fmt: skip
    assert Handler.seen[-1]["body"] == {
        "title": "T",
        "type": "training",
        "start": "2027-03",
        "beneficiary_countries": ["THA"],
        "audiences": ["judges"],
        "themes": ["malware", "darknet"],
        "participants_planned": 25,
        "partners": [{"name": "World Bank", "programme": "StAR"}, {"organisation": "unodc"}],
        "venues": [{"city": "Bangkok", "country": "THA"}],
    }


def test_dates_and_places_go_as_they_were_written(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    post = ("plans", "post", "--title", "T", "--type", "training")
    where = "Gold Coast and Canberra, Australia"
    assert run(monkeypatch, *post, "--when", "18 - 20 July", "--year", "2017", "--where", where) == 0
    body = Handler.seen[-1]["body"]
    assert (body["period"], body["venues"]) == ({"text": "18 - 20 July", "year": 2017}, [{"text": where}])
    assert run(monkeypatch, *post, "--year", "2017") == 1
    assert "--when" in capsys.readouterr().err


def test_a_plan_without_a_date_is_said_not_to_be_checked(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plans", "post", "--title", "Mentoring", "--type", "mentoring") == 0
    assert "not checked: no date" in capsys.readouterr().out
    assert run(monkeypatch, "plans", "post", "--title", "Mentoring", "--type", "mentoring", "--json") == 0
    assert json.loads(capsys.readouterr().out)["checked"] == "not checked: no date"


def test_a_file_makes_the_plan_and_options_win(server: str, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone / "plan.json").write_text('{"title": "A", "type": "meeting", "tlp": "RED"}')
    assert run(monkeypatch, "plans", "post", "--file", "plan.json", "--tlp", "GREEN") == 0
    assert Handler.seen[-1]["body"] == {"title": "A", "type": "meeting", "tlp": "GREEN"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["plans", "post", "--title", "x"], 1, "--type"),
        (["plans", "post", "--file", "none.json"], 1, "none.json"),
        (["plans", "nonsense"], 1, "nonsense"),
        (["plans", "amend", "plan_1"], 1, "nothing to change"),
        (["plans", "post", "--title", "bad", "--type", "x"], 2, "#/start: is not a date"),
        (["login", "ftp://x"], 1, "address"),
        (["people", "invite", "--name", "x"], 1, "--partner"),
        (["serve", "nonsense"], 1, "nonsense"),
        (["plans", "list", "--as", "unodc"], 1, "demo"),
    ],
)
def test_refusals_go_to_stderr_with_their_own_code(
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    assert run(monkeypatch, *arguments) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_nobody_there_has_its_own_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONVENE_URL", "http://127.0.0.1:1")
    assert run(monkeypatch, "alerts", "list", "--json") == 3
    assert capsys.readouterr().out == ""


def test_login_checks_the_key_and_keeps_it_private(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "login", server, "--key", "wrong") == 2
    assert not login_file().exists()
    assert run(monkeypatch, "login", server, "--key", "cvn_mine") == 0
    assert stat.S_IMODE(os.stat(login_file()).st_mode) == 0o600
    assert "cvn_mine" not in capsys.readouterr().out
    monkeypatch.delenv("CONVENE_URL")
    assert (target().url, target().key) == (server, "cvn_mine")
    monkeypatch.setenv("CONVENE_KEY", "other")
    assert target().key == "other"
    monkeypatch.delenv("CONVENE_KEY")
    assert run(monkeypatch, "login", "--forget") == 0
    assert target().key is None


def test_a_running_data_folder_is_found(alone: Path) -> None:
    folder = alone / "var" / "demo"
    folder.mkdir(parents=True)
    (folder / "admin.key").write_text("cvn_admin\n")
    serving = {"url": "http://127.0.0.1:9", "pid": os.getpid()}
    (folder / "serving.json").write_text(json.dumps(serving))
    assert (target().url, target().key) == ("http://127.0.0.1:9", "cvn_admin")
    people = {"coordinator": {"key": "cvn_c"}, "unodc": {"key": "cvn_u"}}
    (folder / "demo-keys.json").write_text(json.dumps({"people": people, "plans": {}}))
    assert (target().key, target("unodc").key, target(admin=True).key) == ("cvn_c", "cvn_u", "cvn_admin")
    # a server that has gone leaves its word behind, which then counts for nothing
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    (folder / "serving.json").write_text(json.dumps(serving | {"pid": gone.pid}))
    assert target().key is None


def test_a_key_never_goes_to_a_server_that_it_was_not_made_for(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = alone / "var"
    folder.mkdir()
    (folder / "admin.key").write_text("cvn_admin")
    (folder / "serving.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": os.getpid()}))
    monkeypatch.setenv("CONVENE_URL", "https://elsewhere.example.org")
    assert target().key is None


def test_help_stays_fast() -> None:
    """Nothing heavy is imported before a command needs it."""
    code = "import sys, infra.cli.app; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["httpx", "sqlalchemy", "fastapi", "convene", "alembic", "aiokafka", "rich.table", "pydantic"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
