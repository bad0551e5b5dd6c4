"""What each address answers. A GET changes nothing; a POST answers with the page again (and says why) or leads on."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from convene import AsyncConvene, ConveneError, Person
from starlette.requests import Request
from starlette.responses import Response

from dashboard import signing_in
from dashboard.app import Page, Site
from dashboard.forms import SEEN_BY, TITLES, PlanForm
from dashboard.sessions import Visit
from dashboard.words import Words

R = TypeVar("R")

LONGEST_LIST = 200
PATIENCE = 2.0
"""Seconds that the page after posting waits for alerts; they come a moment after the plan."""


async def home(site: Site, _: Request, visit: Visit) -> Response:
    if visit.key is None:
        return await signing_in.sign_in_page(site, visit)
    async with site.api(visit.key) as api:
        me, ways = await asyncio.gather(api.people.me(), signing_in.ways(site))
        return site.page("home.html", visit, me=me, ways=ways)


async def confirm(site: Site, request: Request, visit: Visit) -> Response:
    await site.form(request, visit)
    async with site.api(visit.key) as api:
        await api.people.confirm(request.path_params["person"])
    return site.go("/", visit)


async def join(site: Site, request: Request, visit: Visit) -> Response:
    """Only a button: programs that follow links in mail must not use the code up."""
    return site.page("join.html", visit, code=request.path_params["code"], key=None, error=None)


async def redeem(site: Site, request: Request, visit: Visit) -> Response:
    await site.form(request, visit)
    code = request.path_params["code"]
    try:
        async with site.api(None) as api:
            made = await api.invitations.redeem(code)
    except ConveneError as error:
        if error.status not in {404, 422}:
            raise
        said = "This invitation does not work: it was used, withdrawn or has expired. Ask for a new one."
        return site.page("join.html", visit, 422, code=code, key=None, error=said)
    await signing_in.until_known_everywhere(site, str(made.key))
    joined = Visit(visit.visitor, visit.token, made.key)
    response = site.page("join.html", joined, code=code, key=made.key, error=None, ways=await signing_in.ways(site))
    site.sessions.sign_in(response, str(made.key))
    return response


async def plans(site: Site, _: Request, visit: Visit) -> Response:
    async with site.api(visit.key) as api:
        found = [each async for each in _first(api.plans.list(limit=100))]
        names, words = await asyncio.gather(_partners(api), _words(api))
    return site.page("plans.html", visit, plans=found, names=names, words=words, most=LONGEST_LIST)


async def calendar(site: Site, request: Request, visit: Visit) -> Response:
    """The list as a file; `/api/v1/plans.ics` takes no cookie, so that this is how a browser gets more than the public."""
    async with site.api(visit.key) as api:
        found = await api.plans.calendar(**request.query_params)
    return Response(
        found, media_type="text/calendar", headers={"Content-Disposition": 'attachment; filename="plans.ics"'}
    )


async def plan(site: Site, request: Request, visit: Visit) -> Response:
    async with site.api(visit.key) as api:
        found = await api.plans.get(request.path_params["plan"])
        names, words = await asyncio.gather(_partners(api), _words(api))
        posted = request.query_params.get("posted") == "1"
        alerts = await _alerts_of(api, found.id, wait=posted) if visit.key else []
        similar: list[Mapping[str, Any]] = []
        if posted:
            similar = await _similar(api, found)
    return site.page(
        "plan.html", visit, plan=found, names=names, words=words, alerts=alerts, similar=similar, posted=posted
    )


async def new_plan(site: Site, _: Request, visit: Visit) -> Response:
    async with site.api(visit.key) as api:
        return await _form_page(site, visit, api, PlanForm(), secrets.token_hex(16))


async def post_plan(site: Site, request: Request, visit: Visit) -> Response:
    sent = await site.form(request, visit)
    form, once = PlanForm.read(sent), (sent.get("once") or [""])[0][:64] or secrets.token_hex(16)
    async with site.api(visit.key) as api:
        if "look" in sent:
            return await _form_page(site, visit, api, form, once)
        if form.require():
            me = await api.people.me()
            try:
                # one form is one plan, however often the button is pressed
                made = await api.plans.post(form.body(coordinator=_coordinates(me)), key=f"form-{once}")
            except ConveneError as error:
                if error.status not in {409, 413, 422} and not error.fields:
                    raise
                form.complain(error)
                if error.kind == "idempotency-mismatch":
                    form.errors = {"": ["This form has been posted already. Posting it now makes a second plan."]}
                    once = secrets.token_hex(16)
            else:
                return site.go(f"/plans/{made.id}?posted=1", visit)
        return await _form_page(site, visit, api, form, once, status=422)


async def alerts(site: Site, request: Request, visit: Visit) -> Response:
    status = request.query_params.get("status", "live")
    async with site.api(visit.key) as api:
        found = [each async for each in _first(api.alerts.list(status=status, limit=100))]
        names = await _partners(api)
    return site.page("alerts.html", visit, alerts=found, names=names, shown=status)


async def alert(site: Site, request: Request, visit: Visit) -> Response:
    async with site.api(visit.key) as api:
        return await _alert_page(site, visit, api, request.path_params["alert"])


async def decide(site: Site, request: Request, visit: Visit) -> Response:
    sent = await site.form(request, visit)
    alert_id = request.path_params["alert"]

    def one(name: str) -> str | None:
        return (sent.get(name) or [""])[0].strip() or None

    until = one("until")
    async with site.api(visit.key) as api:
        try:
            await api.alerts.decide(
                alert_id,
                one("verdict") or "",
                plans=sent.get("plans"),
                reason=one("reason"),
                until=f"{until}T00:00:00Z" if until else None,
                etag=one("etag"),
                key=f"form-{one('once') or secrets.token_hex(16)}",
            )
        except ConveneError as error:
            if error.status in {401, 404}:
                raise
            said = [each for _, each in error.fields] or [str(error.problem.get("detail") or error)]
            if error.kind == "stale":
                said = ["The alert has changed since you opened this page. Look at it again, then decide."]
            return await _alert_page(site, visit, api, alert_id, said, reason=one("reason") or "", status=422)
    return site.go(f"/alerts/{alert_id}", visit)


async def reverse(site: Site, request: Request, visit: Visit) -> Response:
    sent = await site.form(request, visit)
    async with site.api(visit.key) as api:
        once = (sent.get("once") or [""])[0][:64] or secrets.token_hex(16)
        made = await api.decisions.reverse(request.path_params["decision"], key=f"form-{once}")
    return site.go(f"/alerts/{made.alert}", visit)


# -- parts of pages


async def _form_page(
    site: Site, visit: Visit, api: AsyncConvene, form: PlanForm, once: str, status: int = 200
) -> Response:
    me, words, names = await asyncio.gather(api.people.me(), _words(api), _partners(api))
    coordinator = _coordinates(me)
    seen = await _seen_by(api, form, coordinator=coordinator)
    owners: list[tuple[str, str]] = []
    if coordinator:
        owners = [(each.id, each.name) async for each in _first(api.organisations.list(limit=200))]
    elif len(me.partners or ()) > 1:
        owners = [(each["id"], each["name"]) for each in me.partners]
    return site.page(
        "new_plan.html",
        visit,
        status,
        form=form,
        seen=seen,
        names=names,
        once=once,
        words=words,
        owners=sorted(owners, key=lambda pair: pair[1]),
        coordinator=coordinator,
        titles=TITLES,
    )


async def _seen_by(api: AsyncConvene, form: PlanForm, *, coordinator: bool) -> dict[str, Mapping[str, Any]]:
    """Label -> who would see the plan as far as it is filled in; nothing where that cannot be read."""
    told = {name: value for name, value in form.body(coordinator=coordinator).items() if name in SEEN_BY}
    try:
        answer = await api.plans.sight(title="-", type="meeting", **told)
    except ConveneError as error:
        if error.status in {401, 503}:
            raise
        if not form.errors:
            form.complain(error)
        return {}
    return {str(each["tlp"]): each for each in answer.get("data", ())}


async def _alert_page(
    site: Site,
    visit: Visit,
    api: AsyncConvene,
    alert_id: str,
    errors: list[str] | None = None,
    *,
    reason: str = "",
    status: int = 200,
) -> Response:
    found = await api.alerts.get(alert_id)
    sides = [await _side(api, str(each["plan"])) for each in found.sides or () if each.get("plan")]
    me, names, words = await asyncio.gather(api.people.me(), _partners(api), _words(api))
    return site.page(
        "alert.html",
        visit,
        status,
        alert=found,
        sides=sides,
        names=names,
        words=words,
        errors=errors or [],
        reason=reason,
        once=secrets.token_hex(16),
        decides="decide" in me.get("grants", ()),
        titles={each["id"]: each.get("title", each["id"]) for each in sides},
    )


async def _side(api: AsyncConvene, plan_id: str) -> Mapping[str, Any]:
    try:
        return await api.plans.get(plan_id)
    except ConveneError as error:
        if error.status != 404:
            raise
        return {"id": plan_id, "title": "(not for you to see)"}


async def _alerts_of(api: AsyncConvene, plan_id: str, *, wait: bool) -> list[Mapping[str, Any]]:
    """Live alerts with this plan; with `wait`, given a moment to arise."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + (PATIENCE if wait else 0)
    while True:
        found: list[Mapping[str, Any]] = [each async for each in _first(api.alerts.list(plan=plan_id, limit=100))]
        if found or clock.time() >= deadline:
            return found
        await asyncio.sleep(0.2)


