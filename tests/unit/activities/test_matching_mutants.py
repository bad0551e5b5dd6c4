"""The faults that each rule of matching is there against, planted one by one: a test of that rule must see it."""

import random
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from services.activities.matching import overlap_rules
from services.activities.matching.engine import compare, probability, score
from services.activities.matching.explain import explain
from services.activities.matching.features import ROW, extract
from services.activities.matching.overlaps import overlap
from services.activities.matching.weights import check
from tests.support.mutants import Mutant, planted
from tests.unit.activities import test_engine_any_order as any_order
from tests.unit.activities import test_matching_candidates as reach
from tests.unit.activities import test_matching_choice as choice
from tests.unit.activities import test_matching_engine as engine
from tests.unit.activities import test_matching_fitting as fitting
from tests.unit.activities import test_matching_groups as groups
from tests.unit.activities import test_matching_overlaps as overlaps
from tests.unit.activities import test_matching_told as told
from tests.unit.activities import test_overlap_oracle as oracle
from tests.unit.activities.matching_plans import features

HERE = "services.activities.matching."
Places = dict[str, tuple[str, str, str, Callable[[], Any]]]


def judged_as_the_rules_say() -> None:
    """A short look at the oracle of overlaps."""
    texts = oracle.plans(1, 70)
    rows = [extract(text) for text in texts]
    for (mine, one), (theirs, other) in combinations(zip(texts, rows, strict=True), 2):
        found = overlap(one, other, overlap_rules.RULES)
        assert (found and (found.kind, found.severity, found.asked)) == oracle.expected(mine, theirs)


def adds_up() -> None:
    chance = random.Random(1)
    for _ in range(20):
        other = features(
            "plan_b", "org_b", title=chance.choice(("Darknet", "Electronic evidence for judges", "Forum")),
            start=chance.choice((None, date(2026, 3, 9), date(2026, 3, 12), date(2026, 7, 1))), end=None,
            audiences=chance.choice(((), ("judges",), ("investigators",))),
            precision=chance.choice(("day", "month")),
        )  # fmt: skip
        found = compare(features(), other)
        sums = [found.prior[at] + sum((row.weight, row.series)[at] for row in found.contributions) for at in (0, 1)]
        assert found.probability == pytest.approx(1 / (1 + 2 ** (-sums[0] / 100) + 2 ** (-sums[1] / 100)), rel=1e-12)
        rows = (np.frombuffer(each.packed, ROW) for each in (features(), other))
        assert found.score == int(score(*rows).odds[0])
        assert probability(found.score) == pytest.approx(found.probability, abs=0.004)


def says_what_would_change_it() -> None:
    found = compare(
        features(), features("plan_b", "org_b", title="Treaty law", themes=("legislation",), audiences=("judges",))
    )
    assert found.band == "none"
    strongest = min((row for row in found.contributions), key=lambda row: row.effect)
    said = explain(found)
    assert strongest.why in said.sentence
    assert said.change.startswith("This would change if")
    sure = explain(compare(features(), features("plan_b", "org_b", audiences=())))
    assert sure.change.startswith("This would ")
    month: dict[str, Any] = {
        "start": date(2026, 3, 1),
        "end": None,
        "precision": "month",
        "audiences": (),
        "level": None,
    }
    coarse = compare(features(), features("plan_b", "org_b", **month))
    if not [row for row in coarse.contributions if row.effect < 0]:
        assert explain(coarse).change == "This would be surer if both gave exact days."


def without(kind: str, line: str) -> tuple[str, str, str, Callable[[], Any]]:
    return "candidates", line, "yield from ()", partial(choice.leads, kind)


