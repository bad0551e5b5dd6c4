"""A whole house in this process, with people of every role and plans of every label, each plan marked with a word that
occurs nowhere else: wherever the word turns up, the plan has been told."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from infra.data import DataFolder
from infra.embedded import Embedded, embedded
from services.activities.orm import AlertRow, DecisionRow
from shared.db import Database
from shared.reader import SERVICE
from tests.support.activities import facts_on, settled
from tests.support.notifications import projected
from tests.unit.shared.visibility_oracle import RED, Case

LABELS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
PARTNERS = ("unodc", "interpol", "itu", "world-bank")


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks. covers: the countries that a coordinator looks after, answered by hand; themes: None for all."""

    name: str
    partners: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    covers: frozenset[str] = frozenset()
    themes: frozenset[str] | None = None
    scope: Mapping[str, Sequence[str]] | None = None
    token: bool = False
    key: str = ""
    person: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def focal(self) -> bool:
        return "focal_point" in self.roles


def _coordinator(name: str, covers: str, scope: Mapping[str, Sequence[str]], **more: Any) -> Viewer:
    return Viewer(
        name, roles=("coordinator", *more.pop("roles", ())), covers=frozenset(covers.split()), scope=scope, **more
    )


CAST: tuple[Viewer, ...] = (
    Viewer("public"),
    *(Viewer(f"focal point of {slug}", (slug,), ("focal_point",)) for slug in PARTNERS),
    *(Viewer(f"reader of {slug}", (slug,), ("reader",), token=slug == "itu") for slug in PARTNERS),
    Viewer("donor", ("world-bank",), ("donor",)),
    Viewer("focal point of two", ("unodc", "itu"), ("focal_point",)),
    _coordinator("coordinator of the world", "KEN FJI", {"regions": ["001"]}),
    _coordinator("coordinator of Kenya", "KEN", {"countries": ["KEN"]}, token=True),
    _coordinator("coordinator of Oceania", "FJI", {"regions": ["009"]}),
    _coordinator(
        "coordinator of another theme",
        "KEN FJI",
        {"regions": ["001"], "themes": ["malware"]},
        themes=frozenset({"malware"}),
    ),
    _coordinator(
        "coordinator from a partner", "FJI", {"countries": ["FJI"]}, roles=("focal_point",), partners=("interpol",)
    ),
    Viewer("administrator", roles=("administrator",)),
    Viewer("service", roles=("service",)),
    Viewer("reader of nobody", roles=("reader",)),
)


@dataclass
class Marked:
    """A stored plan as the rules ask about it. word: in every text field of it, and nowhere else."""

    number: int
    label: str
    owner: str
    poster: str
    country: str
    theme: str
    word: str
    turn: int = 0
    named: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    draft: bool = False
    id: str = ""
    before: tuple[str, ...] = ()
    """Labels that it had earlier, the oldest first."""

    def to(self, viewer: Viewer, label: str | None = None) -> Case:
        """How it stands to this viewer."""
        return Case(
            label or self.label,
            member=bool(viewer.partners),
            owner=self.owner in viewer.partners,
            named=bool(self.named & set(viewer.partners)),
            invited=viewer.name in self.people or viewer.name == self.poster,
            poster=viewer.name == self.poster,
            in_scope="coordinator" in viewer.roles
            and self.country in viewer.covers
            and (viewer.themes is None or self.theme in viewer.themes),
            draft=self.draft,
            partner=self.owner,
            focal=viewer.focal,
        )


@dataclass(frozen=True)
class Between:
    """An alert, as stored: its plans, and which of the activities of an overlap each is a posting of."""

    id: str
    plans: tuple[str, ...]
    groups: Mapping[str, int]


