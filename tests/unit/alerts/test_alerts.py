"""Rules, the life of an alert, its words, and rows that stop coming."""

from __future__ import annotations

import pytest

from choirmaster.alerts.absence import no_data
from choirmaster.alerts.default_rules import default_rules, worse
from choirmaster.alerts.life import FIRING, PENDING, QUIET, Track, fingerprint, follow
from choirmaster.alerts.rules import Point, Rule, Severity, Verdict, bounded, judged
from choirmaster.alerts.text import Alert, Subject
from choirmaster.layout import Task
from choirmaster.times import DAY, HOUR

LOW = Rule("low", "roc_auc", bounded(below=0.8), windows=2)


def point(day: int, value: float | None, *, lower=None, upper=None, n=100, mature=True, base=None, base_upper=None):
    return Point(day * DAY, (day + 1) * DAY, value, lower, upper, n, None, base, base_upper, mature)


def days(*values: float | None, first: int = 0) -> list[Point]:
    return [point(first + at, value) for at, value in enumerate(values)]


# -- life ---------------------------------------------------------------------------------------------------------
def test_a_streak_is_broken_by_one_good_window() -> None:
    track, changes = follow(LOW, Track(), days(0.7, 0.9, 0.7))
    assert (changes, track.state, track.streak, track.since) == ([], PENDING, 1, 2 * DAY)


def test_an_undefined_window_neither_breaks_nor_lengthens_a_streak() -> None:
    track, changes = follow(LOW, Track(), days(0.7, None, 0.7))
    assert [one.since for one in changes] == [0]
    assert track.state == FIRING


def test_going_on_in_pieces_says_the_same_as_all_at_once() -> None:
    values = days(0.9, 0.7, 0.7, 0.7, 0.9, 0.7, 0.9, 0.9, 0.9, 0.7, 0.7)
    whole = follow(LOW, Track(), values)
    track, changes = Track(), []
    for end in range(1, len(values) + 1):
        track, more = follow(LOW, track, values[:end])  # windows judged before are among them
        changes += more
    assert (track, changes) == whole
    assert [one.status for one in changes] == ["firing", "resolved", "firing"]


def test_a_window_whose_labels_are_not_due_stops_the_rule_there() -> None:
    rule = Rule("low", "roc_auc", bounded(below=0.8), windows=1, needs_labels=True)
    young = [point(0, 0.9), point(1, 0.7, mature=False), point(2, 0.7)]
    track, changes = follow(rule, Track(), young)
    assert (changes, track.judged_until) == ([], 0)
    track, changes = follow(rule, track, [point(1, 0.7), point(2, 0.7)])
    assert [one.since for one in changes] == [DAY]


def test_a_resolved_alert_has_the_name_of_the_one_that_fired() -> None:
    _, changes = follow(LOW, Track(), days(0.7, 0.7, 0.7, 0.9, 0.9))
    documents = [Alert(LOW, Subject("e", "fused"), one).document(now=5) for one in changes]
    assert [one["state"] for one in documents] == ["firing", "resolved"]
    assert documents[0]["id"] == documents[1]["id"]


def test_fingerprints_tell_subjects_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")


# -- rules --------------------------------------------------------------------------------------------------------
def test_a_bound_is_not_beyond_itself() -> None:
    judge = bounded(above=2.0, below=1.0)
    assert [judge(point(0, value)).bad for value in (0.9, 1.0, 2.0, 2.1, None)] == [True, False, False, True, None]


def test_a_loss_is_compared_by_its_interval_with_the_references_upper_end() -> None:
    judge = worse(1.5)
    shown = {"base": 1.0, "base_upper": 1.1}
    assert judge(point(0, 9.0, lower=1.6, upper=20.0, **shown)).bad is False  # 1.5 x 1.1 = 1.65
    assert judge(point(0, 9.0, lower=1.7, upper=20.0, **shown)).bad is True
    assert judge(point(0, 9.0, lower=1.7, upper=20.0)).bad is None  # nothing to compare with
    assert judge(point(0, 9.0, **shown)).bad is None  # no interval


def rule(name: str, **more) -> Rule:
    return next(one for one in default_rules(Task.BINARY, expected_label_share=0.9, **more) if one.name == name)


def test_few_calls_do_not_make_a_failing_member() -> None:
    judge = rule("member_failing").judge
    assert judge(point(0, 0.0, upper=0.2, n=19)).bad is None
    assert judge(point(0, 0.0, upper=0.2, n=20)).bad is True
    assert judge(point(0, 0.9, upper=0.96, n=50)).bad is False


