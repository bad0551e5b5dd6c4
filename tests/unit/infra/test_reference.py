"""The reference pages, held against the code that they speak of."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from infra import reference
from services.activities.api.schemas import NewPlanBody
from services.activities.domain.content import Content
from services.activities.domain.plan import FIRST_STATUSES, TRANSITIONS, amend, post
from services.activities.domain.reading import read

PLANS = (reference.FOLDER / "plans.md").read_text(encoding="utf-8")
NOW = datetime(2017, 4, 3, tzinfo=UTC)


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_written_page_is_as_the_code_says(name: str) -> None:
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "write it anew: python -m infra.reference"


def test_every_field_of_a_plan_is_explained_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ", PLANS, re.MULTILINE)
    assert sorted(rows) == sorted(NewPlanBody.model_fields)


def test_fields_of_a_plans_parts_are_named_in_its_row() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", PLANS, re.MULTILINE))
    schema = NewPlanBody.model_json_schema()
    for name, found in schema["properties"].items():
        for part in re.findall(r"#/\$defs/(\w+)", json.dumps(found)):
            missing = [field for field in schema["$defs"][part]["properties"] if f"`{field}`" not in rows[name]]
            assert not missing, f"{name}: {missing}"


def test_the_example_is_a_plan() -> None:
    [example] = re.findall(r"```json\n(.*?)```", PLANS, re.DOTALL)
    body = NewPlanBody.model_validate_json(example)
    content = read(body.model_dump(), date(2017, 4, 3))
    assert content.period
    assert content.period.start == date(2017, 7, 18)
    assert [(venue.city, venue.country) for venue in content.venues] == [("Bangkok", "THA")]


def test_the_table_of_a_plans_life_is_what_it_may_become_and_what_is_told() -> None:
    steps = re.findall(r"^\| (\w+) \| (\w+) \| `(plan\.\w+)` \|$", PLANS, re.MULTILINE)
    assert {(before, after) for before, after, _ in steps} == {
        (before, after) for before, allowed in TRANSITIONS.items() for after in allowed
    }
    for before, after, event in steps:
        plan = post(
            plan_id="plan_1", activity_id="act_1", owner="org_1", posted_by="per_1", claimed=True, now=NOW,
            content=Content("T", "training", FIRST_STATUSES[0]),
        )  # fmt: skip
        there = replace(plan, content=replace(plan.content, status=before))
        assert amend(there, replace(plan.content, status=after), NOW)[1] == event, (before, after)
