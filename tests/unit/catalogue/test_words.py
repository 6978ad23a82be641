"""Every metric, every unit and every reason has words, the same wherever they are shown."""

from __future__ import annotations

import re

import pytest

from choirmaster.catalogue.titles import SHORT_TITLES, TITLES, UNITS, metric_title, unit_of
from choirmaster.catalogue.words import about_metric, figure, reason_words
from choirmaster.dashboard import words as shown_live
from choirmaster.metrics import BY_NAME
from choirmaster.reports import words as printed
from choirmaster.values import REASON_TEXT, Reason

METRICS = tuple(BY_NAME.values())
NAMES = list(BY_NAME)


def test_every_metric_has_a_title():
    assert [name for name in NAMES if name not in TITLES] == []


def test_no_two_metrics_have_the_same_title():
    titles = [metric_title(name) for name in NAMES]
    assert sorted({one for one in titles if titles.count(one) > 1}) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_title_is_a_phrase_and_no_name(name: str):
    assert re.fullmatch(r"[A-Z][^_]{1,69}", metric_title(name))


def test_every_unit_has_words_and_a_way_to_write_a_number():
    assert [one.name for one in METRICS if one.unit not in UNITS] == []
    assert set(UNITS) == {one.unit for one in METRICS}
    assert all(unit_of(name).words in about_metric(name) for name in NAMES)
    assert all(re.match(r"1[.,\d]*", figure(name, 1.0)) for name in NAMES)


def test_short_titles_are_of_metrics_that_are_there():
    assert set(SHORT_TITLES) <= set(NAMES)


def test_every_reason_has_a_sentence():
    assert set(REASON_TEXT) == set(Reason)
    assert all(" " in reason_words(str(one)) for one in Reason)


def test_dashboard_and_reports_say_the_same():
    assert shown_live.metric_title is printed.metric_title
    assert shown_live.number is printed.number
    assert shown_live.reason_words is printed.reason_words