async def _similar(api: AsyncConvene, posted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What `plans:check` says of a plan that is stored by now, without the plan itself."""
    asked = ("title", "type", "start", "end", "precision", "venues", "beneficiary_countries", "beneficiary_regions")
    body = {name: posted[name] for name in (*asked, "audiences", "themes", "mode", "level") if posted.get(name)}
    try:
        answer = await api.plans.check(body)
    except ConveneError:
        return []  # it is a courtesy; the alerts are what counts
    found = [*answer.get("data", ()), *answer.get("overlaps", ())]
    return [each for each in found if each.get("plan", {}).get("id") != posted.get("id")]


def _coordinates(me: Person) -> bool:
    """Whether this person posts on behalf of others: a coordinator who belongs to no partner."""
    return "coordinator" in (me.roles or ()) and not me.partners


async def _partners(api: AsyncConvene) -> dict[str, str]:
    return {each.id: each.acronym or each.name async for each in _first(api.organisations.list(limit=200), 5000)}


async def _words(api: AsyncConvene) -> Words:
    return Words(await api.vocabularies())


async def _first(entries: AsyncIterator[R], most: int = LONGEST_LIST) -> AsyncIterator[R]:
    count = 0
    async for each in entries:
        if count >= most:
            return
        count += 1
        yield each


ROUTES: tuple[tuple[str, str, Page, bool], ...] = (
    ("GET", "/", home, False),
    ("POST", "/sign-in", signing_in.with_key, False),
    ("POST", "/sign-in/password", signing_in.with_password, False),
    ("GET", "/sign-in/oidc", signing_in.to_provider, False),
    ("GET", signing_in.CALLBACK, signing_in.from_provider, False),
    ("POST", "/sign-out", signing_in.sign_out, False),
    ("GET", "/password", signing_in.password, True),
    ("POST", "/password", signing_in.set_password, True),
    ("POST", "/people/{person}/confirm", confirm, True),
    ("GET", "/join/{code}", join, False),
    ("POST", "/join/{code}", redeem, False),
    ("GET", "/plans", plans, False),
    ("GET", "/plans.ics", calendar, False),
    ("GET", "/plans/new", new_plan, True),
    ("POST", "/plans/new", post_plan, True),
    ("GET", "/plans/{plan}", plan, False),
    ("GET", "/alerts", alerts, True),
    ("GET", "/alerts/{alert}", alert, True),
    ("POST", "/alerts/{alert}/decisions", decide, True),
    ("POST", "/decisions/{decision}/reversal", reverse, True),
)
"""(method, path, page, whether one has to be signed in)"""