@dataclass
class World:
    """The running house and all that is in it."""

    house: Embedded
    http: httpx.AsyncClient
    viewers: tuple[Viewer, ...]
    plans: list[Marked]
    folder: Path
    alerts: dict[str, Between] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    activities: dict[str, frozenset[str]] = field(default_factory=dict)
    organisations: dict[str, str] = field(default_factory=dict)
    met: dict[tuple[str, str], str] = field(default_factory=dict)
    """Partner and plan of another's -> the first alert in which both stood, as the log tells it."""

    def viewer(self, name: str) -> Viewer:
        return next(each for each in self.viewers if each.name == name)

    async def ask(self, viewer: Viewer, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**viewer.headers, **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def quiet(self) -> None:
        """Everything that was posted is matched, and on the streams."""
        runtimes = self.house.runtimes
        await settled(runtimes["activities"].db)
        await settled(runtimes["activities"].db)
        await projected(runtimes["notifications"].db, runtimes["notifications"].bus)


def word_of(number: int) -> str:
    """A word of letters that no text has by chance."""
    digest = hashlib.blake2b(str(number).encode(), digest_size=5).hexdigest()
    return "zq" + digest.translate(str.maketrans("0123456789", "ghijklmnop"))


TOWNS = {
    "KEN": ("Nairobi", "Mombasa", "Kisumu", "Nakuru", "Eldoret"),
    "FJI": ("Suva", "Nadi", "Lautoka", "Labasa", "Ba"),
}
SUBJECTS = (
    ("Seizing mobile phones", "digital_forensics", "forensic_examiners"),
    ("Tracing cryptocurrency payments", "cryptocurrency", "investigators"),
    ("Electronic evidence in court", "electronic_evidence", "judges"),
    ("Malware triage for response teams", "malware", "cert"),
    ("Requests for mutual legal assistance", "international_cooperation", "prosecutors"),
)


def marked(number: int, label: str, *, turn: int, side: int, draft: bool = False) -> Marked:
    """Plan `number`. turn: the place, time and subject that the two sides of a pair share."""
    owner = PARTNERS[(turn + side) % 4]
    named = PARTNERS[(turn + 2) % 4] if number % 4 == 0 else None
    return Marked(
        number=number,
        label=label,
        owner=owner,
        poster=f"focal point of {owner}",
        country=("KEN", "FJI")[turn % 2],
        theme=SUBJECTS[turn % 5][1],
        word=word_of(number),
        turn=turn,
        named=frozenset({named} if named and named != owner else ()),
        people=frozenset(
            {("coordinator of Kenya", "reader of itu", "coordinator of the world")[turn % 3]} if label == RED else ()
        ),
        draft=draft,
    )


def body(plan: Marked, people: Mapping[str, str], word: str) -> dict[str, Any]:
    """The posting, with `word` in each of its texts."""
    turn = plan.turn
    subject, theme, audience = SUBJECTS[turn % 5]
    town = TOWNS[plan.country][turn // 2 % 5]
    if plan.number % 3 == 2:
        subject, town = (
            ("Leadership and budgets", "Open sources and the press")[turn % 2],
            TOWNS[plan.country][turn // 2 % 5 - 1],
        )
    start = date(2027, 1, 11) + timedelta(days=23 * turn)
    return {
        "title": f"{subject}, {town} {word}",
        "type": "training",
        "status": "draft" if plan.draft else "tentative",
        "start": start.isoformat(),
        "end": (start + timedelta(days=3)).isoformat(),
        "venues": [{"city": town, "country": plan.country, "name": f"Hall {word}"}],
        "audiences": [audience],
        "themes": [theme],
        "description": f"{subject} for {audience.replace('_', ' ')} {word}",
        "reference": word,
        "institutions": [f"Academy {word}"],
        "programme": f"Programme {word}",
        "outcomes": [word],
        "url": f"https://example.org/{word}",
        "partners": [{"organisation": each} for each in sorted(plan.named)],
        "named_people": sorted(people[name] for name in plan.people),
        "tlp": plan.label,
    }


def layout(size: int) -> list[Marked]:
    """For each pair of labels two postings of one training by two partners, and another training of the
    same people in the same days (each third time still a draft); `size` times over."""
    found: list[Marked] = []
    for turn, (first, second) in enumerate(product(LABELS, LABELS * size)):
        for side, label in enumerate((first, second)):
            found.append(marked(len(found), label, turn=turn, side=side))
        found.append(marked(len(found), LABELS[turn // 3 % 5], turn=turn, side=2, draft=turn % 3 == 0))
    return found


@asynccontextmanager
async def world(folder: Path, size: int = 1, databases: Mapping[str, str] | None = None) -> AsyncGenerator[World]:
    """databases: service -> the URL of its database, with its schema; without, each makes a SQLite file of its own."""
    data = DataFolder(folder)
    own = {name: {"database_url": url, "migrate_at_start": False} for name, url in (databases or {}).items()}
    settings = {
        "posts_per_hour": 100_000, "poll_seconds": 0.1, "heartbeat_seconds": 0.2,
        "audit_checkpoint_seconds": 0,
    }  # fmt: skip
    house = embedded(data, settings=settings, own=own)
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(house.app({"type": "lifespan", "state": {}}, queue.get, said.put))  # type: ignore[arg-type]
    await queue.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(house.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://convene.test", timeout=60) as http:
        admin = {"Authorization": f"Bearer {data.admin_key.read_text().strip()}"}
        made = World(house, http, await _people(http, admin), [], folder)
        await _known(made)
        await _plans(made, size)
        await _relabelled(made)
        await _decided(made)
        await _stored(made)
        yield made
        house.close_streams()
        await queue.put({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
    await life


async def _people(http: httpx.AsyncClient, admin: dict[str, str]) -> tuple[Viewer, ...]:
    found: list[Viewer] = []
    for viewer in CAST:
        if not viewer.roles:
            found.append(viewer)
            continue
        asked = {
            "name": viewer.name,
            "roles": list(viewer.roles),
            "partners": list(viewer.partners),
            "scope": viewer.scope,
        }
        invited = _right(await http.post("/api/v1/invitations", json=asked, headers=admin), 201)
        given = _right(await http.post("/api/v1/invitations:redeem", json={"code": invited["code"]}), 201)
        key = given["key"]
        if viewer.token:
            key = _right(await http.post("/api/v1/tokens", json={}, headers={"Authorization": f"Bearer {key}"}), 201)[
                "token"
            ]
        found.append(
            Viewer(
                viewer.name, viewer.partners, viewer.roles, viewer.covers, viewer.themes, viewer.scope, viewer.token, key,
                invited["person"],
            )
        )  # fmt: skip
    return tuple(found)


async def _known(made: World) -> None:
    async with asyncio.timeout(60):
        for viewer in made.viewers:
            for path in ("plans", "events"):
                while (await made.ask(viewer, "GET", f"/api/v1/{path}")).status_code != 200:
                    await asyncio.sleep(0.05)


async def _plans(made: World, size: int) -> None:
    people = {viewer.name: viewer.person for viewer in made.viewers}
    for plan in layout(size):
        poster = made.viewer(plan.poster)
        answer = await made.ask(poster, "POST", "/api/v1/plans", json=body(plan, people, plan.word))
        plan.id = _right(answer, 201)["id"]
        made.plans.append(plan)
    await made.quiet()


async def _relabelled(made: World) -> None:
    """Each seventh gets another label: stricter, laxer, RED and back. History and streams must go by the present one."""
    people = {viewer.name: viewer.person for viewer in made.viewers}
    for turn, plan in enumerate([each for each in made.plans if not each.draft][::5]):
        for label in {0: ("GREEN",), 1: ("CLEAR",), 2: ("RED",), 3: ("RED", "AMBER")}[turn % 4]:
            if label == plan.label:
                continue
            poster = made.viewer(plan.poster)
            named = {"coordinator of the world"} if label == RED else set[str]()
            version = _right(await made.ask(poster, "GET", f"/api/v1/plans/{plan.id}"))["version"]
            answer = await made.ask(
                poster, "PATCH", f"/api/v1/plans/{plan.id}",
                json={"tlp": label, "named_people": sorted(people[name] for name in named)},
                headers={"If-Match": f'"{version}"', "Content-Type": "application/merge-patch+json"},
            )  # fmt: skip
            _right(answer)
            plan.before, plan.label, plan.people = (*plan.before, plan.label), label, frozenset(named)
    await made.quiet()


async def _decided(made: World) -> None:
    """A few alerts of each verdict; one decision is taken back."""
    cora = made.viewer("coordinator of the world")
    live = _right(await made.ask(cora, "GET", "/api/v1/alerts?limit=200"))["data"]
    duplicates = [each["id"] for each in live if each["kind"] == "duplicate" and each.get("sentence")]
    overlaps = [each["id"] for each in live if each["kind"] == "overlap" and each.get("sentence")]
    assert len(duplicates) > 6, f"too little to decide on: {len(live)} alerts"
    assert overlaps, "no overlap to decide on"
    verdicts = ("link", "link", "link", "distinct", "escalate", "link")
    for number, (alert, verdict) in enumerate(
        zip([*duplicates[:5], overlaps[0]], [*verdicts[:5], "distinct"], strict=True)
    ):
        answer = await made.ask(
            cora, "POST", f"/api/v1/alerts/{alert}/decisions",
            json={"verdict": verdict, "reason": "as agreed"}, headers={"Idempotency-Key": f"decision-{number}"},
        )  # fmt: skip
        decision = _right(answer, 201)
        if number == 2:
            back = {"Idempotency-Key": "back"}
            _right(
                await made.ask(cora, "POST", f"/api/v1/decisions/{decision['id']}/reversal", json={}, headers=back), 201
            )
    await made.quiet()


async def _stored(made: World) -> None:
    """What there is, read past every wall."""
    db: Database = made.house.runtimes["activities"].db
    facts = {event.id: event for event in await facts_on(made.house.runtimes["activities"].bus)}
    for event in sorted(facts.values(), key=lambda one: one.id):
        if event.name.startswith("alert."):
            owners = {side["plan"]: side["partner"] for side in event.data["sides"]}
            for plan, owner in owners.items():
                for partner in set(owners.values()) - {owner}:
                    made.met.setdefault((partner, plan), event.subject)
    async with db.read(SERVICE) as session:
        for row in (await session.execute(select(AlertRow))).scalars():
            made.alerts[row.id] = Between(row.id, tuple(sorted(row.versions)), row.group_of or {})
        for decision in (await session.execute(select(DecisionRow))).scalars():
            made.decisions[decision.id] = decision.alert
    cora = made.viewer("coordinator of the world")
    for one in _right(await made.ask(cora, "GET", "/api/v1/activities?limit=200"))["data"]:
        made.activities[one["id"]] = frozenset(one["plans"])
    admin = made.viewer("administrator")
    for one in _right(await made.ask(admin, "GET", "/api/v1/organisations?limit=100"))["data"]:
        made.organisations[one["slug"]] = one["id"]


def _right(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, (str(answer.request.url), answer.status_code, answer.text[:600])
    return answer.json()
