"""`convene doctor` names what is wrong, and is silent about nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from infra.cli.session import Target
from infra.doctor import Check, examine
from infra.front import release

READY: dict[str, Any] = {
    "ready": True,
    "checks": {"bus": "ok", "database": "ok", "x.feed": {"applied": 3, "parked": 0}},
}


class Sick(BaseHTTPRequestHandler):
    ready: ClassVar[Any] = None
    me: ClassVar[int] = 200
    stream_type: ClassVar[str] = "text/event-stream"
    date: ClassVar[str | None] = None

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.answer(200, self.ready)
        elif self.path == "/api/v1/me":
            self.answer(self.me, {"id": "per_1", "roles": ["reader"]})
        else:
            self.answer(200, ": hello\n\n", self.stream_type)

    def answer(self, status: int, content: Any, kind: str = "application/json") -> None:
        raw = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.date or super().date_time_string(timestamp)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Sick.ready, Sick.me, Sick.stream_type, Sick.date = whole(), 200, "text/event-stream", None
    with ThreadingHTTPServer(("127.0.0.1", 0), Sick) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()


def whole(**services: Any) -> dict[str, Any]:
    return {"version": release(), "services": {"activities": READY, "notifications": READY} | services}


def look(url: str, key: str | None = "cvn_x") -> dict[str, Check]:
    return {each.name: each for each in examine(Target(url, key, "here"), 5)}


def test_all_is_well(server: str) -> None:
    found = look(server)
    assert [each.name for each in found.values() if each.ok is False] == []
    assert {"server", "version", "activities", "notifications", "key", "stream", "clock", "disk", "sqlite"} <= set(
        found
    )


def test_nobody_there(server: str) -> None:
    found = look("http://127.0.0.1:1")
    assert found["server"].ok is False
    assert "stream" not in found


@pytest.mark.parametrize(
    ("sickness", "check", "said"),
    [
        (
            {"ready": whole(activities={"ready": False, "checks": {"database": "ConnectionError"}})},
            "activities",
            "data",
        ),
        ({"ready": whole(notifications={"ready": True, "checks": {"bus": "waiting"}})}, "notifications", "waiting"),
        ({"ready": whole() | {"version": "99"}}, "version", "99"),
        ({"ready": "<html>"}, "ready", "is this Convene"),
        ({"me": 401}, "key", "not accepted"),
        ({"stream_type": "text/html"}, "stream", "text/html"),
        ({"date": "Mon, 03 Apr 2017 08:00:00 GMT"}, "clock", "apart"),
    ],
)
def test_each_sickness_is_named(server: str, sickness: dict[str, Any], check: str, said: str) -> None:
    for name, value in sickness.items():
        setattr(Sick, name, value)
    found = look(server)[check]
    assert found.ok is False
    assert said in found.finding


def test_without_a_key_it_is_a_remark(server: str) -> None:
    assert look(server, None)["key"].ok is None


def test_a_weak_second_wall_is_a_remark(server: str) -> None:
    weak = READY | {"checks": READY["checks"] | {"row_security": "off: the role is a superuser"}}
    Sick.ready = whole(activities=weak)
    found = [each for each in examine(Target(server, None, "here"), 5) if each.name == "activities"]
    assert [each.ok for each in found] == [True, None]
    assert "row level security off" in found[1].finding


def test_parked_messages_are_counted(server: str) -> None:
    Sick.ready = whole(activities={"ready": True, "checks": {"x": {"parked": 2}, "y": {"parked": 1}}})
    assert "3 parked" in look(server)["activities"].finding
