"""Boxes and clicks over HTTP: polygons in pixels of the picture, or a clear no."""

import os
import sys
import threading
from typing import Any

import httpx
import numpy as np
import pytest

from serving.app import create_app
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.segmenter.conftest import API, part_with_spot, queue_picture, segment, wait_until
from tests.serving.server import serve
from tests.tiny_segmenter import MASK_SIDE


def spot_box(shape_hw: tuple[int, int]) -> tuple[float, float, float, float]:
    height, width = shape_hw
    return width * 2 / 5, height * 2 / 5, width * 3 / 5, height * 3 / 5


def around(box: tuple[float, ...], by_px: float) -> list[float]:
    return [box[0] - by_px, box[1] - by_px, box[2] + by_px, box[3] + by_px]


def extent_of(polygons: list[list[list[float]]]) -> tuple[float, ...]:
    corners = np.concatenate([np.array(ring) for ring in polygons])
    return (*corners.min(axis=0), *corners.max(axis=0))


@pytest.mark.parametrize("shape_hw", [(120, 200), (200, 120), (480, 480), (1000, 1600)])
def test_spot_becomes_a_polygon_when_boxed_or_clicked_on(operator: httpx.Client, shape_hw: tuple[int, int]) -> None:
    item, spot = queue_picture(operator, part_with_spot(shape_hw)), spot_box(shape_hw)
    height, width = shape_hw
    exact_px = max(shape_hw) / MASK_SIDE + 1
    prompts: list[dict[str, Any]] = [
        {"box": around(spot, 0.08 * min(shape_hw))},
        {"points": [{"x": width / 2, "y": height / 2}]},
        {"points": [{"x": width / 2, "y": height / 2, "label": 1}, {"x": 0.9 * width, "y": 0.9 * height, "label": 0}]},
    ]
    for prompt in prompts:
        answer = segment(operator, item["id"], **prompt)
        assert answer.status_code == 200, answer.text
        (region,) = answer.json()["regions"]
        assert extent_of(region["polygons"]) == pytest.approx(spot, abs=exact_px)
        assert region["box"] == pytest.approx(spot, abs=exact_px)
        assert region["score"] == 0.9
        assert region["area_px"] == pytest.approx(height * width / 25, rel=0.35)


def test_region_is_accepted_as_an_annotation_when_sent_on(operator: httpx.Client) -> None:
    pixels = np.full((97, 203, 3), 60, np.uint8)
    pixels[50:, 101:] = 240  # reaches the lower right corner
    pixels[:24, :48] = (190, 75, 75)
    item = queue_picture(operator, pixels)
    (region,) = segment(operator, item["id"], box=[80, 30, 203, 97]).json()["regions"]
    assert region["box"][2:] == [203, 97]
    annotation = {"class_name": "scratch", "bbox": region["box"], "polygon": region["polygons"]}
    stored = operator.post(f"{API}/annotate/{item['id']}", json={"annotations": [annotation]})
    assert stored.status_code == 200, stored.text


def test_each_box_becomes_a_region_when_many_are_sent(operator: httpx.Client) -> None:
    item, spot = queue_picture(operator, part_with_spot()), spot_box((120, 200))
    empty = [150.0, 90.0, 190.0, 115.0]
    suggested = [suggestion["bbox"] for suggestion in item["suggestions"]]
    assert suggested
    answer = segment(operator, item["id"], boxes=[around(spot, 6), empty, *suggested])
    assert answer.status_code == 200, answer.text
    first, second, *refined = answer.json()["regions"]
    assert first["box"] == pytest.approx(spot, abs=5)
    assert second == {"polygons": [], "box": None, "score": 0.9, "area_px": 0.0}
    assert len(refined) == len(suggested)


