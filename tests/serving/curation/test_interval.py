"""Exact intervals without scipy."""

import pytest

from serving.curation.interval import at_most, clopper_pearson


@pytest.mark.parametrize("of", [1, 3, 20, 500, 40_000])
def test_ends_have_their_closed_form_when_all_or_none_are_counted(of: int) -> None:
    edge = 0.025 ** (1 / of)
    assert clopper_pearson(0, of) == pytest.approx((0.0, 1 - edge), abs=1e-12)
    assert clopper_pearson(of, of) == pytest.approx((edge, 1.0), abs=1e-12)


def test_published_interval_is_given_when_one_of_ten_is_counted() -> None:
    # Clopper and Pearson's chart and every table since: 0.0025 to 0.4450.
    assert clopper_pearson(1, 10) == pytest.approx((0.0025286, 0.4450161), abs=1e-6)


@pytest.mark.parametrize(("count", "of"), [(1, 7), (3, 200), (40, 41), (17, 5000)])
def test_each_tail_has_its_half_when_taken_at_the_ends(count: int, of: int) -> None:
    low, high = clopper_pearson(count, of)
    assert at_most(count, of, high) == pytest.approx(0.025, abs=1e-9)
    assert 1 - at_most(count - 1, of, low) == pytest.approx(0.025, abs=1e-9)
    assert low < count / of < high


def test_nothing_is_known_when_nothing_was_looked_at() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "of"), [(-1, 3), (4, 3)])
def test_count_is_refused_when_it_is_no_part(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(count, of)


@pytest.mark.training
def test_interval_is_that_of_the_flows_when_compared() -> None:
    rates = pytest.importorskip("flows.tasks.rates")
    for count, of in ((0, 9), (2, 9), (9, 9), (5, 1234), (600, 1234)):
        theirs = rates.clopper_pearson(count, of)
        assert clopper_pearson(count, of) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
