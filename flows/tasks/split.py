"""Pictures into training, validation and test parts, so that no part of the line is in two of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flows.tasks.coco import Picture


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint sets of pictures."""

    train: tuple[Picture, ...]
    val: tuple[Picture, ...]
    test: tuple[Picture, ...]


def split_by_group(
    pictures: tuple[Picture, ...],
    *,
    group_of: Callable[[Picture], str],
    val_share: float,
    test_share: float,
    seed: int,
) -> Split:
    """Return the pictures in three sets of which no two share a group, with each class spread by the given shares.

    Groups are dealt class by class, the rarest class first, each to the set that lacks most of that class: groups
    differ in size, and a class of few groups must be in every set.

    Args:
        pictures: All pictures, good parts included.
        group_of: Names the group of a picture; pictures of one physical part must have one name.
        val_share: Share of the pictures for validation, 0..1.
        test_share: Share of the pictures held out for the test, 0..1.
        seed: Chooses the split.

    Raises:
        ValueError: The shares leave nothing to train on.
    """
    if min(val_share, test_share) < 0.0 or val_share + test_share >= 1.0:
        raise ValueError("val_share and test_share must leave something to train on")
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        groups[group_of(picture)].append(picture)
    rng = np.random.default_rng(seed)
    shares = {"test": test_share, "val": val_share, "train": 1.0 - val_share - test_share}
    parts: dict[str, list[Picture]] = {"test": [], "val": [], "train": []}
    for class_name, names in _by_rarest_class(groups).items():
        ordered = sorted(names)
        wanted = {part: share * _pictures_of(class_name, pictures) for part, share in shares.items() if share > 0.0}
        for k in rng.permutation(len(ordered)):
            # Counted anew each time: groups dealt for a rarer class brought pictures of this one along.
            lacking = {part: 1.0 - _pictures_of(class_name, parts[part]) / wanted[part] for part in wanted}
            parts[max(lacking, key=lambda part: lacking[part])].extend(groups[ordered[int(k)]])
    test, val, train = (tuple(sorted(part, key=lambda picture: picture.path.name)) for part in parts.values())
    return Split(train, val, test)


def _pictures_of(class_name: str, pictures: Sequence[Picture]) -> int:
    """Return how many pictures show the class; "" stands for good parts."""
    if not class_name:
        return sum(picture.is_good for picture in pictures)
    return sum(any(annotation.class_name == class_name for annotation in p.annotations) for p in pictures)


def _by_rarest_class(groups: dict[str, list[Picture]]) -> dict[str, list[str]]:
    """Return the names of the groups by the rarest class in each ("" for groups of good parts), rarest first."""
    classes = {
        name: {annotation.class_name for picture in members for annotation in picture.annotations}
        for name, members in groups.items()
    }
    frequency = Counter(class_name for found in classes.values() for class_name in found)
    strata: dict[str, list[str]] = defaultdict(list)
    for name, found in classes.items():
        strata[min(found, key=lambda class_name: (frequency[class_name], class_name), default="")].append(name)
    return dict(sorted(strata.items(), key=lambda item: (frequency.get(item[0], len(groups)), item[0])))


def own_group(picture: Picture) -> str:
    """Return a group of the picture's own: every picture shows another part."""
    return picture.path.name


TILE_GAP = 3000
TILE_SIZE_TOLERANCE = 0.06
_TILE_NAME = re.compile(r"^[a-z]+_exp\d+_num_(\d+)\.jpg$")


def magnetic_tile_groups(pictures: tuple[Picture, ...]) -> dict[str, str]:
    """Return the group of each picture (by file name) of the magnetic-tile data set: one physical tile, or more.

    The names are like `blowhole_exp1_num_108719.jpg`. What the data show: no number occurs twice; sorted by number,
    runs of up to six pictures with exposures 1 to 6 and nearly one crop size lie within 150 numbers of each other (one
    tile at six exposures), and now and then the same crop sizes come again some 2,000 numbers later (the tile was shot
    again). So pictures of nearly one size and at most `TILE_GAP` numbers apart are taken for one tile. That joins
    different tiles too, which costs a little balance; the other mistake would leak test tiles into training.

    Raises:
        ValueError: A name does not follow the data set's pattern.
    """
    numbered = []
    for picture in pictures:
        match = _TILE_NAME.match(picture.path.name)
        if match is None:
            raise ValueError(f"{picture.path.name} is not named like a picture of the magnetic-tile data set")
        numbered.append((int(match[1]), picture))
    numbered.sort(key=lambda item: item[0])
    leader = list(range(len(numbered)))
    for later, (number, picture) in enumerate(numbered):
        earlier = later - 1
        while earlier >= 0 and number - numbered[earlier][0] <= TILE_GAP:
            if _same_size(picture.shape_hw, numbered[earlier][1].shape_hw):
                leader[_root(leader, later)] = _root(leader, earlier)
            earlier -= 1
    return {picture.path.name: f"tile_{_root(leader, k):04d}" for k, (_, picture) in enumerate(numbered)}


def _root(leader: list[int], member: int) -> int:
    while leader[member] != member:
        member = leader[member]
    return member


def _same_size(first_hw: tuple[int, int], second_hw: tuple[int, int]) -> bool:
    return all(abs(a - b) <= TILE_SIZE_TOLERANCE * max(a, b) for a, b in zip(first_hw, second_hw, strict=True))
