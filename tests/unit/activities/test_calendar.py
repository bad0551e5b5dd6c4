"""How a plan is written into a calendar: whole days, what is not known told as such, and every line as the RFC has it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.api.calendar import LONGEST, written
from services.activities.domain.content import Content, Party, Venue
from services.activities.domain.plan import Plan
from shared.periods import Period, parse_period
from tests.support import ics

AT = datetime(2017, 4, 3, 9, 30, tzinfo=UTC)
NAMES = {"org_1": "UNODC", "org_2": "World Bank"}
DAYS = Period(date(2017, 4, 25), date(2017, 4, 27), "day")


def plan(**changes: Any) -> Plan:
    content = Content(title="Seizing phones", type="training", tlp="CLEAR", period=DAYS, status="tentative")
    return Plan(
        "plan_01", 3, "org_1", "per_1", True, "act_1", "act_1", replace(content, **changes), AT, AT + timedelta(days=1)
    )


def one(**changes: Any) -> dict[str, str]:
    [event] = ics.events(written([plan(**changes)], NAMES, more=False))
    return event


def test_a_plan_of_whole_days() -> None:
    event = one(
        venues=(Venue("Colombo", "LKA", "Hall 1; west wing"), Venue(None, "MDV")),
        themes=("digital_forensics",),
        url="https://example.org/a,b;c",
        partners=(Party("org_2", None, "implementer"), Party(None, "Academy", "host")),
        beneficiary_countries=("LKA",),
        beneficiary_regions=("034",),
        description="For officers.",
    )
    assert event.pop("DESCRIPTION").splitlines() == [
        "TLP:CLEAR", "Partner: UNODC", "With: World Bank, Academy", "For: Sri Lanka, Southern Asia", "", "For officers."
    ]  # fmt: skip
    assert event == {
        "UID": "plan_01",
        "SEQUENCE": "3",
        "DTSTAMP": "20170404T093000Z",
        "LAST-MODIFIED": "20170404T093000Z",
        "CREATED": "20170403T093000Z",
        "DTSTART": "20170425",
        "DTEND": "20170428",
        "TRANSP": "TRANSPARENT",
        "STATUS": "TENTATIVE",
        "CLASS": "PUBLIC",
        "SUMMARY": "Seizing phones",
        "LOCATION": "Hall 1; west wing, Colombo, Sri Lanka; Maldives",
        "URL": "https://example.org/a,b;c",
        "CATEGORIES": "Training course,Digital forensics",
        "X-CONVENE-STATUS": "tentative",
        "X-CONVENE-PRECISION": "day",
        "X-CONVENE-TLP": "CLEAR",
    }
    [(_, parameters, _)] = [each for each in ics.read(written([plan()], NAMES, False))[2][0][1] if each[0] == "DTEND"]
    assert parameters == {"VALUE": "DATE"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("tentative", "TENTATIVE"),
        ("confirmed", "CONFIRMED"),
        ("completed", "CONFIRMED"),
        ("cancelled", "CANCELLED"),
        ("postponed", "CANCELLED"),
    ],
)
def test_each_status_has_one_of_the_three_that_calendars_know(status: str, told: str) -> None:
    event = one(status=status)
    assert (event["STATUS"], event["X-CONVENE-STATUS"]) == (told, status)
    assert ("does not take place" in event["DESCRIPTION"]) == (status == "postponed")


@pytest.mark.parametrize(
    ("label", "told"),
    [("CLEAR", "PUBLIC"), ("GREEN", "PRIVATE"), ("AMBER", "CONFIDENTIAL"), ("AMBER+STRICT", "CONFIDENTIAL")],
)
def test_the_label_goes_with_the_plan(label: str, told: str) -> None:
    event = one(tlp=label)
    assert event["CLASS"] == told
    assert event["DESCRIPTION"].startswith(f"TLP:{label}\n")


@pytest.mark.parametrize(
    ("start", "end", "days", "told"),
    [
        ("2017-W17", None, ("20170424", "20170501"), "week of 24 April 2017"),
        ("2017-04", None, ("20170401", "20170501"), "April 2017"),
        ("2017-11", "2018-01", ("20171101", "20180201"), "November 2017 to January 2018"),
        ("2017-Q4", None, ("20171001", "20180101"), "Q4 2017"),
        ("2100", None, ("21000101", "21010101"), "2100"),
    ],
)
def test_what_is_no_day_is_not_told_as_one(start: str, end: str | None, days: tuple[str, str], told: str) -> None:
    event = one(period=parse_period(start, end))
    assert (event["DTSTART"], event["DTEND"]) == days
    assert event["SUMMARY"] == f"Seizing phones ({told}, days not known)"
    assert f"is known: {told}." in event["DESCRIPTION"]


def test_a_long_description_is_cut_and_says_so() -> None:
    event = one(description="x" * (LONGEST + 1))
    assert event["DESCRIPTION"].endswith("x ...")
    assert event["DESCRIPTION"].count("x") == LONGEST
    assert not one(description="x" * LONGEST)["DESCRIPTION"].endswith("...")


def test_what_was_left_out_is_said_and_nothing_at_all_is_still_a_calendar() -> None:
    for more in (False, True):
        _, properties, inside = ics.read(written([], NAMES, more))
        said = {name: ics.unescaped(value) for name, _, value in properties}
        assert ("There are more" in said["DESCRIPTION"]) is more
        assert said["DESCRIPTION"] == said["X-WR-CALDESC"]
        assert "Drafts, plans without a date and TLP:RED plans are not in it." in said["DESCRIPTION"]
        assert said["VERSION"] == "2.0"
        assert "METHOD" not in said
        assert [name for name, _, _ in inside] == ["VTIMEZONE"]


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('\r\n\t\\;,:"^\x00\x07\x7f\u2028é中🎓'), max_size=300)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_no_text_breaks_a_line_or_starts_one(title: str, description: str, hall: str) -> None:
    """Nothing that people type may open an attendee, an alarm or another event in somebody's calendar."""
    raw = written(
        [plan(title=f"{title}\r\nATTENDEE:mailto:x@example.org", description=description, venues=(Venue(name=hall),))],
        NAMES, False,
    )  # fmt: skip
    [event] = ics.events(raw)
    assert "ATTENDEE" not in event
    assert "ATTENDEE:mailto:x@example.org" in event["SUMMARY"]
    [told] = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert told["DTEND"].dt == date(2017, 4, 28)
    assert (told["UID"], told["SEQUENCE"]) == ("plan_01", 3)
    if "\\N" not in title:  # the library takes a backslash and an N for the end of a line
        assert letters(event["SUMMARY"]).startswith(letters(title))


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def test_an_address_that_is_none_is_left_out() -> None:
    assert "URL" not in one(url="https://example.org/\x01a")
    assert "URL" not in one(url=None)
