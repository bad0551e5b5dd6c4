"""Load the demo through the public API: people by invitation, plans by the people who would post them.

Loading again changes nothing: what was made is remembered beside the keys, and each post carries an Idempotency-Key
made from the plan's key, for the case that the memory was cut off.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from convene import Alert, AsyncConvene, ConveneError, Organisation

from infra.demo.people import COORDINATORS, State, address, focal_point
from services.activities.matching.engine import COVERAGE_TEXT

FOLDER = Path(__file__).parent
PATIENCE = 30.0
"""Seconds that a new key, person or organisation gets to become known to every service."""

T = TypeVar("T")
Step = Callable[[str, int, int], None]


class DemoFailed(Exception):
    """The demo cannot be loaded here; the text says why."""


@dataclass
class DemoResult:
    """What was loaded. `difference`: where the alerts are not what the demo expects (empty if all is well)."""

    url: str
    keys: Path
    plans: dict[str, str]
    people: list[str]
    alerts: list[Alert]
    partners: dict[str, str] = field(default_factory=dict[str, str])
    difference: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "keys": str(self.keys),
            "plans": self.plans,
            "people": self.people,
            "alerts": self.alerts,
            "difference": self.difference,
        }


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


async def load_demo(url: str, admin_key: str, keys: Path, *, quiet: bool = False) -> DemoResult:
    """Make sure that the demo is there, and wait for its alerts. Raises ConveneError, Unreachable or DemoFailed."""
    content, state = read("plans.json"), State.read(keys)
    async with AsyncConvene(url, admin_key) as admin, _progress(quiet) as step:
        registry = Registry([each async for each in admin.organisations.list(limit=200)])
        for each in content["illustrative_organisations"]:
            await _organisation(admin, registry, each)
        await _forget_if_gone(admin, url, state)
        posters = list(dict.fromkeys(registry.slug(each["posted_by"]) for each in content["plans"]))
        wanted = dict(COORDINATORS) | {slug: focal_point(slug, registry.label(slug)) for slug in posters}
        for number, (name, person) in enumerate(wanted.items(), start=1):
            await _person(admin, url, state, name, person)
            step("people", number, len(wanted))
        for number, entry in enumerate(content["plans"], start=1):
            await _plan(url, state, registry, entry)
            step("plans", number, len(content["plans"]))
        expected = read("expected.json")
        alerts = await _settled(url, state, len(expected["duplicates"]) + len(expected["overlaps"]), step)
        checked = await _checked(url, state, expected["not_checked"])
    return DemoResult(
        url,
        keys,
        state.plans,
        list(state.people),
        alerts,
        registry.labels(),
        differences(expected, alerts, state.plans, checked),
    )


class Registry:
    """Organisations by slug, and by what else people call them (`amlo` for the Anti-Money Laundering Office)."""

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        self._by_slug: dict[str, Organisation] = {}
        self._by_name: dict[str, str] = {}
        for each in organisations:
            self.add(each)

    def add(self, organisation: Organisation) -> None:
        self._by_slug[organisation.slug] = organisation
        aliases = [alias.get("text", "") for alias in organisation.get("aliases", ())]
        for name in (organisation.acronym, organisation.name, *aliases):
            if name:
                self._by_name.setdefault(name.casefold(), organisation.slug)

    def __contains__(self, slug: str) -> bool:
        return slug in self._by_slug

    def slug(self, name: str) -> str:
        """Raises DemoFailed where the registry does not know it."""
        found = name if name in self._by_slug else self._by_name.get(name.casefold())
        if found is None:
            raise DemoFailed(f"the registry has no organisation {name!r}; the demo needs the registry's first entries")
        return found

    def label(self, slug: str) -> str:
        found = self._by_slug[slug]
        return found.acronym or found.name

    def labels(self) -> dict[str, str]:
        return {each.id: each.acronym or each.name for each in self._by_slug.values()}


async def _organisation(admin: AsyncConvene, registry: Registry, entry: Mapping[str, Any]) -> None:
    if entry["slug"] in registry:
        return
    # nobody knows what kind of body it is: the code for "other"
    made = await admin.organisations.add(
        key=f"demo-{entry['slug']}", slug=entry["slug"], name=entry["name"], type=entry.get("type_code", "90")
    )
    registry.add(made)


async def _forget_if_gone(admin: AsyncConvene, url: str, state: State) -> None:
    """Keys of another installation (a data folder that was emptied) are no use: begin anew."""
    if not state.people:
        return
    first = next(iter(state.people.values()))
    async with AsyncConvene(url, first["key"]) as client:
        try:
            await client.people.me()
        except ConveneError as error:
            if error.status != 401:
                raise
            state.people.clear()
            state.plans.clear()


async def _person(admin: AsyncConvene, url: str, state: State, name: str, person: Mapping[str, Any]) -> None:
    if name in state.people:
        return
    email = address(name)
    known = [each async for each in admin.people.list(limit=200) if each.get("email") == email]
    # a load that was cut off between inviting and redeeming left somebody without a key: invite again
    given: dict[str, Any] = {"person": known[0].id} if known else {**person, "email": email}
    invitation = await _until_known(lambda: admin.invitations.add(**given))
    async with AsyncConvene(url) as nobody:
        made = await nobody.invitations.redeem(str(invitation.code))
    state.people[name] = {"key": made.key, "person": made.get("person"), "roles": person["roles"]}
    state.save()


async def _plan(url: str, state: State, registry: Registry, entry: Mapping[str, Any]) -> None:
    key = str(entry["key"])
    if key in state.plans:
        return
    body = dict(entry["body"])
    for name in ("part_of", "follow_up_of"):
        if body.get(name):
            body[name] = state.plans[body[name]]
    for name in ("partners", "funders"):
        body[name] = [
            {**each, "organisation": registry.slug(each["organisation"])} if each.get("organisation") else each
            for each in body.get(name) or ()
        ]
    poster = registry.slug(entry["posted_by"])
    async with AsyncConvene(url, state.people[poster]["key"]) as client:
        plan = await _until_known(lambda: client.plans.post(body, key=f"demo-{key}"))
    state.plans[key] = plan.id
    state.save()


async def _until_known(work: Callable[[], Awaitable[T]]) -> T:
    """Try while the services have not heard of a key or an organisation yet; any other refusal is raised at once."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await work()
        except ConveneError as error:
            named = any("organisation" in pointer or "partners" in pointer for pointer, _ in error.fields)
            passing = error.status == 401 or (error.status in {403, 422} and named)
            if not passing or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.2)