MUTANTS: Places = {
    # which plans are compared
    "no key: own reference": without("reference", 'yield "reference", str(row["reference"])'),
    "no key: rare word": without("rare", 'yield from (("rare", str(word)) for word in row["title"] if word & 3 == 3)'),
    "no key: poster": without("organiser", 'yield from (("organiser", str(one)) for one in row["own"] if one)'),
    "no key: who is named": without("named", 'yield from (("named", str(one)) for one in row["named"] if one)'),
    "no key: trainer": without("trainer", 'yield from (("trainer", str(one)) for one in row["people"] if one)'),
    "no key: building": without("site", 'yield from (("site", str(one)) for one in row["sites"] if one)'),
    "no key: city": without("city", 'yield from (("city", str(one)) for one in row["cities"] if one)'),
    "no key: country": without("country", 'yield from (("country", one) for one in _countries(features))'),
    "no key: word": without("word", 'yield from (("word", str(word)) for word in row["title"] if word & 3 == 2)'),
    "no key: audience": ("candidates", 'yield from (("audience", f"{c} {each}") for c in features.beneficiaries for each in features.audiences)', "yield from ()", partial(choice.shared_for, "audiences")),
    "no key: theme": ("candidates", 'yield from (("theme", f"{c} {each}") for c in features.beneficiaries for each in features.themes)', "yield from ()", partial(choice.shared_for, "themes")),
    "who posts is not looked for": ("candidates", 'yield from (("organiser", str(one)) for one in row["named"] if one)', "yield from ()", reach.test_who_is_named_on_a_plan_is_looked_for_among_posters_and_a_posters_own_other_plans_are_not),
    "who is named is not looked for": ("candidates", '(*row["named"], *row["own"])', "()", reach.test_who_is_named_on_a_plan_is_looked_for_among_posters_and_a_posters_own_other_plans_are_not),
    "windows of overlaps do not count": ("candidates", "within = max(KINDS[kind].window(rules), DUPLICATE_DAYS)", "within = DUPLICATE_DAYS", choice.test_the_window_of_an_overlap_widens_the_days_that_are_read),
    "45 days do not count": ("candidates", "within = max(KINDS[kind].window(rules), DUPLICATE_DAYS)", "within = KINDS[kind].window(rules)", choice.test_a_plan_that_started_long_ago_and_still_runs_is_found),
    "what runs for long is missed": ("candidates", "first - within - STEP + 1", "first - within", choice.test_a_plan_that_started_long_ago_and_still_runs_is_found),
    "undated plans are not read": ("candidates", "[near] if meeting else [near, undated]", "[near]", partial(reach.test_a_plan_without_a_date_is_found_by_what_else_it_says_whatever_the_days_of_the_other, reach.START)),
    "undated plans ask for undated ones alone": ("candidates", "return [undated, (UNDATED + 1, LAST_DAY, LAST_DAY)]", "return [undated]", partial(reach.test_a_plan_without_a_date_is_found_by_what_else_it_says_whatever_the_days_of_the_other, reach.START)),
    "from the first day on only": ("candidates", "return first if last - first < 14 else (first + last) // 2", "return 0", choice.test_a_cut_takes_what_is_farthest_in_time_on_either_side),
    "until the last day only": ("candidates", "return first if last - first < 14 else (first + last) // 2", "return last + 99", choice.test_a_cut_takes_what_is_farthest_in_time_on_either_side),
    "no limit": ("candidates", "most = max(what.rows // max(len(values), 1), 10)", "most = 10_000", choice.test_a_cut_takes_what_is_farthest_in_time_on_either_side),
    "every cut is told": ("candidates", "misses = max(what.misses, what.window(rules)) + half", "misses = 10_000", choice.test_a_cut_near_the_plan_is_told_and_one_far_away_is_not),
    "no cut is told": ("candidates", "misses = max(what.misses, what.window(rules)) + half", "misses = -1", choice.test_a_cut_near_the_plan_is_told_and_one_far_away_is_not),
    "what is rare says no more": ("candidates", "RARITY = ((2, 6), (4, 5), (8, 4), (16, 3), (32, 2), (64, 1))", "RARITY = ()", choice.test_what_is_rare_comes_before_what_is_common),
    "what is near says no more": ("candidates", "NEARNESS = ((1, 4), (3, 3), (7, 2), (21, 1))", "NEARNESS = ()", choice.test_of_equals_the_nearer_in_time_comes_first_and_weighs_more_than_little_that_is_shared),
    "a plan that was cut does not say so": ("candidates", "len(found) > MAX_ROWS_OF_A_PLAN or _cut(features)", "False", reach.test_the_world_for_years_is_cut_and_says_so),
    "a question that was cut does not say so": ("candidates", "_cut(features) or len(found) > MAX_RANGES", "False", reach.test_the_world_for_years_is_cut_and_says_so),
    "what can only match can collide": ("candidates", "if KINDS[kind].meets or not meeting:", "if True:", reach.test_what_can_overlap_is_a_part_of_what_is_asked),
    "drafts leave rows": ("candidates", "    if not features.compared:\n        return Rows((), False)\n", "", reach.test_a_draft_or_postponed_or_cancelled_plan_leaves_and_asks_nothing),
    "drafts ask": ("candidates", "if not features.compared or (meeting and not checked(features)):", "if False:", reach.test_a_draft_or_postponed_or_cancelled_plan_leaves_and_asks_nothing),
    # what no evidence outweighs
    "a part is the same": ("levels", '"part_of": _refers("part_of")', '"part_of": lambda one, other: pick("part_of", ((one["plan"] == 0) & (other["plan"] == 0), "yes"), default="no")', partial(engine.test_known_mistakes_are_never_duplicates, "a session inside it, told so")),
    "a follow-up is the same": ("levels", '"follow_up_of": _refers("follow_up_of")', '"follow_up_of": lambda one, other: pick("follow_up_of", ((one["plan"] == 0) & (other["plan"] == 0), "yes"), default="no")', partial(engine.test_a_policy_is_a_row_with_its_own_name, "follow_up_of")),
    "another edition is the same": ("levels", '(apart, "yes"), default="no"', '(apart, "no"), default="no"', partial(engine.test_known_mistakes_are_never_duplicates, "the next edition of a series, same month")),
    "without a day it is told": ("engine", 'return "probable" if band in ("certain", "likely") and not by_day else band', "return band", lambda: never_told_without_a_day()),
    "held weights may soften": ("weights", "elif (field, name) in HELD and max(worth) >= 0:", "elif False:", lambda: held_weights_are_refused()),
    "a policy may be learned": ("weights", "if field in POLICY and worth != like.fields[field][name]:", "if False:", lambda: held_weights_are_refused()),
    "more alike may be worth less": ("weights", "if weights.fields[field][more][0] < weights.fields[field][less][0]:", "if False:", lambda: held_weights_are_refused()),
    "what is compared is the version": ("engine", "{features.row['plan']} {features.row['said']} ", "{features.row['plan']} {features.version} ", engine.test_the_fingerprint_follows_what_was_compared_not_the_version),
    # one activity, one group
    "any link ties": ("groups", "MISSING = -1000", "MISSING = 0", groups.test_a_chain_does_not_become_a_heap),
    "one partner twice": ("groups", "owners[a] == owners[b] and (a, b) not in scores and (a, b) not in linked", "False", groups.test_two_postings_of_one_partner_meet_only_if_they_are_alike_themselves),
    "people link in vain": ("groups", "_joined(_united(ids, linked, apart), scores", "_joined(_united(ids, set(), apart), scores", lambda: linked_by_people()),
    "people part in vain": ("groups", "apart = _pairs(must_not_link, owners) | {pair", "apart = {pair", groups.test_decisions_of_people_hold),
    "a third plan ties a part to its whole": ("groups", "(found := compare(one, other)).never", "(found := compare(one, other)).never and False", groups.test_a_third_plan_does_not_tie_a_session_to_its_conference),
    "groups without a limit": ("groups", "MAX_PARTNERS = 12", "MAX_PARTNERS = 10_000", lambda: few_partners()),
    "as sure as its surest": ("groups", "if weakest is None or best.score < weakest.score:", "if weakest is None or best.score > weakest.score:", groups.test_the_band_is_that_of_the_weakest_member),
    "a group is known by its last plan": ("groups", "return self.plans[0]", "return self.plans[-1]", groups.test_three_alike_are_one_group_in_every_order),
    # conflicts
    "no people": ("overlaps", '"people": lambda it: it.people > 0', '"people": lambda it: it.people > 9', overlaps.test_one_trainer_cannot_be_at_two_places),
    "no audience": ("overlaps", '"audience": lambda it: it.countries & (it.audiences > 0)', '"audience": lambda it: it.countries & (it.audiences > 9)', overlaps.test_the_same_audience_on_the_same_days_collides),
    "audience of any country": ("overlaps", '"audience": lambda it: it.countries & (it.audiences > 0)', '"audience": lambda it: it.audiences > 0', judged_as_the_rules_say),
    "no venue": ("overlaps", '"venue": lambda it: it.sites > 0', '"venue": lambda it: it.sites > 9', overlaps.test_one_building_for_two_on_the_same_days),
    "no funding": ("overlaps", "(it.themes > 0) & (it.funders > 0)", "(it.themes > 0) & (it.funders > 9)", overlaps.test_one_funder_pays_two_for_the_same),
    "funding of any country": ("overlaps", '"funding": lambda it: it.countries & (it.themes > 0)', '"funding": lambda it: (it.themes > 0)', judged_as_the_rules_say),
    "effort for anything": ("overlaps", '"effort": lambda it: it.countries & (it.themes > 0),', '"effort": lambda it: it.countries,', judged_as_the_rules_say),
    "kinds are never off": ("overlaps", "if not (rule.on and here.any()):", "if not here.any():", overlaps.test_a_rule_can_be_switched_off),
    "no threshold": ("overlaps", "(points >= rule.least)", "(points >= 0)", overlaps.test_the_same_subject_within_months_is_asked_for_the_same_people_only),
    "read words warn": ("overlaps", '& ~(it.guessed & (name == "audience"))', "", overlaps.test_an_audience_that_was_read_from_words_is_nearby_and_no_alert),
    "the weaker kind is told": ("overlaps", "key=lambda each: -each[1][1].rank)", "key=lambda each: each[1][1].rank)", overlaps.test_the_stronger_kind_wins),
    "what is not asked hides what is": ("overlaps", "here = here & (ask | ~asked)", "here = here & True", overlaps.test_what_is_asked_comes_before_what_is_not),
    "any days": ("overlaps", "here = possible & (it.apart <= rule.window)", "here = possible", judged_as_the_rules_say),
    "any type of activity": ("overlaps", "return fits if rule.types is None else", "return fits if True else", partial(overlaps.test_gatherings_and_talks_are_outside_effort, "conference")),
    "any precision": ("overlaps", 'fits = _among(codes.PRECISIONS, rule.precisions)[rows["precision"]]', 'fits = rows["precision"] > 0', judged_as_the_rules_say),
    "a region weighs as a country": ("overlaps", "_REGION = 15", "_REGION = 0", judged_as_the_rules_say),
    "a partner collides with itself": ("overlap_evidence", 'return ~self.related & (self.one["partner"] != self.other["partner"])', "return ~self.related", partial(overlaps.test_no_overlap, {"partner": "org_a"})),
    "a part collides with its whole": ("overlap_evidence", "return np.any([(a == b) & (a != 0) for a, b in (*refers, *shares)], axis=0)", 'return np.zeros(max(len(one), len(other)), bool)', partial(overlaps.test_no_overlap, {"part_of": "plan_a"})),
    "a funder collides with itself": ("overlap_evidence", "(self._shared(\"funders\") & ~owner)", "self._shared(\"funders\")", overlaps.test_one_funder_pays_two_for_the_same),
    "cancelled plans collide": ("overlap_evidence", 'return dated & _MATCHED[rows["status"]]', "return dated", partial(overlaps.test_no_overlap, {"status": "cancelled"})),
    "a sentence dates an overlap": ("overlap_evidence", '((rows["flags"] & DATES_FROM_TEXT) == 0)', "True", told.test_what_only_a_sentence_dates_is_not_checked_for_overlaps),
    "an activity collides with its own": ("overlaps", 'np.flatnonzero(it.related | (it.one["plan"] == it.other["plan"]))', "np.flatnonzero(it.related)", lambda: never_with_itself()),
    "a related posting says nothing": ("overlaps", 'np.flatnonzero(it.related | (it.one["plan"] == it.other["plan"]))', 'np.flatnonzero(it.one["plan"] == it.other["plan"])', overlaps.test_two_activities_have_one_overlap_however_many_postings),
    "any posting says for whom": ("overlaps", "lends = lends & (start[None, :] <= start[:, None] + slack) & (end[None, :] >= end[:, None] - slack)", "lends = np.array(~read & (audiences != 0))[None, :] & (start[:, None] >= 0)", any_order.test_what_one_posting_alone_says_of_an_activity_has_the_same_weight_in_every_order),
    "only its own words say for whom": ("overlaps", "rows, lent = rows.copy(), lends.any(axis=1)", "rows, lent = rows.copy(), lends.any(axis=1) & False", overlaps.test_for_whom_an_activity_is_any_posting_says_that_gives_the_same_days_and_countries),
    # why
    "a row is not told": ("engine", 'if weight or series or (field == "in_house" and name != "other partner"):', "if weight > -300 and (weight or series):", adds_up),
    "the prior is not told": ("engine", "prior=weights.prior,", "prior=(0, 0),", adds_up),
    "no word of what would change it": ("explain", 'return f"This would {direction} {_CHANGE[rows[0].field][1]}."', 'return ""', says_what_would_change_it),
    "no word of what speaks against": ("explain", "reasons, but = against[:3], backing[:1]", "reasons, but = backing[:1], backing[:1]", says_what_would_change_it),
}  # fmt: skip
WINDOWS = {
    "people": '"people": Rule(rank=0, window=0', "audience": '"audience": Rule(rank=1, window=3', "venue": '"venue": Rule(rank=2, window=0',
    "funding": '"funding": Rule(rank=3, window=31', "effort": '"effort": Rule(rank=4, window=92',
}  # fmt: skip


