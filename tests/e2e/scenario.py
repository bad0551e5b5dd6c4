"""The way from a post to an alert, a decision and back, by the command line and the plain page."""

import re
import secrets
from typing import Any

import httpx

from infra.demo.load import read
from tests.e2e.convene import Running, until
from tests.support import ics

POST = [
    "plans",
    "post",
    "--type",
    "training",
    "--status",
    "confirmed",
    "--start",
    "2018-02-12",
    "--end",
    "2018-02-14",
    "--country",
    "KEN",
    "--city",
    "Nairobi",
    "--audience",
    "investigators",
    "--theme",
    "malware",
    "--mode",
    "in_person",
    "--tlp",
    "GREEN",
]


def the_demo_is_exactly_what_it_must_be(running: Running, said: dict[str, Any]) -> None:
    expected = read("expected.json")
    assert said["demo"]["difference"] == []
    alerts = running.cli("alerts", "list")
    assert len(alerts) == len(expected["duplicates"]) + len(expected["overlaps"])
    assert all(alert["sentence"] for alert in alerts)
    # the World Bank's workshop is AMBER: UNODC hears that something meets its training and whom to call, and nothing else
    (blind,) = [alert for alert in running.cli("alerts", "list", "--as", "unodc") if alert["blind"]]
    assert blind.keys() == {"id", "blind", "sides", "contacts", "status"}
    assert blind["contacts"] == ["focal_point"]
    # the coordinators in whose countries it lies have both sides of it
    for name in ("coordinator", "coordinator-asia"):
        full = running.cli("alerts", "show", blind["id"], "--as", name)
        assert len({side["partner"] for side in full["sides"]}) >= 2
        assert full["sentence"]
        assert not full["blind"]


LABELS = {
    "coordinator": {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT"},
    "coordinator-asia": {"GREEN", "CLEAR", "AMBER"},
    "world-bank": {"CLEAR", "GREEN", "AMBER"},
    "council-of-europe": {"CLEAR", "GREEN", "AMBER+STRICT"},
    "interpol": {"CLEAR", "GREEN", "RED"},
    "unodc": {"CLEAR", "GREEN"},
}
"""Of the demo's people, which labels the plans have that they see."""


def each_label_is_there_and_each_of_them_sees_their_own(running: Running, url: str) -> None:
    """People of four partners, two coordinators of different scopes, plans of every label; and those who do not sign in."""
    people = running.cli("people", "list")
    assert len({each["partners"][0] for each in people if each["roles"] == ["focal_point"]}) >= 4
    scopes = [each["scope"]["regions"] for each in people if each["roles"] == ["coordinator"]]
    assert sorted(scopes) == [["001"], ["035"]]
    seen = {name: running.cli("plans", "list", "--as", name) for name in LABELS}
    assert {name: {plan["tlp"] for plan in plans} for name, plans in seen.items()} == LABELS
    with httpx.Client(base_url=url, timeout=60) as public:
        clear = public.get("/api/v1/plans?limit=200").json()["data"]
        calendar = ics.events(public.get("/api/v1/plans.ics").content)
    assert [plan["tlp"] for plan in clear] == ["CLEAR", "CLEAR"]
    assert {event["UID"] for event in calendar} == {plan["id"] for plan in clear}


def the_stream_tells_of_a_plan_its_alert_a_decision_and_its_reversal(running: Running) -> None:
    tail = running.tail()
    try:
        title = f"Malware analysis {secrets.token_hex(4)}"
        first = running.cli(*POST, "--as", "interpol", "--title", title)
        second = running.cli(*POST, "--as", "unodc", "--title", f"{title} course")
        tail.wait_for("plan.posted", "alert.opened")
        # coordinators see everything in their scope, so this is about these two plans
        (opened,) = tail.named("alert.opened")
        assert {side["plan"] for side in opened["data"]["sides"]} == {first["id"], second["id"]}
        assert {event["subject"] for event in tail.named("plan.posted")} == {first["id"], second["id"]}

        decision = running.cli("alerts", "decide", opened["subject"], "link", "--reason", "one training")
        tail.wait_for("decision.made", "activity.formed", "alert.closed")
        activity = running.cli("activities", "show", decision["activity"])
        assert activity["joint"]
        assert set(activity["plans"]) == {first["id"], second["id"]}
        assert len(activity["owners"]) == 2
        assert len(running.cli("alerts", "list")) == 7

        running.cli("decisions", "reverse", decision["id"])
        tail.wait_for("decision.reversed", "activity.dissolved", "alert.reopened")
        for plan in (first, second):
            assert running.cli("activities", "show", plan["activity"])["plans"] == [plan["id"]]
        again = running.cli("decisions", "reverse", decision["id"], code=2)
        assert "409" in again

        running.cli("plans", "cancel", second["id"], "--as", "unodc")
        until(lambda: len(running.cli("alerts", "list")) == 7)
        ids = [event["id"] for event in tail.events]
        assert len(ids) == len(set(ids))
    finally:
        tail.stop()


def an_invited_person_posts_by_the_plain_page(running: Running, url: str) -> None:
    invitation = running.cli("people", "invite", "--name", "Invited", "--partner", "oas", "--role", "focal_point")
    title = f"By the page {secrets.token_hex(4)}"
    with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as browser:
        link = httpx.URL(invitation["link"]).path
        token = _hidden(browser.get(link).text, "token")
        joined = browser.post(link, data={"token": token}).text
        assert re.search(r"cvn_[A-Za-z0-9_-]{40,}", joined)

        def known() -> bool:
            return browser.get("/alerts").status_code == 200

        until(known)
        form = browser.get("/plans/new").text
        fields = {
            "title": title,
            "type": "workshop",
            "when": "September 2018",
            "where": "Bogota, Colombia",
            "tlp": "GREEN",
        }
        sent = {"token": _hidden(form, "token"), "once": _hidden(form, "once")}
        answer = browser.post("/plans/new", data=fields | sent)
        assert answer.status_code == 200, answer.text
        assert "Posted." in answer.text
        until(lambda: title in browser.get("/plans").text)
    (plan,) = [plan for plan in running.cli("plans", "list") if plan["title"] == title]
    assert plan["venues"][0]["country"] == "COL"


def everything_is_well(running: Running) -> None:
    found = {each["check"]: each for each in running.cli("doctor")}
    assert {"server", "activities", "partners", "notifications", "key", "stream", "sqlite"} <= set(found)
    assert [each for each in found.values() if each["ok"] is False] == []


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="(\w+)"', page)
    assert found, page
    return found[1]
