"""The p-chart on series whose answer is known."""

import random

import pytest

from serving.alerts.control_chart import judge, needed_size, shares

# Centre 0.10 and 100 parts a point: sigma is sqrt(0.1 * 0.9 / 100) = 0.03.
_BASELINE = [0.10] * 25
_SIZE = 100


@pytest.mark.parametrize(
    ("newest", "rule", "above"),
    [
        ([0.1] * 7 + [0.20], 1, True),  # 3.33 sigma
        ([0.1] * 7 + [0.00], 1, False),
        ([0.1] * 5 + [0.17, 0.10, 0.17], 2, True),  # 2.33 sigma twice
        ([0.1] * 5 + [0.03, 0.03, 0.10], None, True),  # the newest is back at the centre
        ([0.1] * 5 + [0.03, 0.17, 0.10], None, True),  # one on either side
        ([0.1] * 3 + [0.14, 0.14, 0.10, 0.14, 0.14], 3, True),  # 1.33 sigma, four of five
        ([0.11] * 8, 4, True),
        ([0.09] * 8, 4, False),
        ([0.10] + [0.11] * 7, None, True),  # seven are no run of eight
        ([0.1] * 7 + [0.19], None, True),  # 3 sigma exactly is not beyond
        ([0.09, 0.11] * 4, None, True),
    ],
)
def test_first_broken_rule_is_named_when_points_are_judged(newest: list[float], rule: int | None, above: bool) -> None:
    signal = judge(_BASELINE, newest, _SIZE)
    assert (signal and signal.rule) == rule
    if signal is not None:
        assert signal.above == above
        assert [signal.centre, signal.sigma] == pytest.approx([0.10, 0.03])


def test_longer_rules_are_silent_when_there_are_too_few_points() -> None:
    assert judge(_BASELINE, [0.11] * 7, _SIZE) is None
    assert judge([0.0] * 25, [0.5], _SIZE) is None  # a centre line at 0 has no zones


@pytest.mark.parametrize(
    ("share", "size"), [(0.10, 50), (0.02, 250), (0.95, 100), (0.0099, 506), (0.0, None), (1.0, None)]
)
def test_subgroup_grows_when_rejects_are_rare(share: float, size: int | None) -> None:
    assert needed_size(share, 50) == size


def test_oldest_parts_are_left_over_when_subgroups_are_full() -> None:
    assert shares([True, False, False, True, True], 2) == [0.0, 1.0]


def test_false_alarms_stay_rare_when_the_process_is_in_control() -> None:
    chance = random.Random(1)  # noqa: S311 - a simulation
    alarms = 0
    for _ in range(300):
        points = [sum(chance.random() < 0.1 for _ in range(100)) / 100 for _ in range(33)]
        alarms += judge(points[:25], points[25:], 100) is not None
    # The four rules together: one false alarm in about 92 points (Champ and Woodall, Technometrics 29, 1987), and
    # more with limits from 25 subgroups.
    assert alarms < 300 * 0.06