def test_picture_is_encoded_once_when_it_is_clicked_on_again(operator: httpx.Client) -> None:
    one, other = queue_picture(operator, part_with_spot()), queue_picture(operator, part_with_spot((130, 200)))
    known = [
        segment(operator, item["id"], points=[{"x": 100, "y": 60}]).json()["embedding_cached"]
        for item in (one, one, other, one, other)
    ]
    assert known == [False, True, False, True, True]
    spot = segment(operator, other["id"], box=around(spot_box((130, 200)), 8)).json()["regions"][0]["box"]
    assert spot == pytest.approx(spot_box((130, 200)), abs=5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "is needed"),
        ({"points": [{"x": 5, "y": 5, "label": 0}]}, "is needed"),
        ({"points": [{"x": 5, "y": 5, "label": 2}]}, "label"),
        ({"points": [{"x": 200.5, "y": 5}]}, "point 1 reaches (200.5, 5), outside the picture of 200 x 120 px"),
        ({"points": [{"x": 5, "y": 5}, {"x": 5, "y": -1, "label": 0}]}, "point 2 reaches (5, -1)"),
        ({"points": [{"x": 5, "y": 5}] * 65}, "at most 64"),
        ({"box": [10, 10, 201, 50]}, "box 1 reaches (201, 50), outside"),
        ({"box": [-0.1, 10, 20, 50]}, "outside"),
        ({"box": [20, 10, 20, 50]}, "empty or turned around"),
        ({"box": [20, 50, 40, 10]}, "empty or turned around"),
        ({"box": [20, 10, 40]}, "box"),
        ({"boxes": [[1, 1, 9, 9], [1, 1, 9, 121]]}, "box 2 reaches"),
        ({"boxes": [[1, 1, 9, 9]] * 101}, "at most 100"),
        ({"boxes": [[1, 1, 9, 9]], "box": [1, 1, 9, 9]}, "stands alone"),
        ({"box": [1, 1, 9, 9], "mask": []}, "not permitted"),
    ],
)
def test_prompt_is_refused_when_it_makes_no_sense(operator: httpx.Client, body: dict[str, Any], said: str) -> None:
    item = queue_picture(operator, part_with_spot())
    answer = segment(operator, item["id"], **body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


def test_number_is_refused_when_it_is_none(operator: httpx.Client) -> None:
    item = queue_picture(operator, part_with_spot())
    for value in ("NaN", "Infinity", "1e999"):
        headers = {"Content-Type": "application/json"}
        content = f'{{"box": [1, 1, {value}, 9]}}'
        answer = operator.post(f"{API}/segment/{item['id']}", content=content, headers=headers)
        assert answer.status_code == 422, answer.text


def test_picture_is_not_found_when_it_is_unknown_or_its_file_gone(operator: httpx.Client, set_up: Settings) -> None:
    assert segment(operator, "nothing", box=[1, 1, 9, 9]).status_code == 404
    item = queue_picture(operator, part_with_spot())
    for file in set_up.media_dir.rglob("*.png"):
        file.unlink()
    answer = segment(operator, item["id"], box=[1, 1, 9, 9])
    assert (answer.status_code, answer.json()["detail"]) == (404, "the picture's file is gone")


def test_line_goes_on_and_the_queue_ends_when_too_many_click(set_up: Settings) -> None:
    app = create_app(set_up)
    with serve(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        item = queue_picture(client, part_with_spot())
        assert segment(client, item["id"], box=[1, 1, 99, 99]).status_code == 200
        segmenter, answers = app.state.platform.segmenter, []

        def click() -> None:
            answers.append(
                httpx.post(f"{url}{API}/segment/{item['id']}", json=body, headers=client.headers).status_code
            )

        body, clickers = {"box": [1, 1, 99, 99]}, [threading.Thread(target=click) for _ in range(8)]
        with segmenter._pair._loading:  # the segmenter's thread waits here
            for clicker in clickers:
                clicker.start()
            wait_until(lambda: segmenter.waiting == 8)
            refused = segment(client, item["id"], **body)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            queue_picture(client, part_with_spot((140, 200)))  # an inspection does not wait for them
            assert "ussop_segmentations_waiting 8.0" in client.get("/metrics").text
        for clicker in clickers:
            clicker.join(20)
        assert answers == [200] * 8
        assert segmenter.waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_thread_is_its_own_and_gives_way_when_it_works(operator: httpx.Client) -> None:
    item = queue_picture(operator, part_with_spot())
    assert segment(operator, item["id"], box=[1, 1, 99, 99]).status_code == 200
    niceness = {
        thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread.native_id and thread.name.startswith(("segmenter-", "inference-"))
    }
    slow = [value for name, value in niceness.items() if name.startswith("segmenter-")]
    line = [value for name, value in niceness.items() if name.startswith("inference-")]
    assert len(slow) == 1
    assert slow[0] >= 10
    assert line
    assert set(line) == {os.getpriority(os.PRIO_PROCESS, 0)}
