"""A simulated line gives the parts that its rate promises, in any order, under a lamp that drifts."""

import numpy as np
import pytest

from models.simulation import DEFECT_CLASSES, SimulatedLine
from models.simulation.lighting import lamp_at


def test_part_is_the_same_when_asked_for_out_of_order() -> None:
    line = SimulatedLine(11)
    later_first = {index: line.part(index).pixels_rgb.tobytes() for index in (9, 0, 4)}
    assert later_first == {index: SimulatedLine(11).part(index).pixels_rgb.tobytes() for index in (0, 4, 9)}


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_share_of_defective_parts_is_the_rate_when_many_are_drawn(rate: float) -> None:
    line = SimulatedLine(3, rate)
    defective = np.mean([bool(line.defects_of(index)) for index in range(2000)])
    assert defective == pytest.approx(rate, abs=0.04)


def test_every_class_and_up_to_three_defects_occur_when_many_parts_are_drawn() -> None:
    drawn = [SimulatedLine(3, 1.0).defects_of(index) for index in range(500)]
    assert {name for names in drawn for name in names} == set(DEFECT_CLASSES)
    assert {len(names) for names in drawn} == {1, 2, 3}


def test_good_parts_carry_no_mask_when_the_line_is_free_of_defects() -> None:
    assert all(SimulatedLine(5, 0.0).part(index).defects == () for index in range(5))


def test_neighbours_share_the_light_when_the_lamp_drifts() -> None:
    gains = np.array([lamp_at(21, index).gain for index in range(2000)])
    assert np.abs(np.diff(gains)).max() < 0.005
    assert gains.max() - gains.min() > 0.15


def test_metal_keeps_off_the_ends_of_the_scale_when_the_lamp_drifts() -> None:
    for index in range(0, 1000, 125):
        part = SimulatedLine(8, 0.0).part(index)
        metal = part.pixels_rgb[200:280, 280:360]
        assert np.median(metal[metal > 70]) > 90
        assert (part.pixels_rgb == 255).mean() < 0.001


def test_a_rate_is_refused_when_it_is_no_share() -> None:
    with pytest.raises(ValueError, match="defect_rate"):
        SimulatedLine(1, 1.2)
