"""Which overlaps there are in one installation: its environment."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.activities.matching.overlap_rules import RULES
from services.activities.settings import ActivitiesSettings


@pytest.fixture(autouse=True)
def _somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITIES_DATABASE_URL", "sqlite+aiosqlite:///nowhere.db")


def settings() -> ActivitiesSettings:
    return ActivitiesSettings()  # pyright: ignore[reportCallIssue]


def test_as_shipped_without_a_word():
    assert settings().overlap_rules == RULES


def test_each_kind_has_a_switch_a_window_and_a_threshold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACTIVITIES_OVERLAP_VENUE_ON", "no")
    monkeypatch.setenv("ACTIVITIES_OVERLAP_EFFORT_DAYS", "30")
    monkeypatch.setenv("ACTIVITIES_OVERLAP_EFFORT_ALERT_FROM", "low")
    monkeypatch.setenv("ACTIVITIES_POSTS_PER_HOUR", "7")
    found = settings()
    rules = found.overlap_rules.by_kind
    assert not rules["venue"].on
    assert (rules["effort"].window, rules["effort"].least) == (30, 0)
    assert rules["audience"] == RULES.by_kind["audience"]
    assert found.posts_per_hour == 7  # names with an underscore are read as before


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("EFORT_DAYS", "30", "no kind of overlap"),
        ("EFFORT_DAY", "30", "effort.day"),
        ("EFFORT_DAYS", "-1", "greater than or equal to 0"),
        ("EFFORT_DAYS", "a month", "valid integer"),
        ("EFFORT_ALERT_FROM", "always", "low"),
    ],
)
def test_a_slip_of_the_pen_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str):
    monkeypatch.setenv(f"ACTIVITIES_OVERLAP_{name}", value)
    with pytest.raises(ValidationError, match=says):
        settings()
