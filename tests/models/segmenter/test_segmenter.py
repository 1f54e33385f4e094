"""A box or a click on a picture of any size gives the outline of what is there, in pixels of the picture."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from onnx import TensorProto

from models.errors import InferenceError
from models.masks import MaskOutline
from models.segmenter import Prompt, PromptPoint, Region
from models.segmenter.segmenter import best_mask, picture_to_input
from tests.models.segmenter.conftest import Opened
from tests.tiny_segmenter import MASK_SIDE, MEAN, SIDE_PX, TinyDecoder, tiny_decoder, tiny_encoder

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
# Wide, tall, square, enlarged, far larger than the network, and not a multiple of anything.
SHAPES = [(300, 500), (500, 300), (256, 256), (90, 120), (1999, 3001), (777, 333)]


def part_with_spot(shape_hw: tuple[int, int], kind: str = "ellipse") -> tuple[Pixels, Mask]:
    """A grey part with a bright spot right of and below the middle, and where the spot is."""
    height, width = shape_hw
    spot = np.zeros(shape_hw, np.uint8)
    if kind == "ellipse":
        cv2.ellipse(
            spot, (int(width * 0.62), int(height * 0.7)), (int(width * 0.2), int(height * 0.15)), 0, 0, 360, 1, -1
        )
    else:
        spot[int(height * 0.5) : int(height * 0.8), int(width * 0.5) : int(width * 0.9)] = 1
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[spot > 0] = (230, 210, 220)
    return pixels, spot > 0


def box_of(spot: Mask, margin: float) -> tuple[float, float, float, float]:
    """The box around a spot, wider by a share of the picture."""
    rows, columns = np.nonzero(spot)
    height, width = spot.shape
    return (
        max(0.0, columns.min() - margin * width),
        max(0.0, rows.min() - margin * height),
        min(float(width), columns.max() + 1 + margin * width),
        min(float(height), rows.max() + 1 + margin * height),
    )


def drawn(outline: MaskOutline, shape_hw: tuple[int, int]) -> Mask:
    canvas = np.zeros(shape_hw, np.uint8)
    for ring in outline.rings:
        cv2.fillPoly(canvas, [np.round(np.array(ring) - 0.5).astype(np.int32)], 1)
    return canvas > 0


def overlap(one: Mask, other: Mask) -> float:
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


@pytest.mark.parametrize("shape_hw", SHAPES)
@pytest.mark.parametrize("kind", ["planar", "interleaved"])
def test_spot_is_outlined_when_a_box_is_drawn_around_it(opened: Opened, shape_hw: tuple[int, int], kind: Any) -> None:
    pixels, spot = part_with_spot(shape_hw)
    segmenter = opened(kind)
    region = segmenter.segment(segmenter.embed(pixels), Prompt(box_of(spot, 0.05)))
    # A mask pixel is 4 px of the network's square: nothing can be known more exactly than about half of that.
    assert overlap(drawn(region.outline, shape_hw), spot) > 0.9
    assert region.score == pytest.approx(0.9)
    assert region.outline.area_px == pytest.approx(np.count_nonzero(spot), rel=0.1)
    mask_px = max(shape_hw) / MASK_SIDE
    assert region.outline.box_xyxy == pytest.approx(box_of(spot, 0), abs=mask_px)


@pytest.mark.parametrize("shape_hw", SHAPES)
def test_spot_is_outlined_when_it_is_clicked_on(opened: Opened, shape_hw: tuple[int, int]) -> None:
    pixels, spot = part_with_spot(shape_hw, "block")
    height, width = shape_hw
    click = PromptPoint(width * 0.85, height * 0.76)
    segmenter = opened()
    embedding = segmenter.embed(pixels)
    region = segmenter.segment(embedding, Prompt(points=(click,)))
    assert overlap(drawn(region.outline, shape_hw), spot) > 0.8
    outside = segmenter.segment(embedding, Prompt(points=(PromptPoint(width * 0.2, height * 0.2),)))
    # Rings are outer rings: the hole where the spot is shows in the area alone.
    assert outside.outline.area_px == pytest.approx(np.count_nonzero(~spot), rel=0.05)
    nothing = segmenter.segment(
        embedding, Prompt(points=(click, PromptPoint(width * 0.55, height * 0.55, inside=False)))
    )
    assert nothing.outline == MaskOutline((), 0.0, 0.0, 0.0)


def test_region_stays_in_the_box_when_the_spot_is_larger(opened: Opened) -> None:
    pixels, _ = part_with_spot((400, 600), "block")  # columns 300-540, rows 200-320
    segmenter = opened()
    region = segmenter.segment(segmenter.embed(pixels), Prompt((250, 150, 420, 380)))
    assert region.outline.box_xyxy == pytest.approx((300, 200, 420, 320), abs=600 / MASK_SIDE)
    assert not drawn(region.outline, (400, 600))[:, 430:].any()


def test_outline_touches_the_edge_when_the_spot_does(opened: Opened) -> None:
    pixels = np.full((200, 300, 3), 90, np.uint8)
    pixels[150:, 220:] = 230
    segmenter = opened()
    region = segmenter.segment(segmenter.embed(pixels), Prompt((180, 110, 300, 200)))
    box = region.outline.box_xyxy
    assert box is not None
    assert (box[2], box[3]) == (300, 200)
    assert box[:2] == pytest.approx((220, 150), abs=300 / MASK_SIDE)


def test_outline_is_that_of_the_graphs_own_masks_when_compared(opened: Opened) -> None:
    pixels, spot = part_with_spot((437, 610))
    segmenter = opened()
    embedding = segmenter.embed(pixels)
    prompt = Prompt(box_of(spot, 0.05))
    session = ort.InferenceSession(tiny_decoder().SerializeToString(), providers=["CPUExecutionProvider"])
    coordinates, labels = prompt.to_points(SIDE_PX / 610)
    masks = session.run(
        ["masks"],
        {
            "image_embeddings": embedding.values,
            "point_coords": coordinates,
            "point_labels": labels,
            "mask_input": np.zeros((1, 1, MASK_SIDE, MASK_SIDE), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array([437, 610], np.float32),
        },
    )[0]
    outline = segmenter.segment(embedding, prompt).outline
    assert overlap(drawn(outline, (437, 610)), masks[0, 1] > 0) > 0.98


@pytest.mark.parametrize("shape_hw", [(1, 1), (1, 3000), (3000, 1), (2, 700)])
def test_answer_comes_when_the_picture_is_hardly_one(opened: Opened, shape_hw: tuple[int, int]) -> None:
    height, width = shape_hw
    segmenter = opened()
    embedding = segmenter.embed(np.full((height, width, 3), 200, np.uint8))
    region = segmenter.segment(embedding, Prompt(points=(PromptPoint(width / 2, height / 2),)))
    assert 0 <= region.outline.area_px <= height * width * 1.01


@pytest.mark.parametrize(
    "like",
    [
        TinyDecoder(picture_size=False),
        TinyDecoder(label_type=TensorProto.INT64),
        TinyDecoder(ious=(0.7,), right=0),
        TinyDecoder(ious=(0.3, 0.1, 0.2, 0.8), right=3),
    ],
    ids=["nanosam", "integer labels", "single mask", "four masks"],
)
def test_every_kind_of_decoder_works_when_it_is_of_the_family(opened: Opened, like: TinyDecoder) -> None:
    pixels, spot = part_with_spot((300, 500))
    segmenter = opened("planar", like)
    region = segmenter.segment(segmenter.embed(pixels), Prompt(box_of(spot, 0.05)))
    assert overlap(drawn(region.outline, (300, 500)), spot) > 0.9
    assert region.score == pytest.approx(max(like.ious))


def test_best_mask_is_among_those_meant_for_the_prompt_when_chosen() -> None:
    def scores(*values: float) -> npt.NDArray[np.float32]:
        return np.array(values, np.float32)

    assert best_mask(scores(0.1, 0.9, 0.5), 2) == 1
    assert best_mask(scores(0.9, 0.1, 0.5), 9) == 0
    assert best_mask(scores(0.99, 0.1, 0.7, 0.5), 2) == 2
    assert best_mask(scores(0.01, 0.1, 0.7, 0.5), 3) == 0
    assert best_mask(scores(0.3), 2) == 0


def test_answer_is_refused_when_it_holds_no_numbers(opened: Opened) -> None:
    pixels, _ = part_with_spot((64, 64))
    with pytest.raises(InferenceError, match="no numbers"):
        opened("no_numbers").embed(pixels)
    segmenter = opened("planar", TinyDecoder(shift=float("nan")))
    with pytest.raises(InferenceError, match="no numbers"):
        segmenter.segment(segmenter.embed(pixels), Prompt((1, 1, 60, 60)))


def test_score_stays_a_share_when_the_network_exceeds_it(opened: Opened) -> None:
    pixels, spot = part_with_spot((100, 100))
    segmenter = opened("planar", TinyDecoder(ious=(1.04,), right=0))
    region = segmenter.segment(segmenter.embed(pixels), Prompt(box_of(spot, 0.05)))
    assert isinstance(region, Region)
    assert region.score == 1.0


def test_square_is_filled_from_the_upper_left_when_prepared() -> None:
    pixels = np.full((100, 200, 3), (250, 10, 90), np.uint8)
    planes = picture_to_input(pixels, 64, planar=True)
    square = picture_to_input(pixels, 64, planar=False)
    assert (planes.shape, square.shape) == ((1, 3, 64, 64), (64, 64, 3))
    assert {planes.dtype, square.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(square[:32], np.broadcast_to((250, 10, 90), (32, 64, 3)))
    np.testing.assert_allclose(square[32:], np.broadcast_to(MEAN, (32, 64, 3)))
    assert not planes[0, :, 32:].any()
    np.testing.assert_allclose(
        planes[0, :, 0, 0], (np.array([250, 10, 90]) - MEAN) / [58.395, 57.12, 57.375], rtol=1e-5
    )


def test_both_kinds_of_encoder_see_the_same_when_compared() -> None:
    pixels, _ = part_with_spot((333, 512))
    found = []
    for kind, planar in (("planar", True), ("interleaved", False)):
        graph = tiny_encoder("planar" if kind == "planar" else "interleaved")
        session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        blob = picture_to_input(pixels, SIDE_PX, planar=planar)
        found.append(session.run(None, {session.get_inputs()[0].name: blob})[0])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
