"""When an alert is unread, read or done: the table of `advance`, row by row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.domain import Alert, Marks, Side, State, advance, state_of

START = datetime(2027, 4, 3, tzinfo=UTC)
ME, OTHER = "per_me", "per_other"
PLANS = (Side("plan_1", 1), Side("plan_2", 1))


def event(version: int, status: str = "open", **changes: Any) -> Alert:
    at = START + timedelta(minutes=version)
    alert = Alert("alrt_1", version, status, "duplicate", PLANS, at, at, version, at, band="likely")
    return replace(alert, **changes)


OPENED = advance(None, event(1), "alert.opened")
READ, DONE = Marks(seen_version=1), Marks(seen_version=1, done_version=1)


def after(name: str, now: Alert, before: Alert = OPENED) -> tuple[str, str, str]:
    """The states of who had not looked yet, had read it, was done with it."""
    alert = advance(before, now, f"alert.{name}")
    return tuple(state_of(alert, marks, ME).value for marks in (Marks(), READ, DONE))  # type: ignore[return-value]


def test_as_opened() -> None:
    assert [state_of(OPENED, marks, ME) for marks in (Marks(), READ, DONE)] == [State.UNREAD, State.READ, State.DONE]


@pytest.mark.parametrize(
    "changes",
    [{"sides": (*PLANS, Side("plan_3", 1))}, {"sides": (PLANS[0], Side("plan_3", 1))}, {"kind": "overlap"}, {"severity": "high"}, {"band": "certain"}, {"overlap_kind": "effort"}],
    ids=["gains a plan", "another plan", "kind", "severity", "band", "overlap kind"],
)  # fmt: skip
def test_what_asks_anew_is_unread_for_everybody(changes: dict[str, Any]) -> None:
    assert after("updated", event(2, **changes)) == ("unread", "unread", "unread")


def test_what_changes_nothing_that_is_asked_leaves_it_as_it_was() -> None:
    newer = tuple(replace(side, version=2) for side in PLANS)
    assert after("updated", event(2, sides=newer)) == ("unread", "read", "done")


@pytest.mark.parametrize(("name", "status"), [("closed", "decided"), ("updated", "snoozed"), ("updated", "waiting"), ("updated", "escalated")])  # fmt: skip
def test_a_decision_is_unread_once_for_the_others(name: str, status: str) -> None:
    assert after(name, event(2, status)) == ("unread", "unread", "done")
    told = advance(OPENED, event(2, status), f"alert.{name}")
    seen = state_of(told, Marks(seen_version=2), ME)
    assert seen is (State.DONE if status == "decided" else State.READ)


def test_it_is_done_for_who_decided() -> None:
    told = advance(OPENED, event(2, "decided"), "alert.closed")
    alert = replace(told, decided_by=ME, decided_at=START + timedelta(minutes=2))
    assert state_of(alert, READ, ME) is State.DONE
    assert state_of(alert, READ, OTHER) is State.UNREAD
    again = advance(alert, event(3), "alert.reopened")  # taken back
    assert {state_of(again, marks, person) for marks in (READ, DONE) for person in (ME, OTHER)} == {State.UNREAD}


def test_closed_is_nobodys_affair_until_it_opens_again() -> None:
    assert after("closed", event(2, "closed")) == ("done", "done", "done")
    closed = advance(OPENED, event(2, "closed"), "alert.closed")
    assert after("closed", event(3, "closed", sides=PLANS[:1]), closed) == ("done", "done", "done")
    assert after("reopened", event(3), closed) == ("unread", "unread", "unread")


def test_what_was_put_off_asks_again_when_its_time_has_come() -> None:
    snoozed = advance(OPENED, event(2, "snoozed"), "alert.updated")
    assert after("updated", event(3), snoozed) == ("unread", "unread", "unread")


def test_a_blind_one_is_what_its_reader_made_of_it() -> None:
    life = [OPENED]
    for version, (name, status) in enumerate(
        (("updated", "open"), ("closed", "decided"), ("reopened", "open"), ("closed", "closed")), 2
    ):
        life.append(advance(life[-1], event(version, status), f"alert.{name}"))
    for alert in life:
        states = [state_of(alert, marks, ME, blind=True) for marks in (Marks(), READ, DONE)]
        assert states == [State.UNREAD, State.READ, State.DONE]
