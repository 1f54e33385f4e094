"""A split never shows one part in two sets, and every set sees every class."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.tasks.coco import Annotation, Picture, read_coco
from flows.tasks.split import Split, magnetic_tile_groups, own_group, split_by_group


def _picture(name: str, *class_names: str, shape_hw: tuple[int, int] = (300, 200)) -> Picture:
    return Picture(Path(name), shape_hw, tuple(Annotation(c, (0.0, 0.0, 9.0, 9.0)) for c in class_names))


def _pictures() -> tuple[Picture, ...]:
    crack = [_picture(f"crack_{k:03d}.jpg", "crack") for k in range(30)]
    dent = [_picture(f"dent_{k:03d}.jpg", "dent", "crack" if k % 5 == 0 else "dent") for k in range(60)]
    return tuple(crack + dent + [_picture(f"good_{k:03d}.jpg") for k in range(110)])


def _by_ten(picture: Picture) -> str:
    return picture.path.stem[:-1]


def _split(group_of: Callable[[Picture], str] = own_group, seed: int = 1) -> Split:
    return split_by_group(_pictures(), group_of=group_of, val_share=0.15, test_share=0.2, seed=seed)


@pytest.mark.parametrize("group_of", [own_group, _by_ten])
def test_no_group_is_in_two_sets_when_split(group_of: Callable[[Picture], str]) -> None:
    split = _split(group_of)
    groups = [{group_of(picture) for picture in part} for part in (split.train, split.val, split.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert len(split.train) + len(split.val) + len(split.test) == 200


def test_shares_hold_for_each_class_when_groups_are_small() -> None:
    split = _split()
    for name, count in (("crack", 30), ("dent", 48), ("good", 110)):
        in_test = sum(p.path.stem.startswith(name) for p in split.test)
        assert in_test / count == pytest.approx(0.2, abs=0.06)


def test_split_is_the_same_when_the_seed_is() -> None:
    assert _split(seed=5) == _split(seed=5)
    assert _split(seed=5) != _split(seed=6)


@pytest.mark.parametrize(("val_share", "test_share"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 0.9)])
def test_shares_are_refused_when_nothing_is_left_to_train_on(val_share: float, test_share: float) -> None:
    with pytest.raises(ValueError, match="train on"):
        split_by_group(_pictures(), group_of=own_group, val_share=val_share, test_share=test_share, seed=1)


def test_tiles_are_joined_when_numbers_and_sizes_are_near() -> None:
    names = {
        "crack_exp1_num_1000.jpg": (370, 250),
        "free_exp2_num_1030.jpg": (375, 255),  # the same tile at the next exposure
        "crack_exp3_num_1060.jpg": (280, 120),  # another tile that came in between
        "crack_exp4_num_90000.jpg": (370, 250),  # much later
    }
    groups = magnetic_tile_groups(tuple(_picture(name, shape_hw=size) for name, size in names.items()))
    first, second, third, fourth = (groups[name] for name in names)
    assert first == second
    assert len({first, third, fourth}) == 3


def test_a_name_is_refused_when_it_is_not_of_the_data_set() -> None:
    with pytest.raises(ValueError, match="part_000001"):
        magnetic_tile_groups((_picture("part_000001.jpg"),))


def test_exposures_of_one_tile_stay_together_when_the_real_data_are_split(real_data_dir: Path) -> None:
    dataset = read_coco(real_data_dir)
    groups = magnetic_tile_groups(dataset.pictures)
    # Seen in the data: six exposures of one crack, twice, with the same crop sizes some 2,000 numbers apart.
    again = {groups[f"crack_exp{e}_num_{n}.jpg"] for e, n in ((4, 85602), (5, 85642), (4, 88149), (5, 88170))}
    assert len(again) == 1
    split = split_by_group(
        dataset.pictures, group_of=lambda p: groups[p.path.name], val_share=0.15, test_share=0.2, seed=7
    )
    for part in (split.val, split.test):
        assert {a.class_name for picture in part for a in picture.annotations} == set(dataset.class_names)
    assert len(split.test) / len(dataset.pictures) == pytest.approx(0.2, abs=0.05)
