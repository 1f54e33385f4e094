"""Pasted defects are where their masks say and nowhere else, and few pictures are shown as asked."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.tasks.coco import Annotation, Picture
from flows.tasks.few_pictures import at_share, choose_input_size
from flows.tasks.paste_defects import Pasting, paste_defects
from models.intake import read_image

pytestmark = pytest.mark.training

SPOT = (40.0, 50.0, 52.0, 60.0)
RING = ((40.0, 50.0), (52.0, 50.0), (52.0, 60.0), (40.0, 60.0))


def _write(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Picture, ...]:
    """A dark part with a spot half as bright, a bright good part and a coloured one."""
    dark = np.full((100, 120, 3), 60, np.uint8)
    dark[50:60, 40:52] = 30
    _write(tmp_path / "dark.png", dark)
    _write(tmp_path / "bright.png", np.full((100, 120, 3), 200, np.uint8))
    _write(tmp_path / "blue.png", np.full((150, 110, 3), (220, 120, 100), np.uint8))
    return (
        Picture(tmp_path / "dark.png", (100, 120), (Annotation("spot", SPOT, (RING,)),)),
        Picture(tmp_path / "bright.png", (100, 120)),
        Picture(tmp_path / "blue.png", (150, 110)),
    )


def _ring_mask(picture: Picture) -> npt.NDArray[np.bool_]:
    mask = np.zeros(picture.shape_hw, np.uint8)
    for annotation in picture.annotations:
        for ring in annotation.rings:
            cv2.fillPoly(mask, [np.floor(np.array(ring)).astype(np.int32)], 1)
    return mask.astype(np.bool_)


def test_defects_change_the_good_part_inside_their_masks_when_pasted(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    made = paste_defects(pictures, tmp_path / "pasted", Pasting(12, contrast=(1.0, 1.0)))
    assert len(made) == 12
    for picture in made:
        pixels = read_image(picture.path.read_bytes()).pixels_rgb.astype(int)
        assert pixels.shape[:2] == picture.shape_hw
        assert {a.class_name for a in picture.annotations} == {"spot"}
        clean = np.median(pixels.reshape(-1, 3), axis=0)  # the good parts are of one colour
        changed = np.abs(pixels - clean).max(axis=2) > 2
        mask = _ring_mask(picture)
        reach = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)  # the feathered edge
        assert not (changed & ~reach).any()
        assert changed[mask].mean() > 0.9
        # Half as bright as its surroundings where it came from, and so it is here.
        inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
        assert np.abs(pixels[inner] / clean - 0.5).mean() < 0.12


def test_pictures_are_the_same_when_the_seed_is(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    first, second = (paste_defects(pictures, tmp_path / name, Pasting(4, seed=3)) for name in ("a", "b"))
    assert [p.annotations for p in first] == [p.annotations for p in second]
    assert [p.path.read_bytes() for p in first] == [p.path.read_bytes() for p in second]


def test_a_defect_stays_at_the_edge_when_it_lies_there(tmp_path: Path) -> None:
    chipped = np.full((80, 80, 3), 120, np.uint8)
    chipped[:10, 30:50] = 20
    _write(tmp_path / "chipped.png", chipped)
    _write(tmp_path / "good.png", np.full((160, 80, 3), 120, np.uint8))
    chip = Annotation("chip", (30.0, 0.0, 50.0, 10.0))
    pictures = (Picture(tmp_path / "chipped.png", (80, 80), (chip,)), Picture(tmp_path / "good.png", (160, 80)))
    for picture in paste_defects(pictures, tmp_path / "pasted", Pasting(6, most=1)):
        (found,) = picture.annotations
        left, top, right, bottom = found.box_xyxy
        assert min(top, 160 - bottom) <= 1
        assert 28 <= left < right <= 52
        assert bottom - top == pytest.approx(20, abs=3)  # as high in this picture as it was in its own


def test_nothing_is_pasted_when_there_is_no_good_part(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    assert paste_defects(pictures[:1], tmp_path / "a", Pasting(3)) == ()
    assert paste_defects(pictures[1:], tmp_path / "b", Pasting(3)) == ()


def _picture(side_px: float, longest_px: int = 400) -> Picture:
    box = Annotation("spot", (0.0, 0.0, side_px, 3.0 * side_px))
    return Picture(Path("p.png"), (longest_px // 2, longest_px), (box,) if side_px else ())


@pytest.mark.parametrize(
    ("side_px", "longest_px", "wanted"),
    [
        (50.0, 400, 256),  # large defects: the smallest input
        (7.0, 400, 416),  # 7 px are 7 px at full size
        (8.96, 400, 320),
        (2.0, 400, 416),  # the camera saw no more
        (3.0, 4000, 640),
        (16.0, 64, 64),  # nor of a small picture
        (2.0, 100, 128),
    ],
)
def test_input_is_as_large_as_the_defects_ask_for_when_chosen(side_px: float, longest_px: int, wanted: int) -> None:
    pictures = [_picture(side_px, longest_px), _picture(0.0, longest_px)]
    assert choose_input_size(pictures) == wanted


@pytest.mark.parametrize(("side_px", "wanted"), [(30.0, 640), (20.0, 800), (10.0, 1600)])
def test_defects_are_seen_a_little_less_large_when_that_saves_tiles(side_px: float, wanted: int) -> None:
    assert choose_input_size([_picture(side_px, 3200)], most_px=2048) == wanted


def test_input_is_the_smallest_when_no_defect_is_known() -> None:
    assert choose_input_size([_picture(0.0)]) == 256


@pytest.mark.parametrize(("good", "bad", "share"), [(10, 40, 0.5), (90, 10, 0.5), (30, 30, 0.8), (200, 7, 0.9)])
def test_kinds_are_shown_at_the_share_and_none_is_lost_when_repeated(good: int, bad: int, share: float) -> None:
    pictures = [Picture(Path(f"g{k}.png"), (9, 9)) for k in range(good)]
    pictures += [Picture(Path(f"b{k}.png"), (9, 9), (Annotation("spot", SPOT),)) for k in range(bad)]
    shown = at_share(pictures, share)
    assert {p.path for p in shown} == {p.path for p in pictures}
    assert np.mean([p.is_good for p in shown]) == pytest.approx(share, abs=0.02)


def test_a_share_is_refused_when_one_kind_would_not_be_shown() -> None:
    with pytest.raises(ValueError, match="good_share"):
        at_share([], 1.0)
