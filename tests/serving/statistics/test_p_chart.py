"""The p-chart against figures worked out by hand."""

import pytest

from serving.statistics.p_chart import p_chart


def test_limits_follow_the_formula_when_samples_differ_in_size() -> None:
    chart = p_chart([5, 10, 0], [100, 50, 0])
    assert chart.n == [100, 50, 0]
    assert chart.p == [0.05, 0.2, None]
    assert chart.centre_line == pytest.approx(0.1)
    # 0.1 ± 3 √(0.09 / n)
    assert chart.upper_limit == [pytest.approx(0.19), pytest.approx(0.22727922), None]
    assert chart.lower_limit == [pytest.approx(0.01), 0.0, None]


def test_nothing_is_drawn_when_nothing_was_inspected() -> None:
    chart = p_chart([0, 0], [0, 0])
    assert (chart.centre_line, chart.p, chart.upper_limit) == (None, [None, None], [None, None])


def test_limits_stay_between_0_and_1_when_samples_are_tiny() -> None:
    chart = p_chart([1, 1], [1, 2])
    assert chart.upper_limit == [1.0, 1.0]
    assert chart.lower_limit == [0.0, 0.0]