async def _settled(url: str, state: State, expected: int, step: Step) -> list[Alert]:
    """The open alerts as the world's coordinator sees them, once they have stopped changing."""
    coordinator = next(iter(COORDINATORS))
    async with AsyncConvene(url, state.people[coordinator]["key"]) as client:
        found: list[Alert] = []
        deadline, unchanged = asyncio.get_running_loop().time() + 2 * PATIENCE, 0
        while asyncio.get_running_loop().time() < deadline:
            now = await _until_known(lambda: _alerts(client))
            unchanged = unchanged + 1 if _shape(now) == _shape(found) else 0
            found = now
            step("alerts", min(len(found), expected), expected)
            # as many as expected and quiet for a second; or quiet for long, whatever the number
            if unchanged >= (4 if len(found) == expected else 40):
                break
            await asyncio.sleep(0.25)
        return found


async def _checked(url: str, state: State, keys: Iterable[str]) -> dict[str, str]:
    async with AsyncConvene(url, state.people[next(iter(COORDINATORS))]["key"]) as client:
        return {key: str((await client.plans.get(state.plans[key])).get("checked")) for key in keys}


async def _alerts(client: AsyncConvene) -> list[Alert]:
    return [each async for each in client.alerts.list(limit=200)]


def _shape(alerts: list[Alert]) -> set[tuple[str, int]]:
    return {(each.id, each.version) for each in alerts}


Sides = frozenset[frozenset[str]]
"""The activities that an alert is between, each by the keys of its plans."""


def _told(sides: Iterable[Iterable[str]]) -> str:
    return " | ".join(sorted(", ".join(sorted(side)) for side in sides))


def differences(
    expected: Mapping[str, Any], alerts: Iterable[Alert], plans: Mapping[str, str], checked: Mapping[str, str]
) -> list[str]:
    """What is missing, superfluous or of another band; each a sentence. Alerts already decided are not missed.

    plans: key -> plan id; checked: key -> how far the plan was checked, as its page says it
    """
    names = {plan: key for key, plan in plans.items()}
    found: list[tuple[str, Sides, Alert]] = []
    for alert in alerts:
        groups = [[names.get(str(plan), str(plan)) for plan in group] for group in alert.get("groups") or ()]
        found.append((str(alert.overlap_kind or alert.kind), frozenset(map(frozenset, groups)), alert))

    def take(kind: str, sides: Iterable[Iterable[str]]) -> Alert | None:
        wanted = frozenset(map(frozenset, sides))
        for one in found:
            if one[:2] == (kind, wanted):
                found.remove(one)
                return one[2]
        return None

    said: list[str] = []
    for entry in expected["duplicates"]:
        alert = take("duplicate", [entry["plans"]])
        if alert is None:
            said.append(f"no duplicate alert for {', '.join(entry['plans'])}")
        elif alert.band not in entry["bands"]:
            said.append(f"{', '.join(entry['plans'])}: {alert.band}, expected {' or '.join(entry['bands'])}")
    for entry in expected["overlaps"]:
        if take(entry["kind"], entry["sides"]) is None:
            said.append(f"no {entry['kind']} overlap for {_told(entry['sides'])}")
    for key, coverage in expected["not_checked"].items():
        if checked.get(key) != COVERAGE_TEXT[coverage]:
            said.append(f"{key} is shown as {checked.get(key)!r}, not as {COVERAGE_TEXT[coverage]!r}")
    said += [f"an alert too many: {kind} {_told(sides)}" for kind, sides, _ in found]
    return said


@asynccontextmanager
async def _progress(quiet: bool) -> AsyncGenerator[Step]:
    if quiet:
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(f"demo: {what}", total=total)
            bars.update(tasks[what], completed=done)

        yield step