def never_told_without_a_day() -> None:
    twin = features("plan_b", "org_b", start=date(2026, 3, 1), end=None, precision="month")
    found = compare(features(reference="R-17"), twin)
    assert compare(features(), features("plan_b", "org_b")).band == "certain"
    assert found.score >= 0
    assert found.band == "probable"


def held_weights_are_refused() -> None:
    for field, level, worth in (
        ("audience", "other", (-900, 50)),
        ("part_of", "yes", (0, 0)),
        ("spelling", "same", (-400, 0)),
    ):
        assert check(fitting.changed(field, level, worth))


def linked_by_people() -> None:
    assert groups.plans_of(groups.group("ab", [], must_link=[("b", "a")])) == [("a", "b")]


def few_partners() -> None:
    ids = [f"p{at:02}" for at in range(20)]
    found = groups.group(ids, [groups.edge(a, b, 900) for a, b in combinations(ids, 2)])
    assert max(len(one.partners) for one in found) == 12


def never_with_itself() -> None:
    shared = features("plan_c", "org_c")
    assert overlaps.between([features(), shared], [overlaps.other(), shared]) is None


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_seen(name: str) -> None:
    module, old, new, seen_by = MUTANTS[name]
    seen_by()
    with planted(Mutant(HERE + module, old, new, seen_by)), pytest.raises(AssertionError):
        seen_by()


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_window_of_another_width_is_seen(kind: str) -> None:
    old = WINDOWS[kind]
    name, days = old.rsplit("=", 1)
    for other in (int(days) + 2, int(days) - 3):
        if other >= 0:
            wider = Mutant(f"{HERE}overlap_rules", old, f"{name}={other}", judged_as_the_rules_say)
            with planted(wider), pytest.raises(AssertionError):
                judged_as_the_rules_say()
