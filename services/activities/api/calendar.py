"""Plans as an iCalendar file (RFC 5545, 7986) for the calendars that people have already: the same filters as the list.

What is not a day is not told as one. A plan of which only the month is known fills the month, and says in its title
that it is the month; one without a date is left out. Nothing in it makes anybody busy.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from icalendar import Calendar, Event, Timezone, TimezoneStandard, vDuration
from icalendar.prop import vDatetime, vUri

from services.activities.api.common import Services, problems
from services.activities.domain.content import Content, Venue
from services.activities.domain.plan import Plan
from services.activities.queries.calendar import MOST, names_of_partners, plans_in_calendar
from shared.answers import IfNoneMatch
from shared.auth import Anyone
from shared.countries import country_name, region_name
from shared.etags import etag, unchanged
from shared.filters import Filtered
from shared.periods import Period, unit
from shared.visibility import CLEAR, GREEN
from shared.vocabulary import VOCABULARIES
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", tags=["plans"], route_class=StrictRoute)
MEDIA_TYPE = "text/calendar; charset=utf-8"
FORM = 1
"""Part of the ETag: raised whenever the same plans are written differently."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local by definition

LONGEST = 1_000
"""Characters of a plan's description; the rest is on its page."""

_STATUS = {"tentative": "TENTATIVE", "confirmed": "CONFIRMED", "completed": "CONFIRMED"}
"""Postponed is CANCELLED, as cancelled is: on those days it does not take place. New days come under the same UID."""
_CLASS = {CLEAR: "PUBLIC", GREEN: "PRIVATE"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LEFT_OUT = "Drafts, plans without a date and TLP:RED plans are not in it."


@router.get(
    "/plans.ics",
    response_class=Response,
    responses={
        200: {"content": {"text/calendar": {"schema": {"type": "string"}}}, "description": "An iCalendar file"},
        304: {"description": "Nothing has changed"},
        **problems("malformed", "unknown-parameter"),
    },
)
async def calendar(
    request: Request, principal: Anyone, wanted: Filtered, if_none_match: IfNoneMatch = None
) -> Response:
    """Plans that you may see as a calendar, at most a thousand, the latest; without signing in, those labelled CLEAR."""
    async with Services(request).runtime.db.read(principal) as session:
        plans, more = await plans_in_calendar(session, principal, wanted)
        names = await names_of_partners(session)
    versions = [(plan.id, plan.version, *_partners(plan, names)) for plan in plans]
    headers = {"ETag": etag(FORM, {"plans": versions, "more": more}), "Cache-Control": "private, no-cache"}
    if unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    # half a millisecond a plan, so not on the loop that everybody else waits for
    raw = await asyncio.to_thread(written, plans, names, more)
    headers |= {"Content-Disposition": 'attachment; filename="plans.ics"'}
    return Response(raw, media_type=MEDIA_TYPE, headers=headers)


def written(plans: Sequence[Plan], names: Mapping[str, str], more: bool) -> bytes:
    """The file. more: plans were left out for the limit's sake, which it says itself."""
    made, said = Calendar(), f"What you may see of the plans in Convene. {_LEFT_OUT}"
    if more:
        said = f"{said} There are more: these are the latest {MOST}. Ask for less, by country, theme or dates."
    made.add("prodid", "-//Convene//Plans//EN")
    made.add("version", "2.0")
    for name, text in (("name", "Convene: plans"), ("x-wr-calname", "Convene: plans"), ("description", said)):
        made.add(name, text)
    made.add("x-wr-caldesc", said)
    made.add("refresh-interval", vDuration(timedelta(hours=1)), {"VALUE": "DURATION"})
    made.add("x-published-ttl", vDuration(timedelta(hours=1)))
    for plan in plans:
        made.add_component(_event(plan, names))
    if not plans:
        made.add_component(_anything())
    return made.to_ical()


def _event(plan: Plan, names: Mapping[str, str]) -> Event:
    content, event = plan.content, Event()
    period = content.period
    assert period is not None, "a plan without a date is in no calendar"
    event.add("uid", plan.id)
    event.add("sequence", plan.version)
    # no METHOD, so that DTSTAMP is the day of the last change (RFC 5545, 3.8.7.2): the same plans are the same file
    for name, at in (("dtstamp", plan.updated_at), ("last-modified", plan.updated_at), ("created", plan.created_at)):
        event.add(name, vDatetime(at))
    event.add("dtstart", period.start)
    event.add("dtend", period.end + timedelta(days=1))  # exclusive
    event.add("transp", "TRANSPARENT")
    event.add("status", _STATUS.get(content.status, "CANCELLED"))
    event.add("class", _CLASS.get(content.tlp, "CONFIDENTIAL"))
    event.add("summary", _text(_summary(content, period)))
    event.add("description", _text("\n".join(_description(plan, period, names))))
    if place := "; ".join(filter(None, map(_place, content.venues))):
        event.add("location", _text(place))
    if content.url and not _UNPRINTABLE.search(content.url):
        event.add("url", vUri(content.url))
    labels = [VOCABULARIES["type"].label(content.type), *map(VOCABULARIES["theme"].label, content.themes)]
    event.add("categories", labels)
    event.add("x-convene-status", content.status)
    event.add("x-convene-precision", period.precision)
    event.add("x-convene-tlp", content.tlp)
    return event


def _summary(content: Content, period: Period) -> str:
    parts = ["Postponed:"] if content.status == "postponed" else []
    parts.append(content.title)
    if period.precision != "day":
        parts.append(f"({_said(period)}, days not known)")
    if content.illustrative:
        parts.append("(illustrative)")
    return " ".join(parts)


def _description(plan: Plan, period: Period, names: Mapping[str, str]) -> Iterable[str]:
    content = plan.content
    yield f"TLP:{content.tlp}"
    if content.status == "postponed":
        yield "Postponed: on these days it does not take place, and new ones are not known."
    if period.precision != "day":
        yield f"Only the {period.precision} is known: {_said(period)}."
    if content.dates_text:
        yield f"When, as written: {content.dates_text}"
    owner, *others = _partners(plan, names)
    yield f"Partner: {owner}"
    if others:
        yield f"With: {', '.join(others)}"
    beneficiaries = [
        *map(country_name, content.beneficiary_countries),
        *map(region_name, content.beneficiary_regions),
    ]
    if beneficiaries:
        yield f"For: {', '.join(beneficiaries)}"
    if content.description:
        cut = len(content.description) > LONGEST
        yield ""
        yield content.description[:LONGEST] + (" ..." if cut else "")


def _partners(plan: Plan, names: Mapping[str, str]) -> list[str]:
    """The owner, then who else is named, as people call them."""
    others = (each.name or names.get(each.organisation or "", "") for each in plan.content.partners)
    return [names.get(plan.owner, plan.owner), *filter(None, others)]


def _place(venue: Venue) -> str:
    country = country_name(venue.country) if venue.country else None
    return ", ".join(filter(None, (venue.name, venue.city, country)))


_UNITS: Mapping[str, Callable[[date], str]] = {
    "week": lambda day: f"week of {day.day} {_MONTHS[day.month - 1]} {day.year}",
    "month": lambda day: f"{_MONTHS[day.month - 1]} {day.year}",
    "quarter": lambda day: f"Q{(day.month + 2) // 3} {day.year}",
    "year": lambda day: str(day.year),
}


def _said(period: Period) -> str:
    """`April 2017`, or from the first to the last of several."""
    first, last = unit(period.start, period.precision)[0], unit(period.end, period.precision)[0]
    say = _UNITS[period.precision]
    return say(first) if first == last else f"{say(first)} to {say(last)}"


def _text(text: str) -> str:
    """Without what no text value may hold (RFC 5545, 3.3.11); the library escapes the rest."""
    return _UNPRINTABLE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _anything() -> Timezone:
    """A calendar has at least one component (RFC 5545, 3.4), also when there is nothing to tell."""
    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", "Etc/UTC")
    standard.add("dtstart", vDatetime(_EPOCH))
    standard.add("tzoffsetfrom", timedelta(0))
    standard.add("tzoffsetto", timedelta(0))
    zone.add_component(standard)
    return zone