def test_categories_the_reference_never_knew_are_not_news() -> None:
    judge = rule("schema_break_categories").judge
    assert judge(point(0, 0.5, lower=0.45, base=0.3)).bad is False
    assert judge(point(0, 0.6, lower=0.55, base=0.3)).bad is True
    assert judge(point(0, 0.3, lower=0.25)).bad is True


def test_missing_values_jump() -> None:
    judge = rule("schema_break").judge
    assert judge(point(0, 1.0, lower=1.0, base=0.9)).bad is True  # a bound below one can be passed
    assert judge(point(0, 0.5, lower=0.4, base=0.2)).bad is False


@pytest.mark.parametrize("name", ["labels_below_expected", "fused_score_drift"])
def test_rules_of_the_answer_follow_the_leading_series(name: str) -> None:
    assert rule(name).series == "fused"
    assert rule(name, leading="model").series == "model"


@pytest.mark.parametrize(("task", "metrics"), [
    (Task.BINARY, {"log_loss", "score_psi"}), (Task.MULTICLASS, {"log_loss", "score_psi"}),
    (Task.REGRESSION, {"rmse", "psi"}),
])  # fmt: skip
def test_each_task_has_its_loss_and_its_drift(task: Task, metrics: set[str]) -> None:
    rules = default_rules(task, expected_label_share=0.9)
    assert metrics <= {one.metric for one in rules}
    assert len({one.name for one in rules}) == len(rules)


# -- words --------------------------------------------------------------------------------------------------------
def test_an_alert_says_what_against_which_bound_over_how_many_rows_since_when() -> None:
    judged = Rule("auc_drop", "roc_auc", bounded(below=0.8), windows=1, severity=Severity.CRITICAL)
    _, changes = follow(judged, Track(), [point(1, 0.71234, lower=0.7, upper=0.73, n=1234, base=0.9)])
    alert = Alert(judged, Subject("delays", "boost", segment="carrier=AA"), changes[0])
    assert alert.title == "delays: auc drop (boost in carrier=AA)"
    assert alert.text == (
        "roc_auc of boost in carrier=AA is 0.7123 [0.7, 0.73] over 1234 rows against a bound of 0.8 (below 0.8); "
        "the reference has 0.9; window 1970-01-02T00:00:00Z, since 1970-01-02T00:00:00Z"
    )


def test_a_feature_is_called_a_feature() -> None:
    assert Subject("delays", "all", "temp").words == "feature temp"


# -- absence ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("now", "bad"), [(2 * DAY + HOUR, False), (2 * DAY + HOUR + 1, True)])
def test_no_data_begins_after_two_windows_and_the_grace(now: int, bad: bool) -> None:
    assert no_data(now, 0, DAY, HOUR).bad is bad


def test_no_data_says_nothing_before_the_first_row() -> None:
    assert no_data(99 * DAY, None, DAY, HOUR) == Verdict(None)


def test_quiet_is_where_a_track_begins() -> None:
    assert follow(LOW, Track(), [])[0] == Track(QUIET)


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        (0.74, 0.82, "no verdict: needs about 1,600 rows"),
        (0.70, 0.86, "no verdict: needs about 6,400 rows"),
        (0.77, 0.79, ""),
        (None, None, ""),
    ],
)
def test_a_window_whose_interval_lies_on_both_sides_of_the_bound_says_how_many_rows_would_tell(lower, upper, said):
    point = Point(0, 1, 0.78, lower, upper, 400)
    assert judged(point, 0.8, "", bad=False).why == said
    found = bounded(below=0.8)(point)
    assert found.bad
    assert (", to be sure it needs about" in found.why) is bool(said)
    better = bounded(below=0.76)(point)
    assert not better.bad
    assert better.why.startswith("no verdict") is (lower is not None and lower <= 0.76)


def test_a_default_rule_gives_the_rows_it_needs_where_it_says_nothing():
    verdict = worse(1.5)(Point(0, 1, 0.45, 0.25, 0.65, 100, baseline=0.4))
    assert (verdict.bad, verdict.why) == (False, "no verdict: needs about 178 rows")
    assert worse(1.5)(Point(0, 1, 0.9, 0.8, 1.0, 100, baseline=0.4)).why == "above 1.5 times the reference"
